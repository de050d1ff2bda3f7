// Splits the text of a template into tokens. Spaces inside actions are tokens, because they separate
// arguments. Comments, and spaces trimmed by `{{-` and `-}}`, are not.

export type TokenType =
  | 'error'
  | 'eof'
  | 'text'
  | 'leftDelim'
  | 'rightDelim'
  | 'space'
  | 'assign'
  | 'declare'
  | 'pipe'
  | 'char'
  | 'leftParen'
  | 'rightParen'
  | 'string'
  | 'rawString'
  | 'charConstant'
  | 'number'
  | 'complex'
  | 'bool'
  | 'field'
  | 'variable'
  | 'identifier'
  | 'dot'
  | 'nil'
  | 'keyword'

export interface Token {
  readonly type: TokenType
  /** Offset in UTF-16 units. */
  readonly pos: number
  /** The text of the token. For an error, its message. */
  readonly text: string
  /** Line on which the token begins, from 1. */
  readonly line: number
}

const keywords: ReadonlySet<string> = new Set([
  'block',
  'break',
  'continue',
  'define',
  'else',
  'end',
  'if',
  'range',
  'template',
  'with',
])

const spaceChars = ' \t\r\n'
const numberPattern =
  /[+-]?(?:0[xX][\da-fA-F_]*(?:\.[\da-fA-F_]*)?(?:[pP][+-]?[\d_]*)?|0[oO][0-7_]*(?:\.[0-7_]*)?|0[bB][01_]*(?:\.[01_]*)?|[\d_]*(?:\.[\d_]*)?(?:[eE][+-]?[\d_]*)?)i?/y
const wordPattern = /[\p{L}\p{Nd}_]+/uy
const wordChar = /^[\p{L}\p{Nd}_]$/u

/** Reads tokens one at a time, so an error after the point where parsing stops is never reported. */
export class Lexer {
  readonly #input: string
  #pos = 0
  #line = 1
  #isInAction = false
  #parenDepth = 0
  #isBroken = false

  constructor(input: string) {
    this.#input = input
  }

  next(): Token {
    if (this.#isBroken) return this.#token('eof', this.#pos, 'EOF')
    return this.#isInAction ? this.#actionToken() : this.#textToken()
  }

  /** Returns a token from `start` to `end`, and continues after it. */
  #take(type: TokenType, end: number): Token {
    const token = this.#token(type, this.#pos, this.#input.slice(this.#pos, end))
    this.#skipTo(end)
    return token
  }

  #token(type: TokenType, pos: number, text: string): Token {
    return { type, pos, text, line: this.#line }
  }

  #skipTo(end: number): void {
    for (let at = this.#pos; at < end; at++) if (this.#input[at] === '\n') this.#line++
    this.#pos = end
  }

  #error(message: string): Token {
    this.#isBroken = true
    return this.#token('error', this.#pos, message)
  }

  #textToken(): Token {
    for (;;) {
      const delim = this.#input.indexOf('{{', this.#pos)
      const end = delim < 0 ? this.#input.length : delim
      if (end > this.#pos) {
        const trimmed = delim >= 0 && this.#hasLeftTrim(delim + 2) ? this.#trimEnd(end) : end
        const isEmpty = trimmed === this.#pos
        const token = isEmpty ? undefined : this.#take('text', trimmed)
        this.#skipTo(end)
        if (token) return token
      }
      if (delim < 0) return this.#token('eof', this.#pos, 'EOF')
      const afterMarker = delim + 2 + (this.#hasLeftTrim(delim + 2) ? 2 : 0)
      if (!this.#input.startsWith('/*', afterMarker)) {
        const token = this.#take('leftDelim', delim + 2)
        this.#skipTo(afterMarker)
        this.#isInAction = true
        this.#parenDepth = 0
        return token
      }
      this.#skipTo(afterMarker)
      const problem = this.#skipComment()
      if (problem) return problem
    }
  }

  #skipComment(): Token | undefined {
    const close = this.#input.indexOf('*/', this.#pos + 2)
    if (close < 0) return this.#error('unclosed comment')
    const delim = this.#rightDelimAt(close + 2)
    if (!delim) return this.#error('comment ends before closing delimiter')
    this.#skipTo(delim.end)
    return undefined
  }

  /** Finds `}}` or ` -}}` at an offset. `end` is after the spaces that it trims. */
  #rightDelimAt(at: number): { readonly start: number; readonly end: number } | undefined {
    const isTrimmed =
      at < this.#input.length &&
      spaceChars.includes(this.#input[at]!) &&
      this.#input.startsWith('-}}', at + 1)
    if (isTrimmed) {
      let end = at + 4
      while (end < this.#input.length && spaceChars.includes(this.#input[end]!)) end++
      return { start: at + 2, end }
    }
    return this.#input.startsWith('}}', at) ? { start: at, end: at + 2 } : undefined
  }

  #hasLeftTrim(at: number): boolean {
    const space = this.#input[at + 1]
    return this.#input[at] === '-' && space !== undefined && spaceChars.includes(space)
  }

  #trimEnd(end: number): number {
    let at = end
    while (at > this.#pos && spaceChars.includes(this.#input[at - 1]!)) at--
    return at
  }

  #actionToken(): Token {
    const start = this.#pos
    const delim = this.#rightDelimAt(start)
    if (delim) {
      if (this.#parenDepth > 0) return this.#error('unclosed left paren')
      return this.#closeAction(delim)
    }
    const code = this.#input.codePointAt(start)
    if (code === undefined) return this.#error('unclosed action')
    const char = String.fromCodePoint(code)
    if (spaceChars.includes(char)) return this.#space()
    switch (char) {
      case '=':
        return this.#take('assign', start + 1)
      case ':':
        if (this.#input[start + 1] !== '=') return this.#error('expected :=')
        return this.#take('declare', start + 2)
      case '|':
        return this.#take('pipe', start + 1)
      case '"':
      case "'":
        return this.#quoted(char)
      case '`': {
        const close = this.#input.indexOf('`', start + 1)
        if (close < 0) return this.#error('unterminated raw quoted string')
        return this.#take('rawString', close + 1)
      }
      case '$':
        return this.#word('variable', start + 1)
      case '.':
        if (!/[0-9]/.test(this.#input[start + 1] ?? '')) return this.#word('field', start + 1)
        return this.#number()
      case '(':
        this.#parenDepth++
        return this.#take('leftParen', start + 1)
      case ')':
        this.#parenDepth--
        if (this.#parenDepth < 0) return this.#error('unexpected right paren')
        return this.#take('rightParen', start + 1)
      default:
        if (/[+\-0-9]/.test(char)) return this.#number()
        if (wordChar.test(char)) return this.#identifier()
        if (code > 0x20 && code < 0x7f) return this.#take('char', start + 1)
        return this.#error(`unrecognized character in action: ${describeRune(code)}`)
    }
  }

  #closeAction(delim: { readonly start: number; readonly end: number }): Token {
    this.#skipTo(delim.start)
    const token = this.#take('rightDelim', delim.start + 2)
    this.#skipTo(delim.end)
    this.#isInAction = false
    return token
  }

  #space(): Token {
    let end = this.#pos
    while (end < this.#input.length && spaceChars.includes(this.#input[end]!)) end++
    // The last space may belong to ` -}}`.
    const delim = this.#rightDelimAt(end - 1)
    if (delim && delim.start === end + 1) end--
    return this.#take('space', end)
  }

  #quoted(quote: string): Token {
    for (let at = this.#pos + 1; at < this.#input.length; at++) {
      const char = this.#input[at]
      if (char === quote) {
        return this.#take(quote === '"' ? 'string' : 'charConstant', at + 1)
      }
      if (char === '\n') break
      if (char === '\\') {
        at++
        if (this.#input[at] === '\n') break
      }
    }
    const what = quote === '"' ? 'quoted string' : 'character constant'
    return this.#error(`unterminated ${what}`)
  }

  #number(): Token {
    const first = this.#numberEnd(this.#pos)
    if (first.isBad) return this.#badNumber(first.end)
    const sign = this.#input[first.end]
    if (sign !== '+' && sign !== '-') return this.#take('number', first.end)
    const second = this.#numberEnd(first.end)
    if (second.isBad || this.#input[second.end - 1] !== 'i') return this.#badNumber(second.end)
    return this.#take('complex', second.end)
  }

  #numberEnd(start: number): { readonly end: number; readonly isBad: boolean } {
    numberPattern.lastIndex = start
    numberPattern.exec(this.#input)
    const end = Math.max(numberPattern.lastIndex, start)
    const next = this.#input.codePointAt(end)
    if (next === undefined || !wordChar.test(String.fromCodePoint(next))) {
      return { end, isBad: false }
    }
    return { end: end + (next > 0xffff ? 2 : 1), isBad: true }
  }

  #badNumber(end: number): Token {
    return this.#error(`bad number syntax: ${JSON.stringify(this.#input.slice(this.#pos, end))}`)
  }

  #identifier(): Token {
    const end = this.#wordEnd(this.#pos)
    if (!this.#isTerminator(end)) return this.#badCharacter(end)
    const word = this.#input.slice(this.#pos, end)
    if (keywords.has(word)) return this.#take('keyword', end)
    if (word === 'nil') return this.#take('nil', end)
    return this.#take(word === 'true' || word === 'false' ? 'bool' : 'identifier', end)
  }

  /** Reads a field or a variable, which starts with `.` or `$`. */
  #word(type: 'field' | 'variable', nameStart: number): Token {
    if (this.#isTerminator(nameStart)) {
      return this.#take(type === 'variable' ? 'variable' : 'dot', nameStart)
    }
    const end = this.#wordEnd(nameStart)
    return this.#isTerminator(end) ? this.#take(type, end) : this.#badCharacter(end)
  }

  #wordEnd(start: number): number {
    wordPattern.lastIndex = start
    return wordPattern.test(this.#input) ? wordPattern.lastIndex : start
  }

  #badCharacter(at: number): Token {
    return this.#error(`bad character ${describeRune(this.#input.codePointAt(at)!)}`)
  }

  #isTerminator(at: number): boolean {
    const char = this.#input[at]
    if (char === undefined || spaceChars.includes(char) || '.,|:)('.includes(char)) return true
    return this.#input.startsWith('}}', at)
  }
}

/** Writes a character like Go's `%#U`: `U+0040 '@'`. */
function describeRune(code: number): string {
  const hex = `U+${code.toString(16).toUpperCase().padStart(4, '0')}`
  const char = String.fromCodePoint(code)
  return /[\p{C}\p{Z}]/u.test(char) && char !== ' ' ? hex : `${hex} '${char}'`
}
