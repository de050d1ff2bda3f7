// `avg_over_time`: the mean of the unwrapped values.

import type { RangeDefinition, RangeFunction } from './definition.ts'

const mean: RangeFunction = {
  fold: 'sum',
  value: 'unwrapped',
  isAdditive: false,
  result: ({ cell }) => cell.a / cell.count,
}

// With `by`, Loki divides the sum of the values by the count of all lines, also those without a value.
const meanOfLines: RangeFunction = {
  fold: 'average',
  value: 'unwrapped',
  isAdditive: false,
  result: ({ cell }) => (cell.b > 0 ? cell.a / cell.count : undefined),
}

export const avgOverTime: RangeDefinition<'avg_over_time'> = {
  op: 'avg_over_time',
  unwrap: 'required',
  takesGrouping: true,
  isGroupedTwice: true,
  functionFor: ({ grouping }) => (grouping && !grouping.without ? meanOfLines : mean),
}
