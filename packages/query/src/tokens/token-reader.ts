// Reads the tokens of one query with one token of look-ahead, and reports unexpected tokens. The error names
// the token and, where Loki's parser does, the expected tokens.

import { parseFloatText } from '@skald/go-dialect/number/conversions'
import { LogqlSyntaxError } from '../errors.ts'
import { nestingMax } from '../limits.ts'
import type { Lexer, Token } from './lexer.ts'

/** Reads tokens, for the parser and for stages that parse themselves. */
export class TokenReader {
  readonly #lexer: Lexer
  #ahead: Token | undefined
  #depth = 0

  constructor(lexer: Lexer) {
    this.#lexer = lexer
  }

  /** Returns the next token without taking it. */
  peek(): Token {
    this.#ahead ??= this.#lexer.next()
    return this.#ahead
  }

  /** Takes the next token. */
  take(): Token {
    const token = this.peek()
    this.#ahead = undefined
    return token
  }

  /** Takes the next token if it has this type. */
  takeIf(type: string): Token | undefined {
    return this.peek().type === type ? this.take() : undefined
  }

  /**
   * Takes the next token, which must have this type. The error also names `others`.
   *
   * @throws LogqlSyntaxError
   */
  expect(type: string, ...others: string[]): Token {
    if (this.peek().type !== type) this.refuse(type, ...others)
    return this.take()
  }

  /** @throws LogqlSyntaxError with the next token and the expected ones. */
  refuse(...expected: string[]): never {
    const token = this.peek()
    const expecting = expected.length > 0 ? `, expecting ${expected.join(' or ')}` : ''
    throw new LogqlSyntaxError(`syntax error: unexpected ${token.type}${expecting}`, this.here())
  }

  /** Returns the position of the next token, for errors. */
  here(): { line: number; column: number } {
    const { line, column } = this.peek()
    return { line, column }
  }

  /**
   * Runs a part of the parser one level deeper.
   *
   * @throws LogqlSyntaxError if the query is nested too deeply.
   */
  deeper<T>(parse: () => T): T {
    if (++this.#depth > nestingMax) {
      throw new LogqlSyntaxError(`expression nests deeper than ${nestingMax}`, this.here())
    }
    const result = parse()
    this.#depth--
    return result
  }

  /** Reads one or more items separated by commas. */
  list<T>(item: () => T): T[] {
    const items = [item()]
    while (this.takeIf(',')) items.push(item())
    return items
  }

  /** Takes a sign if there is one. Returns -1 or 1. */
  sign(): 1 | -1 {
    if (this.takeIf('-')) return -1
    this.takeIf('+')
    return 1
  }
}

/** Reads a number token as a float. */
export function literalOf(text: string): number {
  return readFloat(text, 'unable to parse literal as a float')
}

/** @throws LogqlSyntaxError that starts with `problem`. */
export function readFloat(text: string, problem: string): number {
  try {
    return parseFloatText(text)
  } catch (error) {
    throw new LogqlSyntaxError(`${problem}: ${(error as Error).message}`, { cause: error })
  }
}
