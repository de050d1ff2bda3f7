// `last_over_time`: the last of the unwrapped values.

import type { RangeDefinition, RangeFunction } from './definition.ts'

const aggregation: RangeFunction = {
  fold: 'last',
  value: 'unwrapped',
  isAdditive: false,
  result: ({ cell }) => cell.a,
}

export const lastOverTime: RangeDefinition<'last_over_time'> = {
  op: 'last_over_time',
  unwrap: 'required',
  takesGrouping: true,
  functionFor: () => aggregation,
}
