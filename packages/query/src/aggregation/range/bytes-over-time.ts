// `bytes_over_time`: the bytes of the lines.

import type { RangeDefinition, RangeFunction } from './definition.ts'

const aggregation: RangeFunction = {
  fold: 'sum',
  value: 'bytes',
  isAdditive: true,
  result: ({ cell }) => cell.a,
}

export const bytesOverTime: RangeDefinition<'bytes_over_time'> = {
  op: 'bytes_over_time',
  unwrap: 'never',
  functionFor: () => aggregation,
}
