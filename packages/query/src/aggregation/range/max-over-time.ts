// `max_over_time`: the greatest of the unwrapped values.

import type { RangeDefinition, RangeFunction } from './definition.ts'

const aggregation: RangeFunction = {
  fold: 'max',
  value: 'unwrapped',
  isAdditive: false,
  result: ({ cell }) => cell.a,
}

export const maxOverTime: RangeDefinition<'max_over_time'> = {
  op: 'max_over_time',
  unwrap: 'required',
  takesGrouping: true,
  isGroupedTwice: true,
  functionFor: () => aggregation,
}
