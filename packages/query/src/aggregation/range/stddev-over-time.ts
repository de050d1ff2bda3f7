// `stddev_over_time`: the population standard deviation of the unwrapped values.

import type { RangeDefinition, RangeFunction } from './definition.ts'

const aggregation: RangeFunction = {
  fold: 'moments',
  value: 'unwrapped',
  isAdditive: false,
  result: ({ cell }) => Math.sqrt(cell.b / cell.count),
}

export const stddevOverTime: RangeDefinition<'stddev_over_time'> = {
  op: 'stddev_over_time',
  unwrap: 'required',
  takesGrouping: true,
  functionFor: () => aggregation,
}
