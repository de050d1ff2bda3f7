// Converts values of any type, by the rules of the Go libraries that template functions use. A value that
// cannot be converted is 0.

import { parseFloatText, parseInteger } from '../number-literal.ts'
import { GoInt, GoTime, isTrue, type Value } from '../values.ts'

const minInt64 = -(2n ** 63n)
const maxInt64 = 2n ** 63n - 1n
// Fast path for most numbers.
const plainInteger = /^-?[1-9]\d{0,14}$/

/** Converts to int64. Texts may have base prefixes (`0x1f`, `017`) and a fraction of zeros only. */
export function toInt64(value: Value): bigint {
  if (typeof value === 'string') return textToInt64(value, /\.0+$/)
  return otherToInt64(value)
}

/** Converts to int64 and drops any fraction, like the newer library in Loki. */
export function cutToInt64(value: Value): bigint {
  if (typeof value === 'string') return textToInt64(value, /(?<=^[-+]?\d*)\.\d*$/)
  return otherToInt64(value)
}

function textToInt64(text: string, fraction: RegExp): bigint {
  if (plainInteger.test(text)) return BigInt(text)
  const int = parseInteger(text.replace(fraction, ''))
  return int !== undefined && int >= minInt64 && int <= maxInt64 ? int : 0n
}

function otherToInt64(value: Exclude<Value, string>): bigint {
  if (typeof value === 'bigint') return value
  if (typeof value === 'number') return floatToInt64(value)
  if (typeof value === 'boolean') return value ? 1n : 0n
  // These libraries do not treat a duration as a number.
  return value instanceof GoInt && value.type !== 'time.Duration' ? value.value : 0n
}

/** Truncates a float to an int64. Out of range gives the smallest one, like on amd64. */
function floatToInt64(value: number): bigint {
  const isInRange = value > -(2 ** 63) && value < 2 ** 63
  return isInRange ? BigInt(Math.trunc(value)) : minInt64
}

/** Converts to float64. */
export function toFloat64(value: Value): number {
  if (typeof value === 'number') return value
  if (typeof value === 'string') return parseFloatText(value) ?? 0
  return Number(toInt64(value))
}

/** Returns true if a value is the zero of its type. Times never are. */
export function isEmpty(value: Value): boolean {
  return !isTrue(value) && !(value instanceof GoTime)
}
