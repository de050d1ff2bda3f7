// `count`: the number of series in each group.

import { foldingGroups } from '../vector-groups.ts'
import type { VectorDefinition } from './definition.ts'

export const count: VectorDefinition<'count'> = {
  op: 'count',
  evaluate: foldingGroups(values => values.length),
}
