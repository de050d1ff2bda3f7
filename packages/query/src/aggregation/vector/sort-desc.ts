// `sort_desc`: descending by value.

import { sortSeries } from '../vector-order.ts'
import type { VectorDefinition } from './definition.ts'

export const sortDesc: VectorDefinition<'sort_desc'> = {
  op: 'sort_desc',
  grouping: 'empty',
  evaluate: series => sortSeries(series, (a, b) => a > b),
}
