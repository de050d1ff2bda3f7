// `bytes_rate`: bytes of lines per second.

import type { RangeDefinition, RangeFunction } from './definition.ts'

const aggregation: RangeFunction = {
  fold: 'sum',
  value: 'bytes',
  isAdditive: true,
  result: ({ cell, rangeSeconds }) => cell.a / rangeSeconds,
}

export const bytesRate: RangeDefinition<'bytes_rate'> = {
  op: 'bytes_rate',
  unwrap: 'never',
  functionFor: () => aggregation,
}
