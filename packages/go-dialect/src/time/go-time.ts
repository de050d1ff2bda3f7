// Parses times with Go's reference layouts, by the rules of Go's time.Parse. Month and day names
// are English only.

import {
  civilTime,
  daysBefore,
  daysSinceEpoch,
  type GoLocation,
  isLeapYear,
  wallToUnixSeconds,
} from './civil-time.ts'
import { type LayoutPart, layoutParts, monthNames, weekdayNames } from './go-time-layout.ts'
import { nsPerSecond } from './time.ts'
import { isTimeZone, zoneAt, zoneByAbbreviation, zoneOffsetSeconds } from './time-zone.ts'

/** A parsed time. */
export interface GoTime {
  readonly timestampNs: bigint
  /** The zone named in the text, or the one it was parsed in. */
  readonly location: GoLocation
  /** Whether the layout has a year. If not, the year is 0 or the one from `nearNs`. */
  readonly hasYear: boolean
}

export interface ParseGoTimeOptions {
  /** Zone for texts that name none: an IANA name, by default `UTC`. */
  readonly location?: string
  /**
   * A time (usually now) whose year is used for texts without one. December parsed in January gets
   * the year before, and January parsed in December the year after.
   */
  readonly nearNs?: bigint
}

const lowerMonths = monthNames.map(name => name.toLowerCase())
const lowerWeekdays = weekdayNames.map(name => name.toLowerCase())

/** Fields parsed so far. -1 means not seen. */
interface Fields {
  year: number
  month: number
  day: number
  yearDay: number
  hour: number
  minute: number
  second: number
  nanosecond: number
  isPm: boolean
  isAm: boolean
  hasYear: boolean
  isUtc: boolean
  offsetSeconds: number | undefined
  zoneName: string
}

/**
 * Parses a time with a Go reference layout.
 * @throws SyntaxError with the text of Go's time.Parse; RangeError when the location does not
 * exist.
 */
export function parseGoTime(
  layout: string,
  text: string,
  options: ParseGoTimeOptions = {},
): GoTime {
  const location = options.location ?? 'UTC'
  if (!isTimeZone(location)) throw new RangeError(`unknown time zone ${location}`)
  const fields: Fields = {
    year: 0,
    month: -1,
    day: -1,
    yearDay: -1,
    hour: 0,
    minute: 0,
    second: 0,
    nanosecond: 0,
    isPm: false,
    isAm: false,
    hasYear: false,
    isUtc: false,
    offsetSeconds: undefined,
    zoneName: '',
  }
  const reader = new FieldReader(layout, text, fields)
  for (const part of layoutParts(layout)) reader.read(part)
  checkDate(fields, text)
  if (!fields.hasYear && options.nearNs !== undefined) {
    fields.year = yearNear(fields.month, options.nearNs)
  }
  return resolveZone(fields, location)
}

/** Parses the parts of one text from left to right into its fields. */
class FieldReader {
  readonly #layout: string
  readonly #text: string
  readonly #fields: Fields
  #at = 0

  constructor(layout: string, text: string, fields: Fields) {
    this.#layout = layout
    this.#text = text
    this.#fields = fields
  }

  // biome-ignore lint/complexity/noExcessiveLinesPerFunction: a table with one case for each kind of part.
  read(part: LayoutPart): void {
    if (part.prefix !== '') this.#skip(part.prefix)
    const fields = this.#fields
    const start = this.#at
    switch (part.kind) {
      case 'end':
        if (start < this.#text.length) this.#fail(`extra text: ${quote(this.#text.slice(start))}`)
        return
      case 'year': {
        const year = this.#digits(2, part)
        fields.year = year + (year >= 69 ? 1900 : 2000)
        fields.hasYear = true
        return
      }
      case 'longYear':
        fields.year = this.#digits(4, part)
        fields.hasYear = true
        return
      case 'month':
        fields.month = this.#name(lowerMonths, 3, part) + 1
        return
      case 'longMonth':
        fields.month = this.#name(lowerMonths, 0, part) + 1
        return
      case 'numMonth':
      case 'zeroMonth':
        fields.month = this.#number(part.kind === 'zeroMonth', part)
        if (fields.month < 1 || fields.month > 12) this.#fail('month out of range')
        return
      case 'weekday':
        this.#name(lowerWeekdays, 3, part)
        return
      case 'longWeekday':
        this.#name(lowerWeekdays, 0, part)
        return
      case 'day':
      case 'underDay':
      case 'zeroDay':
        if (part.kind === 'underDay' && this.#char(0) === ' ') this.#at++
        fields.day = this.#number(part.kind === 'zeroDay', part, start)
        return
      case 'underYearDay':
      case 'zeroYearDay':
        fields.yearDay = this.#yearDay(part)
        return
      case 'hour':
        fields.hour = this.#number(false, part)
        if (fields.hour > 23) this.#fail('hour out of range')
        return
      case 'hour12':
      case 'zeroHour12':
        fields.hour = this.#number(part.kind === 'zeroHour12', part)
        if (fields.hour > 12) this.#fail('hour out of range')
        return
      case 'minute':
      case 'zeroMinute':
        fields.minute = this.#number(part.kind === 'zeroMinute', part)
        if (fields.minute > 59) this.#fail('minute out of range')
        return
      case 'second':
      case 'zeroSecond':
        fields.second = this.#number(part.kind === 'zeroSecond', part)
        if (fields.second > 59) this.#fail('second out of range')
        if (!part.isBeforeFraction) this.#looseFraction()
        return
      case 'upperPm':
        this.#half('PM', 'AM', part)
        return
      case 'lowerPm':
        this.#half('pm', 'am', part)
        return
      case 'isoOffset':
      case 'offset':
        this.#offset(part)
        return
      case 'zoneName':
        this.#zoneName(part)
        return
      case 'fraction':
        if (!isSeparator(this.#char(0)) || this.#digitRun(1) < part.digitCount) {
          this.#cannot(part, start)
        }
        this.#fraction(part.digitCount)
        return
      case 'trimmedFraction':
        this.#looseFraction()
        return
    }
  }

  #char(ahead: number): string {
    return this.#text.charAt(this.#at + ahead)
  }

  #isDigit(ahead: number): boolean {
    const code = this.#text.charCodeAt(this.#at + ahead)
    return code >= 48 && code <= 57
  }

  /** Counts the digits from `ahead` on. */
  #digitRun(ahead: number): number {
    let count = 0
    while (this.#isDigit(ahead + count)) count++
    return count
  }

  /** Skips literal text. A run of spaces matches any run of spaces. */
  #skip(prefix: string): void {
    if (this.#text.startsWith(prefix, this.#at) && !prefix.includes(' ')) {
      this.#at += prefix.length
      return
    }
    for (let i = 0; i < prefix.length; i++) {
      const char = this.#char(0)
      if (prefix[i] === ' ') {
        if (char !== '' && char !== ' ') this.#cannotSkip(prefix)
        while (prefix[i + 1] === ' ') i++
        while (this.#char(0) === ' ') this.#at++
      } else if (char === prefix[i]) {
        this.#at++
      } else {
        this.#cannotSkip(prefix)
      }
    }
  }

  #cannotSkip(prefix: string): never {
    const rest = quote(this.#text.slice(this.#at))
    throw new SyntaxError(
      `parsing time ${quote(this.#text)} as ${quote(this.#layout)}: cannot parse ${rest} as ${quote(prefix)}`,
    )
  }

  #cannot(part: LayoutPart, start = this.#at): never {
    const rest = quote(this.#text.slice(start))
    throw new SyntaxError(
      `parsing time ${quote(this.#text)} as ${quote(this.#layout)}: cannot parse ${rest} as ${quote(part.text)}`,
    )
  }

  #fail(why: string): never {
    throw outOfRange(this.#text, why)
  }

  /** Reads exactly `count` digits. */
  #digits(count: number, part: LayoutPart): number {
    let value = 0
    for (let i = 0; i < count; i++) {
      if (!this.#isDigit(i)) this.#cannot(part)
      value = value * 10 + this.#text.charCodeAt(this.#at + i) - 48
    }
    this.#at += count
    return value
  }

  /** Reads one or two digits; exactly two if `isFixed`. */
  #number(isFixed: boolean, part: LayoutPart, start = this.#at): number {
    if (!this.#isDigit(0)) this.#cannot(part, start)
    const first = this.#text.charCodeAt(this.#at) - 48
    if (!this.#isDigit(1)) {
      if (isFixed) this.#cannot(part, start)
      this.#at++
      return first
    }
    const value = first * 10 + this.#text.charCodeAt(this.#at + 1) - 48
    this.#at += 2
    return value
  }

  #yearDay(part: LayoutPart): number {
    const start = this.#at
    if (part.kind === 'underYearDay') {
      for (let i = 0; i < 2 && this.#char(0) === ' '; i++) this.#at++
    }
    const count = Math.min(3, this.#digitRun(0))
    if (count === 0 || (part.kind === 'zeroYearDay' && count < 3)) this.#cannot(part, start)
    const value = Number(this.#text.slice(this.#at, this.#at + count))
    this.#at += count
    return value
  }

  /** Returns the index of the name that comes next in the text. `length` 0 compares whole names. */
  #name(names: readonly string[], length: number, part: LayoutPart): number {
    const lower = this.#text.slice(this.#at, this.#at + 9).toLowerCase()
    for (let i = 0; i < names.length; i++) {
      const name = length === 0 ? names[i]! : names[i]!.slice(0, length)
      if (!lower.startsWith(name)) continue
      this.#at += name.length
      return i
    }
    return this.#cannot(part)
  }

  #half(pm: string, am: string, part: LayoutPart): void {
    if (this.#text.startsWith(pm, this.#at)) this.#fields.isPm = true
    else if (this.#text.startsWith(am, this.#at)) this.#fields.isAm = true
    else this.#cannot(part)
    this.#at += 2
  }

  /** Reads a fraction that the layout omits or writes with nines: any number of digits, or none. */
  #looseFraction(): void {
    if (isSeparator(this.#char(0)) && this.#isDigit(1)) this.#fraction(this.#digitRun(1))
  }

  #fraction(digitCount: number): void {
    let value = 0
    // Digits beyond the ninth are below a nanosecond and are dropped.
    for (let i = 1; i <= 9; i++) {
      value = value * 10 + (i <= digitCount ? this.#text.charCodeAt(this.#at + i) - 48 : 0)
    }
    this.#fields.nanosecond = value
    this.#at += digitCount + 1
  }

  #offset(part: LayoutPart): void {
    if (part.kind === 'isoOffset' && this.#char(0) === 'Z') {
      this.#at++
      this.#fields.isUtc = true
      return
    }
    const start = this.#at
    const sign = this.#char(0)
    if (sign !== '+' && sign !== '-') this.#cannot(part)
    const units = [0, 0, 0]
    const shape = part.text.slice(1)
    for (let i = 0, unit = 0; i < shape.length; ) {
      if (shape[i] === ':') {
        if (this.#char(i + 1) !== ':') this.#cannot(part, start)
        i++
        continue
      }
      if (!this.#isDigit(i + 1) || !this.#isDigit(i + 2)) this.#cannot(part, start)
      units[unit] = Number(this.#text.slice(this.#at + i + 1, this.#at + i + 3))
      unit++
      i += 2
    }
    const [hours = 0, minutes = 0, seconds = 0] = units
    // Some write 24 hours or 60 minutes, and Go accepts that.
    if (hours > 24) this.#fail('time zone offset hour out of range')
    if (minutes > 60) this.#fail('time zone offset minute out of range')
    if (seconds > 60) this.#fail('time zone offset second out of range')
    const total = hours * 3600 + minutes * 60 + seconds
    this.#fields.offsetSeconds = sign === '-' ? -total : total
    this.#at += shape.length + 1
  }

  #zoneName(part: LayoutPart): void {
    const rest = this.#text.slice(this.#at, this.#at + 10)
    if (rest.startsWith('UTC')) {
      this.#at += 3
      this.#fields.isUtc = true
      return
    }
    const name = zoneNamePattern.exec(rest)?.[0]
    if (name === undefined) this.#cannot(part)
    this.#fields.zoneName = name
    this.#at += name.length
  }
}

// Three capitals, four or five that end in T, and the few irregular names.
const zoneNamePattern =
  /^(?:ChST|MeST|GMT(?:[+-](?:2[0-3]|[01]?\d)(?!\d))?|[+-](?:2[0-3]|[01]?\d)(?!\d)|[A-Z]{4}T(?![A-Z])|[A-Z]{3}T(?![A-Z])|WITA(?![A-Z])|[A-Z]{3}(?![A-Z]))/

function isSeparator(char: string): boolean {
  return char === '.' || char === ','
}

/** Checks month and day, and fills in January and the first if they are missing. */
function checkDate(fields: Fields, text: string): void {
  if (fields.isPm && fields.hour < 12) fields.hour += 12
  else if (fields.isAm && fields.hour === 12) fields.hour = 0
  if (fields.yearDay >= 0) {
    const isLeap = isLeapYear(fields.year)
    if (fields.yearDay < 1 || fields.yearDay > (isLeap ? 366 : 365)) {
      throw outOfRange(text, 'day-of-year out of range')
    }
    let month = 1
    while (month < 12 && fields.yearDay > daysBefore(fields.year, month + 1)) month++
    const day = fields.yearDay - daysBefore(fields.year, month)
    if (fields.month >= 0 && fields.month !== month) {
      throw outOfRange(text, 'day-of-year does not match month')
    }
    if (fields.day >= 0 && fields.day !== day) {
      throw outOfRange(text, 'day-of-year does not match day')
    }
    fields.month = month
    fields.day = day
    return
  }
  if (fields.month < 0) fields.month = 1
  if (fields.day < 0) fields.day = 1
  const dayMax = daysBefore(fields.year, fields.month + 1) - daysBefore(fields.year, fields.month)
  if (fields.day < 1 || fields.day > dayMax) throw outOfRange(text, 'day out of range')
}

function outOfRange(text: string, why: string): SyntaxError {
  return new SyntaxError(`parsing time ${quote(text)}: ${why}`)
}

function yearNear(month: number, nearNs: bigint): number {
  const now = civilTime(nearNs, 'UTC')
  if (month === 12 && now.month === 1) return now.year - 1
  if (month === 1 && now.month === 12) return now.year + 1
  return now.year
}

function resolveZone(fields: Fields, location: string): GoTime {
  const wallSeconds =
    daysSinceEpoch(fields.year, fields.month, fields.day) * 86_400 +
    fields.hour * 3600 +
    fields.minute * 60 +
    fields.second
  const at = (unixSeconds: number, zone: GoLocation): GoTime => ({
    timestampNs: BigInt(unixSeconds) * nsPerSecond + BigInt(fields.nanosecond),
    location: zone,
    hasYear: fields.hasYear,
  })
  if (fields.isUtc) return at(wallSeconds, 'UTC')
  const { offsetSeconds, zoneName } = fields
  if (offsetSeconds !== undefined) {
    const unixSeconds = wallSeconds - offsetSeconds
    const isLocal =
      zoneOffsetSeconds(location, unixSeconds) === offsetSeconds &&
      (zoneName === '' || zoneAt(location, unixSeconds).name === zoneName)
    return at(unixSeconds, isLocal ? location : { name: zoneName, offsetSeconds })
  }
  if (zoneName !== '') {
    const found = zoneByAbbreviation(location, zoneName, wallSeconds)
    if (found) return at(wallSeconds - found.offsetSeconds, location)
    // The abbreviation alone is ambiguous. Go treats the time as UTC and keeps the name.
    const hours = zoneName.startsWith('GMT') ? Number(zoneName.slice(3)) : 0
    return at(wallSeconds, { name: zoneName, offsetSeconds: hours * 3600 })
  }
  return at(wallToUnixSeconds(wallSeconds, location), location)
}

// Quotes like Go's time package: every byte that is not printable ASCII becomes hexadecimal.
function quote(text: string): string {
  const escaped = text.replace(/[^\x20-\x7e]|["\\]/gu, char =>
    char === '"' || char === '\\'
      ? `\\${char}`
      : Buffer.from(char, 'utf8').toString('hex').replace(/../g, '\\x$&'),
  )
  return `"${escaped}"`
}
