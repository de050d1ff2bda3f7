// Turns time ranges into what the catalog's tables hold: days, and times of 64 bits.

import { dayOf } from '../day.ts'
import type { TimeRange } from './catalog.ts'

/** Clients may ask for the year 9999. Stored times and SQLite's integers end in 2262. */
export function bounded({ startNs, endNs }: TimeRange): TimeRange {
  return { startNs: clampToInt64(startNs), endNs: clampToInt64(endNs) }
}

const int64Max = (1n << 63n) - 1n

/** Returns a time that SQLite can hold. */
export function clampToInt64(value: bigint): bigint {
  return value > int64Max ? int64Max : value < -int64Max ? -int64Max : value
}

/** Returns the first and last day in a range, whose end is exclusive. */
export function daysOf({ startNs, endNs }: TimeRange): [first: number, last: number] {
  return [dayOf(startNs), dayOf(endNs > startNs ? endNs - 1n : startNs)]
}

/** Rounds down to a multiple of a unit. */
export function floorTo(value: bigint, unit: bigint): bigint {
  const rest = ((value % unit) + unit) % unit
  return value - rest
}
