// The proleptic Gregorian calendar and local time in time zones: converts between nanoseconds since
// 1970 and calendar fields, for any year.

import { nsPerSecond } from './time.ts'
import { zoneAt, zoneOffsetSeconds } from './time-zone.ts'

const daysBeforeMonth = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365]

/** A location: an IANA name (`UTC`, `Europe/Berlin`), or an offset with an optional name. */
export type GoLocation = string | { readonly name: string; readonly offsetSeconds: number }

/** The fields of a time. `yearDay` counts from 1, `weekday` from Sunday = 0. */
export interface CivilTime {
  readonly year: number
  readonly month: number
  readonly day: number
  readonly hour: number
  readonly minute: number
  readonly second: number
  readonly nanosecond: number
  readonly weekday: number
  readonly yearDay: number
  readonly zoneName: string
  readonly offsetSeconds: number
}

/**
 * Converts local time to Unix time, both in whole seconds. Resolves times that a zone skips or
 * repeats like Go's time.Date.
 */
export function wallToUnixSeconds(wallSeconds: number, location: GoLocation): number {
  if (typeof location !== 'string') return wallSeconds - location.offsetSeconds
  const guess = zoneOffsetSeconds(location, wallSeconds)
  return wallSeconds - zoneOffsetSeconds(location, wallSeconds - guess)
}

/** Converts calendar fields of a location to a time. Fields outside their range carry over. */
export function civilToNs(
  parts: Pick<CivilTime, 'year' | 'month' | 'day' | 'hour' | 'minute' | 'second' | 'nanosecond'>,
  location: GoLocation,
): bigint {
  const monthIndex = parts.month - 1
  const year = parts.year + Math.floor(monthIndex / 12)
  const month = (((monthIndex % 12) + 12) % 12) + 1
  const days = daysSinceEpoch(year, month, 1) + parts.day - 1
  const wallSeconds = days * 86_400 + parts.hour * 3600 + parts.minute * 60 + parts.second
  return BigInt(wallToUnixSeconds(wallSeconds, location)) * nsPerSecond + BigInt(parts.nanosecond)
}

/** Converts a time to the calendar fields of a location. */
export function civilTime(timestampNs: bigint, location: GoLocation): CivilTime {
  const nanosecond = Number(((timestampNs % nsPerSecond) + nsPerSecond) % nsPerSecond)
  const unixSeconds = Number((timestampNs - BigInt(nanosecond)) / nsPerSecond)
  const zone = typeof location === 'string' ? zoneAt(location, unixSeconds) : location
  const wallSeconds = unixSeconds + zone.offsetSeconds
  const days = Math.floor(wallSeconds / 86_400)
  const secondOfDay = wallSeconds - days * 86_400
  // Counts days from 0000-03-01, so that the leap day is the last of its year.
  const shifted = days + 719_468
  const era = Math.floor(shifted / 146_097)
  const dayOfEra = shifted - era * 146_097
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  )
  const dayOfYear =
    dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153)
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
  const day = dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1
  const year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
  return {
    year,
    month,
    day,
    hour: Math.floor(secondOfDay / 3600),
    minute: Math.floor((secondOfDay % 3600) / 60),
    second: secondOfDay % 60,
    nanosecond,
    weekday: (((days + 4) % 7) + 7) % 7,
    yearDay: daysBefore(year, month) + day,
    zoneName: zone.name,
    offsetSeconds: zone.offsetSeconds,
  }
}

/** Returns true if a year has a 29th of February. */
export function isLeapYear(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
}

/** Counts the days of a year before a month. Month 13 gives the whole year. */
export function daysBefore(year: number, month: number): number {
  return daysBeforeMonth[month - 1]! + (month > 2 && isLeapYear(year) ? 1 : 0)
}

/** Counts the days from 1970-01-01 to a date. */
export function daysSinceEpoch(year: number, month: number, day: number): number {
  const before = year - 1
  const leapDays = Math.floor(before / 4) - Math.floor(before / 100) + Math.floor(before / 400)
  return before * 365 + leapDays + daysBefore(year, month) + day - 1 - 719_162
}
