// `bottomk(k, …)`: the k series of each group with the least values.

import { unordered } from '../vector-groups.ts'
import { pickBest } from '../vector-order.ts'
import type { VectorDefinition } from './definition.ts'

export const bottomk: VectorDefinition<'bottomk'> = {
  op: 'bottomk',
  takesCount: true,
  evaluate: (series, parameters) => unordered(pickBest(series, parameters, (a, b) => a < b)),
}
