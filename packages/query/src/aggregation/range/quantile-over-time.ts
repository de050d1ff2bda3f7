// `quantile_over_time(φ, …)`: the φ-quantile of the unwrapped values.

import { quantileOver } from '../samples.ts'
import type { RangeDefinition, RangeFunction } from './definition.ts'

const aggregation: RangeFunction = {
  fold: 'values',
  value: 'unwrapped',
  isAdditive: false,
  result: ({ cell }) => cell.count,
  overSamples: ({ parameter = 0 }, buckets) => quantileOver(parameter, buckets),
}

export const quantileOverTime: RangeDefinition<'quantile_over_time'> = {
  op: 'quantile_over_time',
  unwrap: 'required',
  takesGrouping: true,
  takesParameter: true,
  functionFor: () => aggregation,
}
