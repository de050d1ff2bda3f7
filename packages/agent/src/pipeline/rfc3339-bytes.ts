// Reads RFC 3339 times from bytes, as container runtimes write them, without creating strings or bigints.

/** A time in the form of the push protocol. */
export interface SplitTime {
  /** Whole seconds since 1970, rounded down. */
  seconds: number
  /** Nanoseconds within the second. */
  nanos: number
}

const digit0 = 0x30

/**
 * Reads `bytes[start .. end)` as an RFC 3339 time into `out`. Cuts fractions after nine digits. Returns
 * false if it is not a time.
 */
export function readRfc3339(
  bytes: Uint8Array,
  start: number,
  end: number,
  out: SplitTime,
): boolean {
  if (end - start < 20) return false
  if (bytes[start + 4] !== 0x2d || bytes[start + 7] !== 0x2d) return false
  if (bytes[start + 10] !== 0x54 || bytes[start + 13] !== 0x3a || bytes[start + 16] !== 0x3a) {
    return false
  }
  const century = twoDigits(bytes, start)
  const yearOfCentury = twoDigits(bytes, start + 2)
  const month = twoDigits(bytes, start + 5)
  const day = twoDigits(bytes, start + 8)
  const hour = twoDigits(bytes, start + 11)
  const minute = twoDigits(bytes, start + 14)
  const second = twoDigits(bytes, start + 17)
  // twoDigits returns 1000 for anything but two digits, so these checks reject that too.
  if (century > 99 || yearOfCentury > 99 || month < 1 || month > 12 || day < 1) return false
  const year = century * 100 + yearOfCentury
  if (day > daysInMonth(year, month) || hour > 23 || minute > 59 || second > 59) return false
  let at = start + 19
  let nanos = 0
  if (bytes[at] === 0x2e || bytes[at] === 0x2c) {
    at++
    let digits = 0
    for (; at < end; at++) {
      const digit = bytes[at]! - digit0
      if (digit < 0 || digit > 9) break
      if (digits < 9) nanos = nanos * 10 + digit
      digits++
    }
    if (digits === 0) return false
    for (; digits < 9; digits++) nanos *= 10
  }
  let offsetSeconds = 0
  const zone = bytes[at]
  if (zone === 0x5a) {
    if (at + 1 !== end) return false
  } else if (zone === 0x2b || zone === 0x2d) {
    if (at + 6 !== end || bytes[at + 3] !== 0x3a) return false
    const hours = twoDigits(bytes, at + 1)
    const minutes = twoDigits(bytes, at + 4)
    if (hours > 24 || minutes > 59) return false
    offsetSeconds = (hours * 60 + minutes) * 60
    if (zone === 0x2d) offsetSeconds = -offsetSeconds
  } else return false
  out.seconds =
    daysSinceEpoch(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offsetSeconds
  out.nanos = nanos
  return true
}

function twoDigits(bytes: Uint8Array, at: number): number {
  const tens = bytes[at]! - digit0
  const ones = bytes[at + 1]! - digit0
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : 1000
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}

/**
 * Returns the days since 1970-01-01 in the civil calendar. Years start in March, so leap days come last.
 */
function daysSinceEpoch(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year
  const era = Math.floor(y / 400)
  const yearOfEra = y - era * 400
  const monthFromMarch = month > 2 ? month - 3 : month + 9
  const dayOfYear = Math.floor((153 * monthFromMarch + 2) / 5) + day - 1
  const dayOfEra =
    yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return era * 146097 + dayOfEra - 719468
}
