// `| json` and `| json x="a.b"`.

import type { Stage } from '../syntax/ast.ts'
import { parseJsonPath } from '../syntax/json-path.ts'
import { Extraction } from './extraction.ts'
import {
  type JsonSlice,
  JsonTextError,
  jsonError,
  jsonErrors,
  readValue,
  skipSpaces,
  stringEnd,
  unescapeJson,
} from './json-text.ts'
import type { LabelNeeds, Line, RunStage } from './stage.ts'

const jsonParserError = 'JSONParserErr'
/** Objects deeper than this are an error, so that no line runs the stack full. */
const depthMax = 1_000

export function compileJson(
  { extractions }: Extract<Stage, { kind: 'json' }>,
  needs: LabelNeeds,
): RunStage {
  if (extractions.length > 0) return compilePaths(extractions, needs)
  const extraction = new Extraction(needs)
  if (extraction.isIdle) return () => true
  const walker = new FieldWalker(extraction, needs)
  return line => {
    extraction.start(line.labels)
    runChecked(line, () => walker.walk(line.text))
    return true
  }
}

/** Runs a parser on a line; what it throws becomes the line's error. */
export function runChecked(line: Line, parse: () => void): void {
  try {
    parse()
  } catch (error) {
    if (!(error instanceof JsonTextError)) throw error
    line.labels.setError(jsonParserError, error.message)
  }
}

// Walks the fields of an object and the objects in it, and takes those that are wanted.
class FieldWalker {
  readonly #extraction: Extraction
  /** Wanted names; `undefined` for all. */
  readonly #wanted: readonly string[] | undefined
  /** First characters that a wanted key can have, as code → 1; codes beyond always can. */
  readonly #firstChars: Uint8Array | undefined
  readonly #slice: JsonSlice = { type: 'null', start: 0, end: 0, next: 0 }

  constructor(extraction: Extraction, needs: LabelNeeds) {
    this.#extraction = extraction
    if (!needs.names) return
    this.#wanted = [...needs.names].map(name => name.replace(/_extracted$/, ''))
    this.#firstChars = firstCharsOf(this.#wanted)
  }

  walk(text: string): void {
    this.#object(text, 0, '', 0)
  }

  // Returns the offset behind the object, or -1 when nothing more is wanted.
  #object(text: string, from: number, prefix: string, depth: number): number {
    if (depth > depthMax) jsonError(jsonErrors.object)
    let at = skipSpaces(text, from)
    if (text.charCodeAt(at) !== 0x7b) jsonError(jsonErrors.object)
    at = skipSpaces(text, at + 1)
    if (at >= text.length) jsonError(jsonErrors.malformed)
    for (;;) {
      const code = text.charCodeAt(at)
      if (code === 0x7d) return at + 1
      if (code !== 0x22) jsonError(jsonErrors.object)
      const keyStart = at + 1
      const keyEnd = stringEnd(text, keyStart)
      if (keyEnd < 0) jsonError(jsonErrors.malformed)
      at = skipSpaces(text, keyEnd + 1)
      if (text.charCodeAt(at) !== 0x3a) jsonError(jsonErrors.malformed)
      at = this.#value(text, { keyStart, keyEnd, at: at + 1, prefix, depth })
      if (at < 0) return -1
      at = skipSpaces(text, at)
      if (at >= text.length) jsonError(jsonErrors.array)
      const next = text.charCodeAt(at)
      if (next === 0x7d) return at + 1
      if (next !== 0x2c) jsonError(jsonErrors.object)
      at = skipSpaces(text, at + 1)
      if (at >= text.length) jsonError(jsonErrors.array)
    }
  }

  #value(
    text: string,
    field: { keyStart: number; keyEnd: number; at: number; prefix: string; depth: number },
  ): number {
    const { keyStart, keyEnd, prefix, depth } = field
    const slice = this.#slice
    readValue(text, field.at, slice)
    const { type, start, end, next } = slice
    if (type === 'array' || type === 'null') return next
    if (prefix === '' && this.#firstChars && this.#firstChars[text.charCodeAt(keyStart)] === 0) {
      return next
    }
    const rawKey = text.slice(keyStart, keyEnd)
    const key = rawKey.includes('\\') ? unescapeJson(rawKey) : rawKey
    const name = prefix === '' ? this.#extraction.nameOf(key) : nestedName(prefix, key)
    if (type === 'object') {
      if (!this.#wantsBelow(name)) return next
      return this.#object(text, start, name, depth + 1) < 0 ? -1 : next
    }
    if (name === '' && key.trim() !== '') return next
    const target = this.#extraction.target(name)
    if (target !== undefined) {
      const raw = text.slice(start, end)
      this.#extraction.add(name, type === 'string' ? unescapeJson(raw) : raw)
      if (this.#extraction.isComplete) return -1
    }
    return next
  }

  #wantsBelow(prefix: string): boolean {
    return !this.#wanted || this.#wanted.some(name => name.startsWith(prefix))
  }
}

// Characters behind the first are cleaned without the rule for leading digits.
function nestedName(prefix: string, key: string): string {
  return `${prefix}_${key.trim().replace(/[^a-zA-Z0-9_]/gu, '_')}`
}

function firstCharsOf(names: readonly string[]): Uint8Array {
  const table = new Uint8Array(0x80)
  for (let code = 0; code < 0x80; code++) {
    // Spaces are cut off, an escape may stand for any character, others become an underscore.
    const isPlain = /[a-zA-Z]/.test(String.fromCharCode(code))
    if (!isPlain) table[code] = 1
  }
  for (const name of names) table[name.charCodeAt(0)] = 1
  return table
}

interface PathTarget {
  readonly name: string
  readonly path: readonly (string | number)[]
}

function compilePaths(
  extractions: readonly { readonly name: string; readonly expression: string }[],
  needs: LabelNeeds,
): RunStage {
  const targets: PathTarget[] = extractions.map(({ name, expression }) => ({
    name,
    path: parseJsonPath(expression),
  }))
  const extraction = new Extraction(needs)
  if (extraction.isIdle) return () => true
  return line => {
    const { text, labels } = line
    if (text === '') return true
    const start = skipSpaces(text, 0)
    if (!'"{['.includes(text[start] ?? ' ')) {
      labels.setError(jsonParserError)
      return true
    }
    extraction.start(labels)
    for (const { name, path } of targets) {
      extraction.addNamed(name, valueAt(text, start, path))
    }
    return true
  }
}

// The text of the value at a path; empty where there is none, or the text is damaged before it.
function valueAt(text: string, from: number, path: readonly (string | number)[]): string {
  const slice: JsonSlice = { type: 'null', start: 0, end: 0, next: 0 }
  try {
    let at = from
    for (const part of path) {
      const found =
        typeof part === 'string' ? findKey(text, at, part, slice) : findIndex(text, at, part, slice)
      if (found < 0) return ''
      at = found
    }
    readValue(text, at, slice)
  } catch (error) {
    if (error instanceof JsonTextError) return ''
    throw error
  }
  if (slice.type === 'null') return ''
  const raw = text.slice(slice.start, slice.end)
  return slice.type === 'string' ? unescapeJson(raw) : raw
}

// Offset of the value of a key, or -1.
function findKey(text: string, from: number, key: string, slice: JsonSlice): number {
  let at = skipSpaces(text, from)
  if (text[at] !== '{') return -1
  at = skipSpaces(text, at + 1)
  while (text[at] === '"') {
    const end = stringEnd(text, at + 1)
    if (end < 0) return -1
    const name = unescapeJson(text.slice(at + 1, end))
    at = skipSpaces(text, end + 1)
    if (text[at] !== ':') return -1
    if (name === key) return at + 1
    readValue(text, at + 1, slice)
    at = skipSpaces(text, slice.next)
    if (text[at] !== ',') return -1
    at = skipSpaces(text, at + 1)
  }
  return -1
}

// Offset of an element of an array, or -1.
function findIndex(text: string, from: number, index: number, slice: JsonSlice): number {
  let at = skipSpaces(text, from)
  if (text[at] !== '[') return -1
  at = skipSpaces(text, at + 1)
  for (let i = 0; at < text.length && text[at] !== ']'; i++) {
    if (i === index) return at
    readValue(text, at, slice)
    at = skipSpaces(text, slice.next)
    if (text[at] !== ',') return -1
    at = skipSpaces(text, at + 1)
  }
  return -1
}
