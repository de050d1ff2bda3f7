// `first_over_time`: the first of the unwrapped values.

import type { RangeDefinition, RangeFunction } from './definition.ts'

const aggregation: RangeFunction = {
  fold: 'first',
  value: 'unwrapped',
  isAdditive: false,
  result: ({ cell }) => cell.a,
}

export const firstOverTime: RangeDefinition<'first_over_time'> = {
  op: 'first_over_time',
  unwrap: 'required',
  takesGrouping: true,
  functionFor: () => aggregation,
}
