// Number and character constants of templates.

import { integerCharsMax } from '../limits.ts'
import { unquoteGoString } from '../text/go-string.ts'
import type { NumberNode } from './ast.ts'

const maxInt = (1n << 63n) - 1n
const maxUint = (1n << 64n) - 1n

/**
 * Parses a number like Go's templates: `42`, `-1`, `0x1F`, `0b10`, `017`, `1_000`, `1.5e3`.
 *
 * @throws SyntaxError with Go's text, also for complex numbers.
 */
export function parseNumber(text: string, pos: number): NumberNode {
  if (text.endsWith('i')) {
    throw new SyntaxError(`complex numbers are not supported: ${JSON.stringify(text)}`)
  }
  const int = parseInteger(text)
  if (int !== undefined && int >= -maxInt - 1n && int <= maxUint) {
    // A number that only fits a uint is not an int, and nothing here takes a uint.
    const isInt = int <= maxInt
    return {
      kind: 'number',
      pos,
      text,
      int: isInt ? int : undefined,
      float: Number(int),
      isFloat: false,
    }
  }
  const float = parseFloatLiteral(text)
  if (float === undefined) throw new SyntaxError(`illegal number syntax: ${JSON.stringify(text)}`)
  if (!/[.eEpP]/.test(text)) throw new SyntaxError(`integer overflow: ${JSON.stringify(text)}`)
  const isWhole = Number.isInteger(float) && Math.abs(float) < 2 ** 63
  return {
    kind: 'number',
    pos,
    text,
    int: isWhole ? BigInt(float) : undefined,
    float,
    isFloat: true,
  }
}

/**
 * Parses a character constant to its code point.
 *
 * @throws SyntaxError with Go's text.
 */
export function parseCharConstant(text: string, pos: number): NumberNode {
  const body = text.slice(1, -1)
  const malformed = () => new SyntaxError(`malformed character constant: ${text}`)
  let char: string
  try {
    // String literals have the same escapes, except for the quotes.
    const escaped = body === "\\'" ? "'" : body
    if (body === '\\"') throw malformed()
    char = unquoteGoString(escaped === '"' ? '"\\""' : `"${escaped}"`)
  } catch (error) {
    throw error instanceof SyntaxError ? error : malformed()
  }
  const code = /^\\(?:x[\da-fA-F]{2}|[0-7]{3})$/.test(body)
    ? Number.parseInt(body.slice(body[1] === 'x' ? 2 : 1), body[1] === 'x' ? 16 : 8)
    : char.codePointAt(0)
  if (code === undefined || [...char].length !== 1) throw malformed()
  return { kind: 'number', pos, text, int: BigInt(code), float: code, isFloat: false }
}

/**
 * Parses an integer like Go's strconv.ParseInt with base 0: signs, the prefixes 0x 0o 0b 0, and underscores
 * between digits. The result may be larger than an int64. Returns `undefined` for anything else.
 */
export function parseInteger(text: string): bigint | undefined {
  // Parsing digits takes quadratic time, and no Go integer has this many.
  if (text.length > integerCharsMax) return undefined
  const match =
    /^([+-]?)(?:0[xX]([\da-fA-F_]+)|0[oO]?([0-7_]+)|0[bB]([01_]+)|(0|[1-9][\d_]*))$/.exec(text)
  if (!match) return undefined
  const [, sign, hex, octal, binary, decimal] = match
  const digits = hex ?? octal ?? binary ?? decimal!
  if (digits.endsWith('_') || digits.includes('__')) return undefined
  const prefix = hex ? '0x' : octal ? '0o' : binary ? '0b' : ''
  const value = BigInt(prefix + digits.replaceAll('_', ''))
  return sign === '-' ? -value : value
}

/**
 * Parses a float like Go's strconv.ParseFloat, including hexadecimal ones. Returns `undefined` for anything
 * else.
 */
export function parseFloatText(text: string): number | undefined {
  const word = /^([+-]?)(inf|infinity|nan)$/i.exec(text)
  if (word) {
    if (/nan/i.test(word[2]!)) return word[1] === '' ? Number.NaN : undefined
    return word[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  }
  const value = parseFloatLiteral(text)
  // Go reports an error if it is out of range.
  return value === undefined || Number.isFinite(value) ? value : undefined
}

function parseFloatLiteral(text: string): number | undefined {
  const plain = text.includes('_') ? withoutUnderscores(text) : text
  if (plain === undefined) return undefined
  if (/^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(plain)) return Number(plain)
  const hex = /^([+-]?)0[xX]([\da-fA-F]*)\.?([\da-fA-F]*)[pP]([+-]?\d+)$/.exec(plain)
  if (!hex || hex[2]! + hex[3]! === '') return undefined
  const mantissa = Number.parseInt(hex[2]! + hex[3]!, 16)
  const value = mantissa * 2 ** (Number(hex[4]) - 4 * hex[3]!.length)
  return hex[1] === '-' ? -value : value
}

/** Underscores are allowed between the digits of numbers with a base prefix. */
function withoutUnderscores(text: string): string | undefined {
  const isSeparated = !/(?:^|[^\da-fA-F])_|_(?:$|[^\da-fA-F])/.test(
    text.replace(/^[+-]?0[xX]_/, '0x0'),
  )
  return isSeparated ? text.replaceAll('_', '') : undefined
}
