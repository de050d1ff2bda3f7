// `stddev`: the population standard deviation of each group.

import { variance } from '../variance.ts'
import { foldingGroups } from '../vector-groups.ts'
import type { VectorDefinition } from './definition.ts'

export const stddev: VectorDefinition<'stddev'> = {
  op: 'stddev',
  evaluate: foldingGroups(values => Math.sqrt(variance(values))),
}
