// `topk(k, …)`: the k series of each group with the greatest values.

import { unordered } from '../vector-groups.ts'
import { pickBest } from '../vector-order.ts'
import type { VectorDefinition } from './definition.ts'

export const topk: VectorDefinition<'topk'> = {
  op: 'topk',
  takesCount: true,
  evaluate: (series, parameters) => unordered(pickBest(series, parameters, (a, b) => a > b)),
}
