// `sum_over_time`: the sum of the unwrapped values.

import type { RangeDefinition, RangeFunction } from './definition.ts'

const aggregation: RangeFunction = {
  fold: 'sum',
  value: 'unwrapped',
  isAdditive: true,
  result: ({ cell }) => cell.a,
}

export const sumOverTime: RangeDefinition<'sum_over_time'> = {
  op: 'sum_over_time',
  unwrap: 'required',
  functionFor: () => aggregation,
}
