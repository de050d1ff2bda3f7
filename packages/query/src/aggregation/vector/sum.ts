// `sum`: the sum of each group.

import { foldingGroups } from '../vector-groups.ts'
import type { VectorDefinition } from './definition.ts'

export const sum: VectorDefinition<'sum'> = {
  op: 'sum',
  evaluate: foldingGroups(values => values.reduce((sum, value) => sum + value, 0)),
}
