// Selectors of match stages: `{app="web", env!~"dev.*"} |= "error"`. Matchers test labels, line filters
// test the text. Values are Go strings, in double quotes or backquotes.

import { unquoteGoString } from '@skald/go-dialect'
import { type CompiledRegex, compileRegex } from '@skald/go-dialect/regex/regex'
import type { MatcherOp } from '@skald/wire'
import { compileMatcher } from '@skald/wire/compile-matcher'
import type { PipelineEntry } from './entry.ts'

/** Returns true if the selector matches an entry. */
export type LineSelector = (entry: PipelineEntry) => boolean

/**
 * Compiles a selector.
 *
 * @throws SyntaxError with the place of the mistake and what would be right.
 */
export function compileLineSelector(text: string): LineSelector {
  const reader = new SelectorReader(text)
  let depth = 0
  while (reader.take(/\(/y)) depth++
  const labelTests = readMatchers(reader)
  const lineTests = readLineFilters(reader)
  for (; depth > 0; depth--) reader.expect(/\)/y, ')')
  reader.expectEnd()
  return entry =>
    labelTests.every(({ name, test }) => test(entry.labels.get(name) ?? '')) &&
    lineTests.every(test => test(entry.line))
}

interface LabelTest {
  readonly name: string
  readonly test: (value: string) => boolean
}

function readMatchers(reader: SelectorReader): LabelTest[] {
  const tests: LabelTest[] = []
  reader.expect(/\{/y, '{')
  if (reader.take(/\}/y)) throw new SyntaxError('it needs at least one matcher')
  do {
    const name = reader.expect(/[\p{L}_][\p{L}\p{Nd}_]*/uy, 'a label name')
    const op = reader.expect(/=~|!~|!=|=(?!=)/y, '= != =~ or !~')
    const value = reader.expectString()
    const matcher = { name, op: op as MatcherOp, value }
    tests.push({ name, test: reader.blaming(() => compileMatcher(matcher)) })
  } while (reader.take(/,/y))
  reader.expect(/\}/y, 'a comma or }')
  return tests
}

type LineTest = (line: string) => boolean

/** Reads filters. A line must match one of a filter's values or, with `!=` and `!~`, none. */
function readLineFilters(reader: SelectorReader): LineTest[] {
  const tests: LineTest[] = []
  for (let op = reader.take(/\|=|\|~|!=|!~/y); op; op = reader.take(/\|=|\|~|!=|!~/y)) {
    const values: LineTest[] = []
    do {
      const value = reader.expectString()
      values.push(reader.blaming(() => compileValue(value, { isPattern: op.endsWith('~') })))
    } while (reader.take(/or\b/iy))
    const isNegative = op.startsWith('!')
    tests.push(line => values.some(test => test(line)) !== isNegative)
  }
  return tests
}

function compileValue(value: string, { isPattern }: { readonly isPattern: boolean }): LineTest {
  if (!isPattern) return line => line.includes(value)
  const regex: CompiledRegex = compileRegex(value)
  return line => regex.test(line)
}

const spaces = /(?:[ \t\r\n]+|#[^\n]*|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*/y
const goString = /"(?:[^"\\\n]|\\.)*"|`[^`]*`/y
// The part of an unexpected text that a message shows.
const word = /[\p{L}\p{Nd}_]+|\|[=~>]?|![=~>]?|[=<>][=~]?|[\s\S]/uy

/** Splits a selector from left to right. */
class SelectorReader {
  readonly #text: string
  #at = 0
  /** Where the last string read starts. */
  #stringAt = 0

  constructor(text: string) {
    this.#text = text
  }

  /** Consumes what the pattern matches here, after skipping spaces and comments. */
  take(pattern: RegExp): string | undefined {
    this.#at = this.#skipSpaces()
    pattern.lastIndex = this.#at
    const [found] = pattern.exec(this.#text) ?? []
    if (found !== undefined) this.#at += found.length
    return found
  }

  expect(pattern: RegExp, wanted: string): string {
    return this.take(pattern) ?? this.#fail(`expected ${wanted}, found ${this.#here()}`)
  }

  expectString(): string {
    const literal = this.take(goString)
    if (literal === undefined) {
      if (/["`]/.test(this.#text[this.#at] ?? '')) this.#fail('this string has no closing quote')
      this.#fail(`expected a string in double quotes or backquotes, found ${this.#here()}`)
    }
    this.#stringAt = this.#at - literal.length
    try {
      return unquoteGoString(literal)
    } catch {
      this.#at = this.#stringAt
      return this.#fail(`the text ${literal} has an escape that is not known: write \\\\ for \\`)
    }
  }

  /** Runs `compile` on the last string read. An error names its place. */
  blaming<T>(compile: () => T): T {
    try {
      return compile()
    } catch (error) {
      this.#at = this.#stringAt
      return this.#fail((error as Error).message)
    }
  }

  expectEnd(): void {
    this.#at = this.#skipSpaces()
    if (this.#at === this.#text.length) return
    this.#fail(`only line filters |= != |~ !~ may follow the matchers, found ${this.#here()}`)
  }

  #skipSpaces(): number {
    spaces.lastIndex = this.#at
    spaces.test(this.#text)
    return spaces.lastIndex
  }

  #here(): string {
    word.lastIndex = this.#at
    return word.exec(this.#text)?.[0] ?? 'the end'
  }

  #fail(reason: string): never {
    const before = this.#text.slice(0, this.#at).split('\n')
    const column = [...before.at(-1)!].length + 1
    const line = before.length > 1 ? `line ${before.length}, ` : ''
    throw new SyntaxError(`${line}column ${column}: ${reason}`)
  }
}
