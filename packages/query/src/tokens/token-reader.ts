// The tokens of one query with a look-ahead of one, and the errors of tokens that do not fit. The error
// names the token and, in the places where Loki's parser does, what could have been there.

import { parseFloatText } from '@skald/go-dialect/number/conversions'
import { LogqlSyntaxError } from '../errors.ts'
import type { Lexer, Token } from './lexer.ts'

/** Deepest nesting, so that no walk over a tree runs out of stack. */
export const depthMax = 1_000

/** Reads tokens, for the parser and for the stages that parse themselves. */
export class TokenReader {
  readonly #lexer: Lexer
  #ahead: Token | undefined
  #depth = 0

  constructor(lexer: Lexer) {
    this.#lexer = lexer
  }

  /** Returns the next token and leaves it there. */
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
   * Takes the next token, which must have this type. `others` are named in the error as well.
   *
   * @throws LogqlSyntaxError
   */
  expect(type: string, ...others: string[]): Token {
    if (this.peek().type !== type) this.refuse(type, ...others)
    return this.take()
  }

  /** @throws LogqlSyntaxError that names the next token and what was expected instead. */
  refuse(...expected: string[]): never {
    const token = this.peek()
    const expecting = expected.length > 0 ? `, expecting ${expected.join(' or ')}` : ''
    throw new LogqlSyntaxError(`syntax error: unexpected ${token.type}${expecting}`, this.here())
  }

  /** Returns the place of the next token, for errors. */
  here(): { line: number; column: number } {
    const { line, column } = this.peek()
    return { line, column }
  }

  /**
   * Runs a part of the parser one level deeper.
   *
   * @throws LogqlSyntaxError when the query nests too deep.
   */
  deeper<T>(parse: () => T): T {
    if (++this.#depth > depthMax) {
      throw new LogqlSyntaxError(`expression nests deeper than ${depthMax}`, this.here())
    }
    const result = parse()
    this.#depth--
    return result
  }

  /** Reads one or more items with commas between them. */
  list<T>(item: () => T): T[] {
    const items = [item()]
    while (this.takeIf(',')) items.push(item())
    return items
  }

  /** Takes a sign, if there is one; returns -1 or 1. */
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
