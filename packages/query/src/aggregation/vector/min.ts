// `min`: the least value of each group. NaN gives way to any number.

import { foldingGroups } from '../vector-groups.ts'
import type { VectorDefinition } from './definition.ts'

export const min: VectorDefinition<'min'> = {
  op: 'min',
  evaluate: foldingGroups(values =>
    values.reduce((least, value) => (value < least || Number.isNaN(least) ? value : least)),
  ),
}
