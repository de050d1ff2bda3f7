// What a vector aggregation is to the language. One file an aggregation, one row for it in
// ../vector-table.ts.

import type { Grouping } from '../grouping.ts'
import type { MetricValue, Series } from '../series.ts'

/** How an aggregation is written in a query. */
export interface VectorParameters {
  readonly parameter?: number
  readonly grouping?: Grouping
}

/** One vector aggregation. */
export interface VectorDefinition<Op extends string = string> {
  readonly op: Op
  /** Whether a whole number above 0 must come first. */
  readonly takesCount?: true
  /** `none` allows no grouping, `empty` only one without labels. */
  readonly grouping?: 'none' | 'empty'
  /** Evaluates the aggregation over all steps. */
  evaluate(series: readonly Series[], parameters: VectorParameters): MetricValue
}
