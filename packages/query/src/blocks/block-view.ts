// Rows of one stream in columns: what a scan reads, wherever they are stored.

import type { LabelSet } from '@skald/wire'

/** Structured metadata of a block: its distinct sets, and the set of each row. */
export interface MetadataColumn {
  /** Distinct sets of the block, including `detected_level`. There is often only one. */
  readonly sets: readonly LabelSet[]
  /** Row → index in `sets`. May be decoded on first use. */
  readonly rowSets: Uint32Array
  /** The sets as bytes, if the column came from bytes and `sets` is only decoded on first use. */
  readonly table?: MetadataTable
}

/** Distinct sets of metadata that are decoded one at a time. */
export interface MetadataTable {
  readonly setCount: number
  /** Returns one set. */
  setAt(index: number): LabelSet
  /** Set → bytes of its names and values. */
  sizesBytes(): Uint32Array
  /** Returns whether any set has this name. */
  hasName(name: string): boolean
  /** Returns 1 for each set that has this pair, and 0 for the others. */
  setsWith(name: string, value: string): Uint8Array
}

/** Lines of a block in one buffer. Each is followed by one `\n`; lines may also contain `\n`. */
export interface LinesColumn {
  /** If known without the bytes. */
  readonly byteLength?: number
  /**
   * UTF-8, or whatever bytes were pushed. May be decoded on first use. Valid until the next block is
   * scanned.
   */
  readonly bytes: Buffer
  /** Line i is `bytes[offsets[i] .. offsets[i + 1] - 1)`; rowCount + 1 values. */
  readonly offsets: Uint32Array
  /**
   * Returns 1 for each row whose line has these bytes, and 0 for the others. `undefined` if the source
   * would have to decode the bytes for it.
   */
  rowsWith?(text: Buffer): Uint8Array | undefined
}

/**
 * Rows of one stream, in ascending time order. Columns are decoded on first use, so a scan that needs no
 * lines decompresses none.
 */
export interface BlockView {
  /** Labels of the stream. */
  readonly labels: LabelSet
  /** Orders blocks of one stream at equal timestamps: later pushes have higher numbers. */
  readonly sequence: number
  readonly rowCount: number
  /** `timestamps()` are relative to this time. */
  readonly baseNs: bigint
  /** First and last timestamp, both inclusive. */
  readonly minNs: bigint
  readonly maxNs: bigint
  /** Marks rows to ignore with 1: deleted rows, and duplicates of rows elsewhere. */
  readonly skip: Uint8Array | undefined
  /** Row → nanoseconds since `baseNs`, exact (below 2^53), ascending. */
  timestamps(): Float64Array
  /** Row → bytes of its line. */
  lineLengths(): Uint32Array
  lines(): LinesColumn
  metadata(): MetadataColumn
  /** Row → number of structured metadata pairs, including `detected_level`. Reads no lines. */
  metadataPairs(): Uint32Array
}

/** Evaluation times of a metric query: `startNs + i * stepNs` for i below `count`. */
export interface StepGrid {
  readonly startNs: bigint
  /** Above zero. Any positive value if `count` is 1. */
  readonly stepNs: bigint
  readonly count: number
}

export type Direction = 'forward' | 'backward'

/**
 * The work of a query or of one scan. Sizes are bytes of lines (and metadata) before compression,
 * unless they say otherwise. Times are milliseconds.
 */
export interface ScanStats {
  blocksScanned: number
  /** Blocks in the time range for which no column was decoded, or only timestamps. */
  blocksSkipped: number
  bytesProcessed: number
  linesProcessed: number
  linesMatched: number
  structuredMetadataBytes: number

  // The rest comes from the source, and is 0 if the source does not know it.

  /** Leaves that the source ran, and those of them that another query had already started. */
  leaves: number
  leavesShared: number
  streams: number
  segments: number
  /** Blocks outside the time range. */
  blocksOutOfRange: number
  /** Blocks of streams that the selector does not match. */
  blocksOfOtherStreams: number
  /** Blocks whose rows are all hidden by delete requests. */
  blocksDeleted: number
  /** Blocks whose filter says that they cannot have what the query needs. */
  blocksFiltered: number
  /** Blocks that were counted without their lines. */
  blocksCounted: number
  /** Blocks that were not opened, because their segment has counts of their rows. */
  blocksFromCounts: number
  /** Blocks that were left when a log query had its entries. */
  blocksBeyondLimit: number
  /** Blocks whose filter was used, whatever it said. */
  filtersAsked: number
  /** Blocks that a filter let through and that had no row for the query. */
  filterFalseHits: number
  /** Segments with filters that could not be used. */
  filtersDamaged: number
  /** Segments of which no block was opened, because counts told enough. */
  segmentsFromCounts: number
  /** Segments with counts that could not be used. */
  countsDamaged: number
  /** Bytes read from files. Footers count if they were not in memory. */
  footerBytesRead: number
  filterBytesRead: number
  countBytesRead: number
  blockBytesRead: number
  /** Reads of a bucket, and the bytes that they brought. */
  bucketRequests: number
  bucketBytesRead: number
  /** Bytes that came out of decompression. */
  bytesDecompressed: number
  /** Time to find streams and segments, read footers, ask filters, add up counts, scan and merge. */
  streamsMs: number
  footersMs: number
  filtersMs: number
  countsMs: number
  scanMs: number
  mergeMs: number
  /** Most threads that scanned at the same time. */
  scanThreads: number
  /** CPU of all scan threads, and of the busiest one in each leaf. */
  scanCpuMs: number
  scanCpuMostMs: number
}
