// What a range aggregation is to the language. One file an aggregation, one row for it in
// ../range-table.ts.

import type { Buckets, Cell, FoldName } from '../folds.ts'
import type { Grouping } from '../grouping.ts'
import type { OverSamples } from '../samples.ts'

/** What a line counts as. */
export type SampleValue = 'one' | 'bytes' | 'unwrapped'

/** How an aggregation is written in a query. */
export interface RangeParameters {
  readonly parameter?: number
  readonly rangeNs: bigint
  readonly grouping?: Grouping
  /** Set if values are unwrapped from a label. */
  readonly unwrap?: object
}

interface WindowInput {
  readonly cell: Cell
  readonly rangeSeconds: number
}

/** What is folded, and what becomes of a window. */
export interface RangeFunction {
  readonly fold: FoldName
  readonly value: SampleValue
  /** Whether the aggregation of two streams together is the sum of both. */
  readonly isAdditive: boolean
  /** Returns the value of a window; `undefined` if it has no sample after all. */
  readonly result: (window: WindowInput) => number | undefined
  /** In place of `result` if the fold keeps samples. */
  readonly overSamples?: (parameters: RangeParameters, buckets: Buckets) => OverSamples
}

/** One range aggregation. */
export interface RangeDefinition<Op extends string = string> {
  readonly op: Op
  /** Whether values are unwrapped from a label. */
  readonly unwrap: 'never' | 'optional' | 'required'
  /** Whether `by` and `without` may follow. */
  readonly takesGrouping?: true
  /** Whether a number must come first. */
  readonly takesParameter?: true
  /** Whether Loki groups it a second time, when it joins its shards. */
  readonly isGroupedTwice?: true
  /** Whether its result is where there are no lines. */
  readonly isAbsence?: true
  functionFor(parameters: RangeParameters): RangeFunction
}
