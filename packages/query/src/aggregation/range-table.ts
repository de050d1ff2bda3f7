// The range aggregations of LogQL. To add one: its file in range/, and its row here.

import { absentOverTime } from './range/absent-over-time.ts'
import { avgOverTime } from './range/avg-over-time.ts'
import { bytesOverTime } from './range/bytes-over-time.ts'
import { bytesRate } from './range/bytes-rate.ts'
import { countOverTime } from './range/count-over-time.ts'
import type { RangeDefinition } from './range/definition.ts'
import { firstOverTime } from './range/first-over-time.ts'
import { lastOverTime } from './range/last-over-time.ts'
import { maxOverTime } from './range/max-over-time.ts'
import { minOverTime } from './range/min-over-time.ts'
import { quantileOverTime } from './range/quantile-over-time.ts'
import { rate } from './range/rate.ts'
import { rateCounter } from './range/rate-counter.ts'
import { stddevOverTime } from './range/stddev-over-time.ts'
import { stdvarOverTime } from './range/stdvar-over-time.ts'
import { sumOverTime } from './range/sum-over-time.ts'

const rows = [
  countOverTime,
  rate,
  rateCounter,
  bytesOverTime,
  bytesRate,
  avgOverTime,
  sumOverTime,
  minOverTime,
  maxOverTime,
  stdvarOverTime,
  stddevOverTime,
  quantileOverTime,
  firstOverTime,
  lastOverTime,
  absentOverTime,
] as const

/** Name of a range aggregation. */
export type RangeOp = (typeof rows)[number]['op']

/** The definitions of all range aggregations. */
export const rangeDefinitions: readonly RangeDefinition<RangeOp>[] = rows

const byOp = new Map<string, RangeDefinition<RangeOp>>(rows.map(row => [row.op, row]))

/** Returns the definition of a range aggregation. */
export function rangeDefinition(op: RangeOp): RangeDefinition<RangeOp> {
  return byOp.get(op)!
}
