// `approx_topk(k, …)`: the k series with the greatest values; here they are exact.

import { unordered } from '../vector-groups.ts'
import { pickBest } from '../vector-order.ts'
import type { VectorDefinition } from './definition.ts'

export const approxTopk: VectorDefinition<'approx_topk'> = {
  op: 'approx_topk',
  takesCount: true,
  grouping: 'none',
  evaluate: (series, parameters) => unordered(pickBest(series, parameters, (a, b) => a > b)),
}
