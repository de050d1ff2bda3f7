// `rate`: entries per second, or unwrapped values per second.

import type { RangeDefinition, RangeFunction } from './definition.ts'

const ofEntries: RangeFunction = {
  fold: 'count',
  value: 'one',
  isAdditive: true,
  result: ({ cell, rangeSeconds }) => cell.count / rangeSeconds,
}

const ofValues: RangeFunction = {
  fold: 'sum',
  value: 'unwrapped',
  isAdditive: true,
  result: ({ cell, rangeSeconds }) => cell.a / rangeSeconds,
}

export const rate: RangeDefinition<'rate'> = {
  op: 'rate',
  unwrap: 'optional',
  functionFor: ({ unwrap }) => (unwrap ? ofValues : ofEntries),
}
