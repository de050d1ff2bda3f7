// `rate_counter`: the growth of a counter per second; a value below the one before is a restart.

import { rateCounterOver } from '../samples.ts'
import type { RangeDefinition, RangeFunction } from './definition.ts'

const aggregation: RangeFunction = {
  fold: 'timedValues',
  value: 'unwrapped',
  isAdditive: false,
  result: ({ cell }) => cell.count,
  overSamples: ({ rangeNs }, buckets) => rateCounterOver(Number(rangeNs) / 1e9, buckets),
}

export const rateCounter: RangeDefinition<'rate_counter'> = {
  op: 'rate_counter',
  unwrap: 'required',
  functionFor: () => aggregation,
}
