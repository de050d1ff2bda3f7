// LogQL text to tokens, one at a time, so that a syntax error is found before a bad character behind
// it. Follows Go's text/scanner where Loki leaves the words to it, positions included.

import {
  parseGoDuration,
  parseLogqlBytes,
  parsePrometheusDuration,
  unquoteGoString,
} from '@skald/go-dialect'
import { LogqlSyntaxError } from '../errors.ts'

/** What a token is: punctuation and keywords as they are written, the others by their class. */
export interface Token {
  readonly type: string
  /** As written; for strings what they stand for. */
  readonly text: string
  /** Value of DURATION and RANGE. */
  readonly durationNs: bigint
  /** Value of NUMBER and BYTES. */
  /** Of sizes; what a number is depends on where it stands. */
  readonly number: number
  readonly line: number
  readonly column: number
}

/** Words that are no plain names. */
export interface Words {
  /** Names of functions; they are plain names unless a parenthesis follows. */
  readonly functions: ReadonlySet<string>
  readonly keywords: ReadonlySet<string>
}

const conversions: Readonly<Record<string, string>> = {
  bytes: 'BYTES_CONV',
  duration: 'DURATION_CONV',
  duration_seconds: 'DURATION_SECONDS_CONV',
}
const pairs = new Set(['!=', '=~', '!~', '|=', '|~', '|>', '!>', '==', '>=', '<='])
const singles = new Set([...',.{}=|()]+-*/%^><'])

const spaces = /(?:[ \t\r\n]+|#[^\n]*|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*/y
const identifier = /[\p{L}_][\p{L}\p{Nd}_]*/uy
const number =
  /0[xX][\da-fA-F_]*(?:\.[\da-fA-F_]*)?(?:[pP][+-]?\d*)?|0[bB][\d_]*|0[oO][\d_]*|(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?[\d_]*)?/y
const durationTail = /[\p{N}nuµmshdwy.]+/uy
const bytesTail = /[\p{N}BikKMGTP.]+/uy
const callAhead = /[ \t\r\n]*(?:\(|(?:by|without)[ \t\r\n]*\()/iy

/** Yields the tokens of one query. */
export class Lexer {
  readonly #text: string
  readonly #words: Words
  #at = 0
  #seen = 0
  #line = 1
  #column = 1

  constructor(text: string, words: Words) {
    this.#text = text
    this.#words = words
  }

  /** Reads the next token; `$end` behind the last. */
  next(): Token {
    spaces.lastIndex = this.#at
    spaces.test(this.#text)
    this.#at = spaces.lastIndex
    const start = this.#at
    const text = this.#text
    if (start >= text.length) return this.#token('$end', start, '')
    if (text.startsWith('/*', start)) this.#fail('comment not terminated', start)
    const char = text[start]!
    if (char === '"' || char === '`') return this.#string(start)
    if (char === "'") return this.#charLiteral(start)
    if (char === '[') return this.#range(start)
    const word = this.#match(identifier)
    if (word !== undefined) return this.#word(word, start)
    const digits = this.#match(number)
    if (digits !== undefined) return this.#number(digits, start)
    if (char === '-') {
      const flag = /--(?:strict|keep-empty)/y
      const found = this.#match(flag)
      if (found !== undefined) return this.#token('PARSER_FLAG', start, found, { isWide: true })
      this.#at = start + 1
      const duration = this.#duration('-', start)
      if (duration) return duration
    }
    const pair = text.slice(start, start + 2)
    if (pairs.has(pair)) {
      this.#at = start + 2
      return this.#token(pair, start, pair, { isWide: true })
    }
    const code = String.fromCodePoint(text.codePointAt(start)!)
    this.#at = start + code.length
    return this.#token(singles.has(code) ? code : 'IDENTIFIER', start, code)
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const match = pattern.exec(this.#text)
    if (!match) return undefined
    this.#at = pattern.lastIndex
    return match[0]
  }

  #token(
    type: string,
    start: number,
    text: string,
    value: { isWide?: boolean; durationNs?: bigint; number?: number } = {},
  ): Token {
    const { line, column } = this.#position(start)
    return {
      type,
      text,
      durationNs: value.durationNs ?? 0n,
      number: value.number ?? 0,
      line: value.isWide ? 0 : line,
      column,
    }
  }

  // Line and column count from 1, columns in characters; an empty text has no position at all.
  // Offsets only grow, so each character is counted once.
  #position(offset: number): { line: number; column: number } {
    if (this.#text === '') return { line: 0, column: 0 }
    for (const char of this.#text.slice(this.#seen, offset)) {
      this.#column++
      if (char === '\n') {
        this.#line++
        this.#column = 1
      }
    }
    this.#seen = Math.max(this.#seen, offset)
    return { line: this.#line, column: this.#column }
  }

  #fail(reason: string, start: number, isWide = false): never {
    const { line, column } = this.#position(start)
    throw new LogqlSyntaxError(reason, { line: isWide ? 0 : line, column })
  }

  #string(start: number): Token {
    const text = this.#text
    const quote = text[start]!
    let end = start + 1
    for (; end < text.length; end++) {
      const char = text[end]!
      if (char === quote) break
      if (quote === '`') continue
      if (char === '\n') this.#fail('literal not terminated', start)
      if (char !== '\\') continue
      const sequence = /\\(?:[abfnrtv\\"]|x[\da-fA-F]{2}|u[\da-fA-F]{4}|U[\da-fA-F]{8}|[0-7]{3})/y
      sequence.lastIndex = end
      const match = sequence.exec(text)
      if (!match) this.#fail('invalid char escape', start)
      end = sequence.lastIndex - 1
    }
    if (end >= text.length) this.#fail('literal not terminated', start)
    this.#at = end + 1
    try {
      return this.#token('STRING', start, unquoteGoString(text.slice(start, end + 1)))
    } catch {
      return this.#fail('invalid syntax', start)
    }
  }

  // Go's scanner reads 'x' as a character, which LogQL has no use for.
  #charLiteral(start: number): Token {
    const literal = /'((?:[^'\\\n]|\\.)*)'?/uy
    literal.lastIndex = start
    const match = literal.exec(this.#text)!
    this.#at = literal.lastIndex
    if (!match[0].endsWith("'") || match[0].length === 1)
      this.#fail('literal not terminated', start)
    if ([...match[1]!].length !== 1) this.#fail('invalid char literal', start)
    return this.#token('IDENTIFIER', start, match[0])
  }

  #range(start: number): Token {
    const end = this.#text.indexOf(']', start)
    if (end < 0) this.#fail("missing closing ']' in duration", start, true)
    this.#at = end + 1
    const inside = this.#text.slice(start + 1, end)
    try {
      const durationNs = parsePrometheusDuration(inside)
      return this.#token('RANGE', start, inside, { isWide: true, durationNs })
    } catch (error) {
      return this.#fail((error as Error).message, start, true)
    }
  }

  #word(word: string, start: number): Token {
    const lower = word.toLowerCase()
    if (this.#words.functions.has(lower) || conversions[lower] !== undefined) {
      callAhead.lastIndex = this.#at
      if (!callAhead.test(this.#text)) return this.#token('IDENTIFIER', start, word)
      const type = lower === 'ip' ? lower : (conversions[lower] ?? lower.toUpperCase())
      return this.#token(type, start, lower)
    }
    if (this.#words.keywords.has(lower)) return this.#token(lower, start, lower)
    return this.#token('IDENTIFIER', start, word)
  }

  #number(digits: string, start: number): Token {
    const duration = this.#duration(digits, start)
    if (duration) return duration
    const bytes = this.#bytes(digits, start)
    if (bytes) return bytes
    if (/^0[xX]_*$/.test(digits)) this.#fail('hexadecimal literal has no digits', start)
    if (/^0[bB]_*$/.test(digits)) this.#fail('binary literal has no digits', start)
    if (/^0[oO]_*$/.test(digits)) this.#fail('octal literal has no digits', start)
    if (/^[^xX]*[eE][+-]?$/.test(digits)) this.#fail('exponent has no digits', start)
    if (/^0[xX].*\.[\da-fA-F]*$/.test(digits)) {
      this.#fail("hexadecimal mantissa requires a 'p' exponent", start)
    }
    return this.#token('NUMBER', start, digits)
  }

  // A number (or a minus) may go on as a duration; it stays a number where that makes none.
  #duration(head: string, start: number): Token | undefined {
    const after = this.#at
    const tail = this.#match(durationTail)
    if (tail === undefined) return undefined
    const durationNs = readDuration(head + tail)
    if (durationNs !== undefined) {
      return this.#token('DURATION', start, head + tail, { isWide: true, durationNs })
    }
    this.#at = after
    return undefined
  }

  #bytes(head: string, start: number): Token | undefined {
    const after = this.#at
    const tail = this.#match(bytesTail)
    if (tail === undefined) return undefined
    try {
      const value = parseLogqlBytes(head + tail)
      return this.#token('BYTES', start, head + tail, { isWide: true, number: value })
    } catch {
      // It is a number, and what follows it another token.
      this.#at = after
      return undefined
    }
  }
}

function readDuration(text: string): bigint | undefined {
  for (const parse of [parsePrometheusDuration, parseGoDuration]) {
    try {
      return parse(text)
    } catch {
      // The other dialect may know it.
    }
  }
  return undefined
}
