// `min`: the smallest value of each group. Any number replaces NaN.

import { foldingGroups } from '../vector-groups.ts'
import type { VectorDefinition } from './definition.ts'

export const min: VectorDefinition<'min'> = {
  op: 'min',
  evaluate: foldingGroups(values =>
    values.reduce((least, value) => (value < least || Number.isNaN(least) ? value : least)),
  ),
}
