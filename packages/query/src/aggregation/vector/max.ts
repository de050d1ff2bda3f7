// `max`: the greatest value of each group. NaN gives way to any number.

import { foldingGroups } from '../vector-groups.ts'
import type { VectorDefinition } from './definition.ts'

export const max: VectorDefinition<'max'> = {
  op: 'max',
  evaluate: foldingGroups(values =>
    values.reduce((most, value) => (value > most || Number.isNaN(most) ? value : most)),
  ),
}
