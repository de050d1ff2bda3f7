// The border between LogQL and whatever stores the lines. The engine cuts a query into leaves (a log
// selection, or a range aggregation with the grouping around it), a LogSource runs each leaf near the
// data with a LeafScanner over blocks in columns, and the engine merges what the scanners found.
// Everything that crosses the border survives a structured clone, so scanners may live in workers.

import type { LabelSet, Matcher } from '@skald/wire'

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

/** Asks for the first or last `limit` entries of a log query. */
export interface LogLeaf {
  readonly kind: 'logs'
  /** Canonical LogQL of the log query: selector and pipeline. */
  readonly logql: string
  readonly matchers: readonly Matcher[]
  /** Inclusive. */
  readonly startNs: bigint
  /** Exclusive. */
  readonly endNs: bigint
  readonly direction: Direction
  readonly limit: number
}

/** Asks for one range aggregation over a grid of steps, folded per series. */
export interface SampleLeaf {
  readonly kind: 'samples'
  /** Canonical LogQL of the range aggregation, without `offset` and outer aggregations. */
  readonly logql: string
  readonly matchers: readonly Matcher[]
  /** Inclusive; first instant any window of the grid needs. */
  readonly startNs: bigint
  /** Exclusive. */
  readonly endNs: bigint
  /** Already shifted by the offset: windows are `(T - range, T]` over stored times. */
  readonly grid: StepGrid
  /** Labels that survive, when the aggregation around the leaf keeps only some; absent keeps all. */
  readonly grouping?: { readonly without: boolean; readonly labels: readonly string[] }
  /** Most series a leaf may find before it is refused. */
  readonly maxSeries: number
}

/**
 * What volumes are added up by: the values of labels, or each label name alone. `names` are the labels
 * that count; all of a stream's where it is `undefined`.
 */
export interface VolumeGrouping {
  readonly by: 'values' | 'names'
  readonly names: readonly string[] | undefined
}

/** Asks how many entries, and bytes of them, streams have in buckets of time. */
export interface VolumeLeaf {
  readonly kind: 'volume'
  readonly matchers: readonly Matcher[]
  /** Inclusive. */
  readonly startNs: bigint
  /** Exclusive. */
  readonly endNs: bigint
  /** Bucket i is from `startNs + i * stepNs` (included) to the start of the next. */
  readonly grid: StepGrid
  readonly grouping: VolumeGrouping
  /** Most groups before the leaf is refused. */
  readonly maxSeries: number
}

/** Asks for the patterns of the lines that a log query finds. */
export interface PatternLeaf {
  readonly kind: 'patterns'
  /** Canonical LogQL of the log query: selector and pipeline. */
  readonly logql: string
  readonly matchers: readonly Matcher[]
  /** Inclusive. */
  readonly startNs: bigint
  /** Exclusive. */
  readonly endNs: bigint
  /** Slot i is from `startNs + i * stepNs` (included) to the start of the next. */
  readonly grid: StepGrid
}

export type Leaf = LogLeaf | SampleLeaf | VolumeLeaf | PatternLeaf

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

/** Runs one leaf over blocks, in any order; one instance per worker and task. */
export interface LeafScanner {
  /**
   * Tells whether rows between these times (both inclusive) may still change the result: false once a
   * log leaf holds `limit` better entries. The times are those of a block about to be read.
   */
  wants(minNs: bigint, maxNs: bigint): boolean
  /** Takes in the rows of a block that lie in the leaf's time range and are not skipped. */
  scan(block: BlockView): void
  /** Ends the scan. The result survives a structured clone. */
  finish(): LeafResult
}

/** Result of a scanner or of several merged ones. `found` is private to the query package. */
export interface LeafResult {
  readonly kind: Leaf['kind']
  readonly found: unknown
  readonly stats: ScanStats
}

/** What stores the lines. Bound to a tenant (or several) before it is handed to the engine. */
export interface LogSource {
  /**
   * Runs a leaf over every block that its matchers and its time range leave, with one or many
   * scanners, and settles with their merged result.
   *
   * @throws the scanner's errors; an AbortError when `signal` ends the query.
   */
  select(leaf: Leaf, signal: AbortSignal): Promise<LeafResult>
}
