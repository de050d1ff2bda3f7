// Defines what a vector aggregation is. Each one has its own file, and a row in ../vector-table.ts.

import type { Grouping } from '../grouping.ts'
import type { MetricValue, Series } from '../series.ts'

/** The parameters of an aggregation in a query. */
export interface VectorParameters {
  readonly parameter?: number
  readonly grouping?: Grouping
}

/** One vector aggregation. */
export interface VectorDefinition<Op extends string = string> {
  readonly op: Op
  /** Whether the first argument must be a whole number above 0. */
  readonly takesCount?: true
  /** `none` allows no grouping; `empty` allows only a grouping without labels. */
  readonly grouping?: 'none' | 'empty'
  /** Evaluates the aggregation over all steps. */
  evaluate(series: readonly Series[], parameters: VectorParameters): MetricValue
}
