// `| json`: turns every field of an object into a label. Fields of inner objects get joined names.

import { createJsonFields } from '../fields/json-fields.ts'
import { jsonDepthMax } from '../limits.ts'
import { Extraction, sanitizeInnerName } from '../pipeline/extraction.ts'
import {
  byte,
  createJsonSlice,
  jsonErrors,
  nextKey,
  readKey,
  readValue,
  skipSpaces,
  skipValue,
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

/** Label → the keys that lead to its value, outermost first. */
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

/** @param paths filled again for each line, if given. */
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

// Walks the fields of an object and its inner objects, and takes those that are needed.
class FieldWalker {
  readonly #extraction: Extraction
  readonly #topNames: KeyMemory<string>
  readonly #slice = createJsonSlice()
  readonly #texts = new ShortTexts()
  #bytes: Buffer = Buffer.alloc(0)
  #end = 0
  #place = 0
  readonly #found = { start: 0, end: 0 }
  readonly #paths: JsonKeyPaths | undefined
  /** Keys of the objects around the field, if paths are needed. */
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

  // Returns the offset after the object, or -1 if nothing more is needed.
  #object(from: number, prefix: string, depth: number): number {
    if (depth > jsonDepthMax) throw jsonErrors.object
    const bytes = this.#bytes
    const end = this.#end
    let at = skipSpaces(bytes, from, end)
    if (at >= end || bytes[at] !== byte.openBrace) throw jsonErrors.object
    at = skipSpaces(bytes, at + 1, end)
    if (at >= end) throw jsonErrors.malformed
    while (bytes[at] !== byte.closeBrace) {
      at = this.#field(readKey(bytes, at, end, this.#found), prefix, depth)
      if (at < 0) return -1
      at = nextKey(bytes, at, end)
    }
    return at + 1
  }

  // Handles the value of the key just read.
  #field(from: number, prefix: string, depth: number): number {
    const bytes = this.#bytes
    const place = this.#place++
    const key = this.#found
    const name =
      prefix === '' ? this.#topNames.at(bytes, key.start, key.end, place) : this.#innerName(prefix)
    if (name === '' && key.end > key.start) return skipValue(bytes, from, this.#end)
    // A key without a name is skipped in paths, and does not become a label.
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
    return unescapeJson(this.#bytes.toString('utf8', this.#found.start, this.#found.end))
  }
}
