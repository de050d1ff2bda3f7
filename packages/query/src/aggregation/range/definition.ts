// Defines what a range aggregation is. Each one has its own file, and a row in ../range-table.ts.

import type { Buckets, Cell, FoldName } from '../folds.ts'
import type { Grouping } from '../grouping.ts'
import type { OverSamples } from '../samples.ts'

/** The value that a line adds: 1, its bytes, or its unwrapped value. */
export type SampleValue = 'one' | 'bytes' | 'unwrapped'

/** The parameters of an aggregation in a query. */
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

/** How an aggregation folds its samples, and how it computes the value of a window. */
export interface RangeFunction {
  readonly fold: FoldName
  readonly value: SampleValue
  /** Whether the result for two streams together is the sum of their results. */
  readonly isAdditive: boolean
  /** Returns the value of a window, or `undefined` if it has no sample after all. */
  readonly result: (window: WindowInput) => number | undefined
  /** Used instead of `result` if the fold keeps samples. */
  readonly overSamples?: (parameters: RangeParameters, buckets: Buckets) => OverSamples
}

/** One range aggregation. */
export interface RangeDefinition<Op extends string = string> {
  readonly op: Op
  /** Whether values are unwrapped from a label. */
  readonly unwrap: 'never' | 'optional' | 'required'
  /** Whether `by` and `without` are allowed. */
  readonly takesGrouping?: true
  /** Whether the first argument must be a number. */
  readonly takesParameter?: true
  /** Whether Loki groups it a second time when it joins its shards. */
  readonly isGroupedTwice?: true
  /** Whether it has a result where there are no lines. */
  readonly isAbsence?: true
  functionFor(parameters: RangeParameters): RangeFunction
}
