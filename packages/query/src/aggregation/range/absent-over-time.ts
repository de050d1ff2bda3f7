// `absent_over_time`: 1 where there is no entry. Entries are counted here; that there are none in any series
// is found by the engine.

import type { RangeDefinition, RangeFunction } from './definition.ts'

const aggregation: RangeFunction = {
  fold: 'count',
  value: 'one',
  isAdditive: false,
  result: ({ cell }) => cell.count,
}

export const absentOverTime: RangeDefinition<'absent_over_time'> = {
  op: 'absent_over_time',
  unwrap: 'optional',
  isAbsence: true,
  functionFor: () => aggregation,
}
