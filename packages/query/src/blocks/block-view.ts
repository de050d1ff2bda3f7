// Rows of one stream in columns: what a scan reads, whatever stores them.

import type { LabelSet } from '@skald/wire'

/** Structured metadata of a block: the different sets, and which of them each row has. */
export interface MetadataColumn {
  /** Different sets of the block, `detected_level` among them; often a single one. */
  readonly sets: readonly LabelSet[]
  /** Row → index in `sets`; may be decoded when it is first read. */
  readonly rowSets: Uint32Array
}

/** Lines of a block in one buffer, each followed by one `\n` (lines may hold more of them). */
export interface LinesColumn {
  /** UTF-8, or whatever bytes were pushed. Valid until the next block is scanned. */
  readonly bytes: Buffer
  /** Line i is `bytes[offsets[i] .. offsets[i + 1] - 1)`; rowCount + 1 values. */
  readonly offsets: Uint32Array
}

/**
 * Rows of one stream, ascending by time. Columns are decoded when they are first asked for, so a
 * scan that needs no lines decompresses none.
 */
export interface BlockView {
  /** Labels of the stream. */
  readonly labels: LabelSet
  /** Time order between blocks of one stream at equal timestamps: what was pushed later has more. */
  readonly sequence: number
  readonly rowCount: number
  /** Time that `timestamps()` count from. */
  readonly baseNs: bigint
  /** First and last timestamp, both inclusive. */
  readonly minNs: bigint
  readonly maxNs: bigint
  /** Rows that do not count: 1 for a duplicate of a row elsewhere or a deleted row. */
  readonly skip: Uint8Array | undefined
  /** Row → nanoseconds since `baseNs`, exact (below 2^53), ascending. */
  timestamps(): Float64Array
  /** Row → bytes of its line. */
  lineLengths(): Uint32Array
  lines(): LinesColumn
  metadata(): MetadataColumn
  /** Row → pairs of its structured metadata, `detected_level` among them; reads no lines. */
  metadataPairs(): Uint32Array
}

/** Evaluation times of a metric query: `startNs + i * stepNs` for i below `count`. */
export interface StepGrid {
  readonly startNs: bigint
  /** Above zero; any value where `count` is 1. */
  readonly stepNs: bigint
  readonly count: number
}

export type Direction = 'forward' | 'backward'

/** What a scan touched. Sizes are bytes of lines (and metadata) before compression. */
export interface ScanStats {
  blocksScanned: number
  /** Blocks in the time range of which no column had to be decoded, or only timestamps. */
  blocksSkipped: number
  bytesProcessed: number
  linesProcessed: number
  linesMatched: number
  structuredMetadataBytes: number
}
