// `max`: the largest value of each group. Any number replaces NaN.

import { foldingGroups } from '../vector-groups.ts'
import type { VectorDefinition } from './definition.ts'

export const max: VectorDefinition<'max'> = {
  op: 'max',
  evaluate: foldingGroups(values =>
    values.reduce((most, value) => (value > most || Number.isNaN(most) ? value : most)),
  ),
}
