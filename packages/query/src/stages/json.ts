// `| json`: every field of an object becomes a label, those of inner objects with their names joined.

import { createJsonFields } from '../fields/json-fields.ts'
import { Extraction, sanitizeInnerName } from '../pipeline/extraction.ts'
import {
  byte,
  createJsonSlice,
  jsonErrors,
  readValue,
  skipSpaces,
  skipValue,
  stringEnd,
  unescapeJson,
  valueText,
} from '../pipeline/json-bytes.ts'
import { failLine } from '../pipeline/json-failure.ts'
import { parseJsonPath } from '../pipeline/json-path.ts'
import { KeyMemory } from '../pipeline/key-memory.ts'
import type { Line } from '../pipeline/line.ts'
import { ShortTexts } from '../pipeline/short-texts.ts'
import type { LabelNeeds, RunStage } from '../pipeline/stage.ts'
import {
  formatNamedExpressions,
  type NamedExpression,
  parseNamedExpressions,
} from '../tokens/named-expressions.ts'
import type { StageDefinition } from './definition.ts'
import { compileJsonPaths } from './json-paths.ts'

/** Objects deeper than this are an error, so that no line runs the stack full. */
const depthMax = 1_000

/** Label → the keys that lead to its value, from the outermost object on. */
export type JsonKeyPaths = Map<string, readonly string[]>

export interface JsonStage {
  readonly kind: 'json'
  readonly extractions: readonly NamedExpression[]
}

export const jsonStage: StageDefinition<JsonStage> = {
  kind: 'json',
  begins: ['json'],
  parse(reader) {
    reader.take()
    return { kind: 'json', extractions: parseNamedExpressions(reader) }
  },
  format: ({ extractions }) => `| json${formatNamedExpressions(extractions)}`,
  checkBuilt({ extractions }) {
    for (const { expression } of extractions) parseJsonPath(expression)
  },
  compile: compileJson,
  fields: createJsonFields,
  parsesLine: true,
  keepsFields: true,
  readsLine: true,
}

/** @param paths Is filled anew with each line, where it is given. */
export function compileJson(
  { extractions }: JsonStage,
  needs: LabelNeeds,
  paths?: JsonKeyPaths,
): RunStage {
  const extraction = new Extraction(needs)
  if (extraction.isIdle) return () => true
  if (extractions.length > 0) return compileJsonPaths(extractions, extraction)
  const walker = new FieldWalker(extraction, paths)
  return line => {
    extraction.start(line.labels)
    if (extraction.isComplete) return true
    try {
      walker.walk(line)
    } catch (error) {
      failLine(line, error)
    }
    return true
  }
}

// Walks the fields of an object and the objects in it, and takes those that are wanted.
class FieldWalker {
  readonly #extraction: Extraction
  readonly #topNames: KeyMemory<string>
  readonly #slice = createJsonSlice()
  readonly #texts = new ShortTexts()
  #bytes: Buffer = Buffer.alloc(0)
  #end = 0
  #place = 0
  #keyStart = 0
  #keyEnd = 0
  readonly #paths: JsonKeyPaths | undefined
  /** Keys of the objects around the field, where paths are wanted. */
  readonly #outerKeys: string[] = []

  constructor(extraction: Extraction, paths: JsonKeyPaths | undefined) {
    this.#extraction = extraction
    this.#paths = paths
    const { wanted } = extraction
    const of = (key: string) => extraction.wantedName(unescapeJson(key))
    this.#topNames = new KeyMemory({ unwanted: '', of }, wanted)
  }

  walk(line: Line): void {
    line.locate()
    this.#bytes = line.bytes
    this.#end = line.end
    this.#place = 0
    this.#paths?.clear()
    this.#outerKeys.length = 0
    this.#object(line.start, '', 0)
  }

  // Returns the offset behind the object, or -1 when nothing more is wanted.
  #object(from: number, prefix: string, depth: number): number {
    if (depth > depthMax) throw jsonErrors.object
    const bytes = this.#bytes
    const end = this.#end
    let at = skipSpaces(bytes, from, end)
    if (at >= end || bytes[at] !== byte.openBrace) throw jsonErrors.object
    at = skipSpaces(bytes, at + 1, end)
    if (at >= end) throw jsonErrors.malformed
    for (;;) {
      if (bytes[at] === byte.closeBrace) return at + 1
      if (bytes[at] !== byte.quote) throw jsonErrors.object
      const keyStart = at + 1
      const keyEnd = stringEnd(bytes, keyStart, end)
      if (keyEnd < 0) throw jsonErrors.malformed
      at = skipSpaces(bytes, keyEnd + 1, end)
      if (at >= end || bytes[at] !== byte.colon) throw jsonErrors.malformed
      this.#keyStart = keyStart
      this.#keyEnd = keyEnd
      at = this.#field(at + 1, prefix, depth)
      if (at < 0) return -1
      at = skipSpaces(bytes, at, end)
      if (at >= end) throw jsonErrors.array
      if (bytes[at] === byte.closeBrace) return at + 1
      if (bytes[at] !== byte.comma) throw jsonErrors.object
      at = skipSpaces(bytes, at + 1, end)
      if (at >= end) throw jsonErrors.array
    }
  }

  // Takes in the value of the key that was just read.
  #field(from: number, prefix: string, depth: number): number {
    const bytes = this.#bytes
    const place = this.#place++
    const name =
      prefix === ''
        ? this.#topNames.at(bytes, this.#keyStart, this.#keyEnd, place)
        : this.#innerName(prefix)
    if (name === '' && this.#keyEnd > this.#keyStart) return skipValue(bytes, from, this.#end)
    // A key without a name is passed over on the way to what is in it, and is none itself.
    const slice = this.#slice
    readValue(bytes, from, this.#end, slice)
    const { type, start, next } = slice
    if (type === 'array' || type === 'null') return next
    if (type === 'object') {
      if (!this.#extraction.wantsBelow(name)) return next
      if (this.#paths) this.#outerKeys.push(this.#key())
      const end = this.#object(start, name, depth + 1)
      if (this.#paths) this.#outerKeys.pop()
      return end < 0 ? -1 : next
    }
    const target = name === '' ? undefined : this.#extraction.target(name)
    if (target === undefined) return next
    this.#extraction.set(target, valueText(bytes, slice, this.#texts))
    this.#paths?.set(target, [...this.#outerKeys, this.#key()])
    return this.#extraction.isComplete ? -1 : next
  }

  #innerName(prefix: string): string {
    return sanitizeInnerName(prefix, this.#key())
  }

  #key(): string {
    return unescapeJson(this.#bytes.toString('utf8', this.#keyStart, this.#keyEnd))
  }
}
