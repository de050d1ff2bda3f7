// `avg`: the mean of each group.

import { foldingGroups } from '../vector-groups.ts'
import type { VectorDefinition } from './definition.ts'

export const avg: VectorDefinition<'avg'> = {
  op: 'avg',
  evaluate: foldingGroups(values =>
    values.reduce((mean, value, i) => mean + (value - mean) / (i + 1), 0),
  ),
}
