// The boundary between LogQL and the store. The engine splits a query into leaves (a log selection, or a
// range aggregation with the grouping around it). A LogSource runs each leaf near the data, with a
// LeafScanner over blocks in columns, and the engine merges the results. Leaves and results are plain data
// that survives a structured clone, so scanners may run in workers.

import type { Matcher } from '@skald/wire'
import type { BlockView, Direction, StepGrid } from '../blocks/block-view.ts'
import type { LogExpr, RangeAggregation } from '../syntax-tree/ast.ts'
import type { LeafResult } from './leaf-result.ts'

/** Requests the first or last `limit` entries of a log query. */
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

/** Requests one range aggregation over a grid of steps, folded per series. */
export interface SampleLeaf {
  readonly kind: 'samples'
  /** The range aggregation, with an `offsetNs` of 0 and without the aggregations around it. */
  readonly range: RangeAggregation
  readonly matchers: readonly Matcher[]
  /** Inclusive. The first instant that any window of the grid needs. */
  readonly startNs: bigint
  /** Exclusive. */
  readonly endNs: bigint
  /** Already shifted by the offset: windows are `(T - range, T]` in stored times. */
  readonly grid: StepGrid
  /** The labels that the aggregation around the leaf keeps. Without it, all labels are kept. */
  readonly grouping?: { readonly without: boolean; readonly labels: readonly string[] }
  /** The leaf fails if it finds more series. */
  readonly maxSeries: number
}

/**
 * How volumes are grouped: by the values of labels, or by each label name. `names` are the labels that
 * count; `undefined` means all labels of a stream.
 */
export interface VolumeGrouping {
  readonly by: 'values' | 'names'
  readonly names: readonly string[] | undefined
}

/** Requests the entries and bytes of streams in time buckets. */
export interface VolumeLeaf {
  readonly kind: 'volume'
  readonly matchers: readonly Matcher[]
  /** Inclusive. */
  readonly startNs: bigint
  /** Exclusive. */
  readonly endNs: bigint
  /** Bucket i runs from `startNs + i * stepNs` (inclusive) to the start of the next. */
  readonly grid: StepGrid
  readonly grouping: VolumeGrouping
  /** The leaf fails if it finds more groups. */
  readonly maxSeries: number
}

/** Requests the patterns of the lines of a log query. */
export interface PatternLeaf {
  readonly kind: 'patterns'
  /** The log query: selector and pipeline. */
  readonly log: LogExpr
  readonly matchers: readonly Matcher[]
  /** Inclusive. */
  readonly startNs: bigint
  /** Exclusive. */
  readonly endNs: bigint
  /** Slot i runs from `startNs + i * stepNs` (inclusive) to the start of the next. */
  readonly grid: StepGrid
}

export type Leaf = LogLeaf | SampleLeaf | VolumeLeaf | PatternLeaf

/** Runs one leaf over blocks, in any order. Each worker and task has its own instance. */
export interface LeafScanner {
  /**
   * Returns true if rows between these times (both inclusive) may still change the result. False once a log
   * leaf has `limit` better entries. The times are those of the next block.
   */
  wants(minNs: bigint, maxNs: bigint): boolean
  /**
   * Adds the rows of a block that are in the leaf's time range and not skipped. Returns false if it looked at
   * all of them and none matched.
   */
  scan(block: BlockView): boolean
  /** Ends the scan. The result survives a structured clone. */
  finish(): LeafResult
}

/** The store of the lines. Bound to one or more tenants before the engine gets it. */
export interface LogSource {
  /**
   * Runs a leaf over every block that fits its matchers and time range, with one or more scanners, and
   * returns the merged result.
   *
   * @throws the scanner's errors; an AbortError when `signal` ends the query.
   */
  select(leaf: Leaf, signal: AbortSignal): Promise<LeafResult>
}
