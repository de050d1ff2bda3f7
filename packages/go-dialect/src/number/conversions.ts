// Converts label text to numbers, for label filters and `unwrap`. Error texts are Go's.

import { quoteGoString } from '../text/go-string.ts'
import { parseGoDuration } from '../time/time.ts'
import { parseLogqlBytes } from './byte-size.ts'

const decimal = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/
const special = /^[+-]?(?:inf|infinity|nan)$/i
const hexadecimal = /^([+-]?)0[xX]([\da-fA-F]*)\.?([\da-fA-F]*)[pP]([+-]?\d+)$/

/**
 * Parses a number like Go's ParseFloat.
 *
 * @throws SyntaxError with Go's text.
 */
export function parseFloatText(text: string): number {
  const whole = smallWhole(text, 0, text.length)
  if (whole >= 0) return whole
  if (text.includes('_') && /^[^_].*[^_]$/.test(text)) return parseSeparated(text)
  if (decimal.test(text)) {
    const value = Number(text)
    if (Number.isFinite(value)) return value
    throw new SyntaxError(`strconv.ParseFloat: parsing ${quoteGoString(text)}: value out of range`)
  }
  if (special.test(text)) {
    if (/nan$/i.test(text)) return Number.NaN
    return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  }
  const hex = hexadecimal.exec(text)
  if (hex && (hex[2] !== '' || hex[3] !== '')) {
    const [, sign, whole = '', fraction = '', exponent] = hex
    const digits = Number.parseInt(whole + fraction, 16)
    const value = digits * 2 ** (Number(exponent) - 4 * fraction.length)
    return sign === '-' ? -value : value
  }
  throw new SyntaxError(`strconv.ParseFloat: parsing ${quoteGoString(text)}: invalid syntax`)
}

// Underscores are allowed between digits.
function parseSeparated(text: string): number {
  if (!/[^\da-fA-FxX]_|_[^\da-fA-F]|__/.test(text)) {
    const plain = text.replaceAll('_', '')
    if (decimal.test(plain) || hexadecimal.test(plain)) return parseFloatText(plain)
  }
  throw new SyntaxError(`strconv.ParseFloat: parsing ${quoteGoString(text)}: invalid syntax`)
}

// Reads digits, few enough that all sums are exact. Returns -1 for anything else.
function smallWhole(text: string, start: number, end: number): number {
  if (end === start || end - start > 12) return -1
  let value = 0
  for (let i = start; i < end; i++) {
    const digit = text.charCodeAt(i) - 0x30
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  return value
}

/** Parses a Go duration to nanoseconds. */
export function parseDurationNs(text: string): number {
  const simple = simpleDuration(text)
  return simple >= 0 ? simple : Number(parseGoDuration(text))
}

// Reads one number with one unit, like most durations in logs. Returns -1 if the full parser is needed.
function simpleDuration(text: string): number {
  let end = text.length - 1
  let unit = 0
  const last = text.charCodeAt(end)
  const before = text.charCodeAt(end - 1)
  if (last === 0x73) {
    unit = 1e9
    if (before === 0x6d) unit = 1e6
    else if (before === 0x75) unit = 1e3
    else if (before === 0x6e) unit = 1
    if (unit < 1e9) end--
  } else if (last === 0x6d) unit = 6e10
  else if (last === 0x68) unit = 3.6e12
  else return -1
  const point = text.indexOf('.')
  if (point < 0) {
    const whole = smallWhole(text, 0, end)
    return whole < 0 || whole * unit > Number.MAX_SAFE_INTEGER ? -1 : whole * unit
  }
  const whole = smallWhole(text, 0, point)
  const fraction = smallWhole(text, point + 1, end)
  const scale = 10 ** (end - point - 1)
  const digits = whole * scale + fraction
  if (whole < 0 || fraction < 0 || digits * unit > Number.MAX_SAFE_INTEGER) return -1
  return Math.floor((digits * unit) / scale)
}

/** Reads one number with one unit, such as `12.5ms`, to nanoseconds. Returns NaN for anything else. */
export function simpleDurationBytes(bytes: Uint8Array, start: number, end: number): number {
  let stop = end - 1
  const last = bytes[stop]!
  const before = stop > start ? bytes[stop - 1]! : 0
  let unit: number
  if (last === 0x73) {
    unit = before === 0x6d ? 1e6 : before === 0x75 ? 1e3 : before === 0x6e ? 1 : 1e9
    if (unit < 1e9) stop--
  } else if (last === 0x6d) unit = 6e10
  else if (last === 0x68) unit = 3.6e12
  else return Number.NaN
  const point = pointBytes(bytes, start, stop)
  const digits = digitsBytes(bytes, start, stop)
  if (digits < 0 || point === start || point === stop - 1) return Number.NaN
  if (digits * unit > Number.MAX_SAFE_INTEGER) return Number.NaN
  const scale = point < 0 ? 1 : 10 ** (stop - point - 1)
  return Math.floor((digits * unit) / scale)
}

/** Reads digits with at most one dot between them, like Go's ParseFloat. Returns NaN for anything else. */
export function simpleDecimalBytes(bytes: Uint8Array, start: number, end: number): number {
  const point = pointBytes(bytes, start, end)
  const digits = digitsBytes(bytes, start, end)
  if (digits < 0 || point === start || point === end - 1) return Number.NaN
  // Both numbers are exact, so the quotient is the closest float.
  return point < 0 ? digits : digits / 10 ** (end - point - 1)
}

function pointBytes(bytes: Uint8Array, start: number, end: number): number {
  for (let i = start; i < end; i++) if (bytes[i] === 0x2e) return i
  return -1
}

// Reads digits as one number, ignoring one dot between them. Returns -1 for anything else.
function digitsBytes(bytes: Uint8Array, start: number, end: number): number {
  // Few enough digits that the number is exact.
  if (end <= start || end - start > 15) return -1
  let value = 0
  let pointCount = 0
  for (let i = start; i < end; i++) {
    const digit = bytes[i]! - 0x30
    if (digit >= 0 && digit <= 9) value = value * 10 + digit
    else if (bytes[i] !== 0x2e || ++pointCount > 1) return -1
  }
  return value
}

/** Parses a byte size. */
export function parseBytes(text: string): number {
  return parseLogqlBytes(text)
}
