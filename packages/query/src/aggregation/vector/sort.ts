// `sort`: ascending by value.

import { sortSeries } from '../vector-order.ts'
import type { VectorDefinition } from './definition.ts'

export const sort: VectorDefinition<'sort'> = {
  op: 'sort',
  grouping: 'empty',
  evaluate: series => sortSeries(series, (a, b) => a < b),
}
