// Go's fmt.Sprintf for the values of templates. Facts: https://pkg.go.dev/fmt

import { printfWidthMax } from '../limits.ts'
import { encodeGoText } from '../text/go-bytes.ts'
import { quoteGoString } from '../text/go-string.ts'
import {
  formatExponent,
  formatFixed,
  formatFloat,
  formatGeneral,
  formatHexFloat,
} from './float-text.ts'
import { checkTextLength, printNested, printValue } from './print.ts'
import { GoInt, GoList, GoMap, typeName, type Value } from './values.ts'

interface Directive {
  readonly verb: string
  readonly plus: boolean
  readonly minus: boolean
  readonly sharp: boolean
  readonly space: boolean
  readonly zero: boolean
  readonly width: number | undefined
  readonly precision: number | undefined
}

/** Formats values. Errors show in the text, like in Go (`%!d(string=x)`). */
export function sprintf(format: string, args: readonly Value[]): string {
  return new Formatter(format, args).run()
}

/** Quotes a text like Go's strconv.Quote. Bytes that are not UTF-8 become `\xNN`. */
export function quoteText(text: string): string {
  if (text.isWellFormed()) return quoteGoString(text)
  const body = text
    .split(/([\udc80-\udcff])/)
    .map(part => {
      const code = part.length === 1 ? part.charCodeAt(0) : 0
      if (code >= 0xdc80 && code <= 0xdcff) return `\\x${(code - 0xdc00).toString(16)}`
      return quoteGoString(part).slice(1, -1)
    })
    .join('')
  return `"${body}"`
}

// Walks the format from left to right, and tracks the next argument.
class Formatter {
  readonly #format: string
  readonly #args: readonly Value[]
  #at = 0
  #argIndex = 0
  #isReordered = false
  #isIndexBad = false
  #text = ''

  constructor(format: string, args: readonly Value[]) {
    this.#format = format
    this.#args = args
  }

  run(): string {
    while (this.#at < this.#format.length) {
      const percent = this.#format.indexOf('%', this.#at)
      const end = percent < 0 ? this.#format.length : percent
      this.#text += this.#format.slice(this.#at, end)
      if (percent < 0) break
      this.#at = percent + 1
      this.#directive()
      checkTextLength(this.#text.length)
    }
    if (!this.#isReordered && this.#argIndex < this.#args.length) this.#extra()
    return this.#text
  }

  #extra(): void {
    const rest = this.#args.slice(this.#argIndex).map(arg => {
      return arg === null || arg === undefined ? '<nil>' : `${typeName(arg)}=${printValue(arg)}`
    })
    this.#text += `%!(EXTRA ${rest.join(', ')})`
  }

  #directive(): void {
    this.#isIndexBad = false
    const flags = /[+\-# 0]*/y
    flags.lastIndex = this.#at
    const flagText = flags.exec(this.#format)?.[0] ?? ''
    this.#at += flagText.length
    let isIndexed = this.#argNumber()
    let minus = flagText.includes('-')
    let width = this.#number()
    if (width === undefined && this.#format[this.#at] === '*') {
      this.#at++
      width = this.#starred('BADWIDTH')
      if (width !== undefined && width < 0) {
        minus = true
        width = -width
      }
      isIndexed = false
    } else if (isIndexed && width !== undefined) {
      // `%[3]2d`: the index must come directly before the verb or a star.
      this.#isIndexBad = true
    }
    let precision: number | undefined
    if (this.#format[this.#at] === '.') {
      this.#at++
      if (isIndexed) this.#isIndexBad = true
      isIndexed = this.#argNumber()
      if (this.#format[this.#at] === '*') {
        this.#at++
        precision = this.#starred('BADPREC')
        if (precision !== undefined && precision < 0) {
          precision = undefined
          this.#text += '%!(BADPREC)'
        }
        isIndexed = false
      } else {
        precision = this.#number() ?? 0
      }
    }
    if (!isIndexed) this.#argNumber()
    this.#verb({
      plus: flagText.includes('+'),
      minus,
      sharp: flagText.includes('#'),
      space: flagText.includes(' '),
      zero: flagText.includes('0') && !minus,
      width,
      precision,
    })
  }

  #verb(flags: Omit<Directive, 'verb'>): void {
    const code = this.#format.codePointAt(this.#at)
    if (code === undefined) {
      this.#text += '%!(NOVERB)'
      return
    }
    const verb = String.fromCodePoint(code)
    this.#at += verb.length
    if (verb === '%') {
      this.#text += '%'
    } else if (this.#isIndexBad) {
      this.#text += `%!${verb}(BADINDEX)`
    } else if (this.#argIndex >= this.#args.length) {
      this.#text += `%!${verb}(MISSING)`
    } else {
      this.#text += formatArg(this.#args[this.#argIndex], { ...flags, verb })
      this.#argIndex++
    }
  }

  #number(): number | undefined {
    const digits = /\d+/y
    digits.lastIndex = this.#at
    const text = digits.exec(this.#format)?.[0]
    if (text === undefined) return undefined
    this.#at += text.length
    return Number(text) > printfWidthMax ? undefined : Number(text)
  }

  #starred(problem: string): number | undefined {
    const arg = this.#args[this.#argIndex]
    if (this.#argIndex < this.#args.length) this.#argIndex++
    const value = typeof arg === 'bigint' ? arg : arg instanceof GoInt ? arg.value : undefined
    if (value === undefined || value > printfWidthMax || value < -printfWidthMax) {
      this.#text += `%!(${problem})`
      return undefined
    }
    return Number(value)
  }

  /** Reads `[3]`, the number of the next argument. */
  #argNumber(): boolean {
    if (this.#format[this.#at] !== '[') return false
    this.#isReordered = true
    const index = /\[(\d+)\]/y
    index.lastIndex = this.#at
    const match = index.exec(this.#format)
    if (match) {
      this.#at = index.lastIndex
      const number = Number(match[1])
      if (number >= 1 && number <= this.#args.length) {
        this.#argIndex = number - 1
        return true
      }
    } else {
      const close = this.#format.indexOf(']', this.#at)
      this.#at = close < 0 ? this.#at + 1 : close + 1
    }
    this.#isIndexBad = true
    return true
  }
}

function formatArg(arg: Value, directive: Directive): string {
  if (directive.verb === 'T') return formatString(typeName(arg), { ...directive, verb: 's' })!
  if (arg === undefined || arg === null) {
    return directive.verb === 'v' ? pad('<nil>', directive) : `%!${directive.verb}(<nil>)`
  }
  if (directive.verb === 'v' && directive.sharp) return formatSyntax(arg)
  if (arg instanceof GoList || arg instanceof GoMap) {
    return printNested(arg, item => (item === null ? '<nil>' : formatArg(item, directive)))
  }
  return formatScalar(arg, directive) ?? badVerb(arg, directive)
}

/** The verb does not fit the type. Width and precision still apply. */
function badVerb(arg: Value, directive: Directive): string {
  const shown = formatScalar(arg, { ...directive, verb: 'v' }) ?? printValue(arg)
  return `%!${directive.verb}(${typeName(arg)}=${shown})`
}

function formatScalar(arg: Value, directive: Directive): string | undefined {
  const { verb } = directive
  if (typeof arg === 'string') return formatString(arg, directive)
  if (typeof arg === 'bigint') return formatInteger(arg, directive)
  if (typeof arg === 'number') return formatNumber(arg, directive)
  if (typeof arg === 'boolean') return 'tv'.includes(verb) ? pad(String(arg), directive) : undefined
  // Types with their own text use it for text verbs.
  if (arg instanceof GoInt && (arg.name === undefined || !'vsxXq'.includes(verb))) {
    return formatInteger(arg.value, directive)
  }
  return 'vsxXq'.includes(verb) ? formatString(printValue(arg), directive) : undefined
}

function pad(text: string, { width, minus, zero }: Directive): string {
  if (width === undefined) return text
  const missing = width - runeCount(text)
  if (missing <= 0) return text
  return minus ? text + ' '.repeat(missing) : (zero ? '0' : ' ').repeat(missing) + text
}

function runeCount(text: string): number {
  let count = 0
  for (const _ of text) count++
  return count
}

function formatString(text: string, directive: Directive): string | undefined {
  const { verb, precision, sharp, plus, space } = directive
  const cut =
    precision === undefined || text.length <= precision || 'xX'.includes(verb)
      ? text
      : [...text].slice(0, precision).join('')
  switch (verb) {
    case 'v':
    case 's':
      return pad(cut, directive)
    case 'q':
      return pad(quoteWith(cut, sharp, plus), directive)
    case 'x':
    case 'X': {
      const bytes = encodeGoText(cut).subarray(0, precision ?? Number.POSITIVE_INFINITY)
      const pairs = [...bytes].map(byte => byte.toString(16).padStart(2, '0'))
      const prefix = sharp ? '0x' : ''
      const joined = space ? pairs.map(pair => prefix + pair).join(' ') : prefix + pairs.join('')
      const hex = pairs.length === 0 ? '' : joined
      return pad(verb === 'X' ? hex.toUpperCase() : hex, directive)
    }
    default:
      return undefined
  }
}

function quoteWith(text: string, isRaw: boolean, isAscii: boolean): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: raw literals cannot contain these.
  if (isRaw && text.isWellFormed() && !/[\0-\x08\x0a-\x1f`\x7f\ufeff]/.test(text))
    return `\`${text}\``
  const quoted = quoteText(text)
  if (!isAscii) return quoted
  return quoted.replace(/[^\0-\x7f]/gu, char => {
    const code = char.codePointAt(0)!
    if (code > 0xffff) return `\\U${code.toString(16).padStart(8, '0')}`
    return `\\u${code.toString(16).padStart(4, '0')}`
  })
}

function formatInteger(value: bigint, directive: Directive): string | undefined {
  const { verb, sharp } = directive
  switch (verb) {
    case 'v':
    case 'd':
      return padInteger(value, 10, '', directive)
    case 'b':
      return padInteger(value, 2, sharp ? '0b' : '', directive)
    case 'o':
      return padInteger(value, 8, sharp ? '0' : '', directive)
    case 'O':
      return padInteger(value, 8, '0o', directive)
    case 'x':
      return padInteger(value, 16, sharp ? '0x' : '', directive)
    case 'X':
      return padInteger(value, 16, sharp ? '0X' : '', directive).toUpperCase()
    case 'c':
      return pad(runeOf(value), directive)
    case 'q':
      return pad(quoteRune(runeOf(value)), directive)
    case 'U': {
      const hex = BigInt.asUintN(64, value).toString(16).toUpperCase()
      const shown = `U+${hex.padStart(Math.max(4, directive.precision ?? 0), '0')}`
      return pad(sharp ? `${shown} '${runeOf(value)}'` : shown, { ...directive, zero: false })
    }
    default:
      return undefined
  }
}

function runeOf(value: bigint): string {
  const isRune = value >= 0n && value <= 0x10ffffn && !(value >= 0xd800n && value < 0xe000n)
  return isRune ? String.fromCodePoint(Number(value)) : '\ufffd'
}

function quoteRune(rune: string): string {
  if (rune === "'") return "'\\''"
  return rune === '"' ? `'"'` : `'${quoteGoString(rune).slice(1, -1)}'`
}

function padInteger(value: bigint, base: number, prefix: string, directive: Directive): string {
  const { plus, space, zero, width, precision } = directive
  const sign = value < 0n ? '-' : plus ? '+' : space ? ' ' : ''
  let digits = (value < 0n ? -value : value).toString(base)
  if (precision !== undefined) {
    if (precision === 0 && value === 0n) return ' '.repeat(width ?? 0)
    digits = digits.padStart(precision, '0')
  } else if (zero && width !== undefined) {
    digits = digits.padStart(width - sign.length, '0')
  }
  // A number with a leading zero needs no other zero to be octal.
  const shownPrefix = prefix === '0' && digits.startsWith('0') ? '' : prefix
  return pad(sign + shownPrefix + digits, { ...directive, zero: false })
}

function formatNumber(value: number, directive: Directive): string | undefined {
  const text = numberText(value, directive)
  if (text === undefined) return undefined
  const { plus, space, zero, width } = directive
  if (!Number.isFinite(value)) {
    const shown = Number.isNaN(value) && (plus || space) ? `${plus ? '+' : ' '}NaN` : text
    const infinity = space && !plus ? shown.replace('+', ' ') : shown
    return pad(infinity, { ...directive, zero: false })
  }
  const sign = text.startsWith('-') ? '-' : plus ? '+' : space ? ' ' : ''
  const digits = text.startsWith('-') ? text.slice(1) : text
  if (zero && width !== undefined && sign !== '') {
    return sign + digits.padStart(width - 1, '0')
  }
  return pad(sign + digits, directive)
}

function numberText(value: number, { verb, precision }: Directive): string | undefined {
  switch (verb) {
    case 'v':
    case 'g':
      return precision === undefined ? formatFloat(value) : formatGeneral(value, precision)
    case 'G':
      return numberText(value, { verb: 'g', precision } as Directive)?.replace('e', 'E')
    case 'e':
      return formatExponent(value, precision ?? 6)
    case 'E':
      return formatExponent(value, precision ?? 6).replace('e', 'E')
    case 'f':
    case 'F':
      return formatFixed(value, precision ?? 6)
    case 'x':
      return formatHexFloat(value, precision)
    case 'X':
      return formatHexFloat(value, precision).toUpperCase()
    default:
      return undefined
  }
}

/** Writes a value as Go source (`%#v`). */
function formatSyntax(value: Value): string {
  if (value === undefined || value === null) return 'interface {}(nil)'
  if (typeof value === 'string') return quoteText(value)
  if (value instanceof GoList) {
    return `${typeName(value)}{${value.items.map(formatSyntax).join(', ')}}`
  }
  if (value instanceof GoMap) {
    const entries = value.sorted().map(([key, item]) => `${quoteText(key)}:${formatSyntax(item)}`)
    return `${typeName(value)}{${entries.join(', ')}}`
  }
  if (value instanceof GoInt) {
    return value.type === 'uint8' ? `0x${value.value.toString(16)}` : String(value.value)
  }
  return printValue(value)
}
