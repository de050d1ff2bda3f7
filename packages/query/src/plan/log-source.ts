// The border between LogQL and whatever stores the lines. The engine cuts a query into leaves (a log
// selection, or a range aggregation with the grouping around it). A LogSource runs each leaf near the
// data, with a LeafScanner over blocks in columns, and the engine merges what the scanners found. A leaf
// and its result are plain data that survives a structured clone, so scanners may run in workers.

import type { Matcher } from '@skald/wire'
import type { BlockView, Direction, StepGrid } from '../blocks/block-view.ts'
import type { LogExpr, RangeAggregation } from '../syntax-tree/ast.ts'
import type { LeafResult } from './leaf-result.ts'

/** Asks for the first or last `limit` entries of a log query. */
export interface LogLeaf {
  readonly kind: 'logs'
  /** The log query: selector and pipeline. */
  readonly log: LogExpr
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
  /** The range aggregation, with an `offsetNs` of 0 and without the aggregations around it. */
  readonly range: RangeAggregation
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
  /** The log query: selector and pipeline. */
  readonly log: LogExpr
  readonly matchers: readonly Matcher[]
  /** Inclusive. */
  readonly startNs: bigint
  /** Exclusive. */
  readonly endNs: bigint
  /** Slot i is from `startNs + i * stepNs` (included) to the start of the next. */
  readonly grid: StepGrid
}

export type Leaf = LogLeaf | SampleLeaf | VolumeLeaf | PatternLeaf

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
