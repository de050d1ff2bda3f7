// `stdvar_over_time`: the population variance of the unwrapped values.

import type { RangeDefinition, RangeFunction } from './definition.ts'

const aggregation: RangeFunction = {
  fold: 'moments',
  value: 'unwrapped',
  isAdditive: false,
  result: ({ cell }) => cell.b / cell.count,
}

export const stdvarOverTime: RangeDefinition<'stdvar_over_time'> = {
  op: 'stdvar_over_time',
  unwrap: 'required',
  takesGrouping: true,
  functionFor: () => aggregation,
}
