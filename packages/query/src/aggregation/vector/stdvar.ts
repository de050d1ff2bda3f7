// `stdvar`: the population variance of each group.

import { variance } from '../variance.ts'
import { foldingGroups } from '../vector-groups.ts'
import type { VectorDefinition } from './definition.ts'

export const stdvar: VectorDefinition<'stdvar'> = {
  op: 'stdvar',
  evaluate: foldingGroups(variance),
}
