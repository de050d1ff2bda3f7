// `min_over_time`: the least of the unwrapped values.

import type { RangeDefinition, RangeFunction } from './definition.ts'

const aggregation: RangeFunction = {
  fold: 'min',
  value: 'unwrapped',
  isAdditive: false,
  result: ({ cell }) => cell.a,
}

export const minOverTime: RangeDefinition<'min_over_time'> = {
  op: 'min_over_time',
  unwrap: 'required',
  takesGrouping: true,
  isGroupedTwice: true,
  functionFor: () => aggregation,
}
