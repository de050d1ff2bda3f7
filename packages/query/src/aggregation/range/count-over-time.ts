// `count_over_time`: the number of entries.

import type { RangeDefinition, RangeFunction } from './definition.ts'

const aggregation: RangeFunction = {
  fold: 'count',
  value: 'one',
  isAdditive: true,
  result: ({ cell }) => cell.count,
}

export const countOverTime: RangeDefinition<'count_over_time'> = {
  op: 'count_over_time',
  unwrap: 'never',
  functionFor: () => aggregation,
}
