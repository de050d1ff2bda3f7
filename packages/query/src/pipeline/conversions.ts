// Text of a label to a number, as label filters and `unwrap` do it. Errors are Go's texts.

import { parseGoDuration, parseLogqlBytes } from '@skald/wire'

const decimal = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/
const special = /^[+-]?(?:inf|infinity|nan)$/i
const hexadecimal = /^([+-]?)0[xX]([\da-fA-F]*)\.?([\da-fA-F]*)[pP]([+-]?\d+)$/

/**
 * Reads a number as Go's ParseFloat.
 *
 * @throws SyntaxError with Go's text.
 */
export function parseFloatText(text: string): number {
  if (decimal.test(text)) {
    const value = Number(text)
    if (Number.isFinite(value)) return value
    throw new SyntaxError(`strconv.ParseFloat: parsing ${JSON.stringify(text)}: value out of range`)
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
  throw new SyntaxError(`strconv.ParseFloat: parsing ${JSON.stringify(text)}: invalid syntax`)
}

/** Reads a Go duration as nanoseconds. */
export function parseDurationNs(text: string): number {
  return Number(parseGoDuration(text))
}

/** Reads a byte size. */
export function parseBytes(text: string): number {
  return parseLogqlBytes(text)
}
