// `| json x="a.b[0]"`: extracts labels from given paths in a line.

import type { Extraction } from '../pipeline/extraction.ts'
import {
  blockEnd,
  byte,
  createJsonSlice,
  JsonTextError,
  jsonErrors,
  readValue,
  skipSpaces,
  stringEnd,
  unescapeJson,
  valueText,
} from '../pipeline/json-bytes.ts'
import { failLine, jsonParserError } from '../pipeline/json-failure.ts'
import { parseJsonPath } from '../pipeline/json-path.ts'
import { ShortTexts } from '../pipeline/short-texts.ts'
import type { RunStage } from '../pipeline/stage.ts'
import type { NamedExpression } from '../tokens/named-expressions.ts'

export function compileJsonPaths(
  extractions: readonly NamedExpression[],
  extraction: Extraction,
): RunStage {
  const targets = extractions.map(({ name, expression }) => ({
    name,
    search: new PathSearch(parseJsonPath(expression)),
  }))
  const isNamedTwice = new Set(targets.map(({ name }) => name)).size < targets.length
  return line => {
    line.locate()
    const { bytes, end, labels } = line
    if (line.start === end) return true
    extraction.start(labels)
    if (extraction.isComplete) return true
    const { start } = line
    const first = bytes[start]
    if (first !== byte.quote && first !== byte.openBrace && first !== byte.openBracket) {
      labels.setParserError(jsonParserError)
      return true
    }
    // A key outside any object makes the line invalid. Any other text is simply empty.
    const keyEnd = first === byte.quote ? stringEnd(bytes, start + 1, end) : -1
    if (keyEnd >= 0 && bytes[skipSpaces(bytes, keyEnd + 1, end)] === byte.colon) {
      failLine(line, jsonErrors.malformed)
    }
    let foundCount = 0
    const found: { name: string; value: string; at: number }[] = []
    for (const { name, search } of targets) {
      try {
        const value = search.run(bytes, start, end)
        if (value === undefined) continue
        if (isNamedTwice) found.push({ name, value, at: search.foundAt })
        else extraction.addNamed(name, value)
        foundCount++
      } catch (error) {
        failLine(line, error)
      }
    }
    // Of several values for one label, the last in the line counts.
    found.sort((a, b) => a.at - b.at)
    for (const { name, value } of found) extraction.addNamed(name, value)
    if (foundCount === targets.length) return true
    for (const { name } of targets) extraction.addMissing(name)
    return true
  }
}

class PathSearch {
  readonly #path: readonly (string | number)[]
  readonly #keys: readonly Buffer[]
  readonly #slice = createJsonSlice()
  readonly #texts = new ShortTexts()
  #bytes: Buffer = Buffer.alloc(0)
  #end = 0
  #foundAt = 0

  constructor(path: readonly (string | number)[]) {
    this.#path = path
    this.#keys = path.map(part => Buffer.from(String(part)))
  }

  /** The offset of the last value found. */
  get foundAt(): number {
    return this.#foundAt
  }

  /**
   * Returns the text at the path, or `undefined` if there is none. A line may have several objects in a row.
   */
  run(bytes: Buffer, from: number, end: number): string | undefined {
    this.#bytes = bytes
    this.#end = end
    for (let start = from; start < end; ) {
      const at = this.#find(start)
      if (at >= 0) {
        this.#foundAt = at
        readValue(bytes, at, end, this.#slice)
        return this.#slice.type === 'null' ? '' : valueText(bytes, this.#slice, this.#texts)
      }
      const next = bytes[start] === byte.openBrace ? blockEnd(bytes, start, end) : -1
      if (next < 0) return undefined
      start = skipSpaces(bytes, next, end)
    }
    return undefined
  }

  #find(from: number): number {
    try {
      let at = from
      for (const [i, part] of this.#path.entries()) {
        at = typeof part === 'string' ? this.#key(at, this.#keys[i]!) : this.#index(at, part)
        if (at < 0) return -1
      }
      return at
    } catch (error) {
      // Invalid JSON before the value hides it.
      if (error instanceof JsonTextError) return -1
      throw error
    }
  }

  // Returns the offset of a key's value, or -1.
  #key(from: number, key: Buffer): number {
    const bytes = this.#bytes
    const end = this.#end
    let at = skipSpaces(bytes, from, end)
    if (at >= end || bytes[at] !== byte.openBrace) return -1
    // Text between keys is not checked: a comma may be missing.
    for (at++; at < end && bytes[at] !== byte.closeBrace; ) {
      const code = bytes[at]!
      if (code === byte.openBrace || code === byte.openBracket) {
        at = blockEnd(bytes, at, end)
        if (at < 0) return -1
      } else if (code === byte.quote) {
        const keyStart = at + 1
        const keyEnd = stringEnd(bytes, keyStart, end)
        if (keyEnd < 0) return -1
        at = skipSpaces(bytes, keyEnd + 1, end)
        if (bytes[at] !== byte.colon) continue
        at++
        if (isKey(bytes, keyStart, keyEnd, key)) return at
      } else at++
    }
    return -1
  }

  // Returns the offset of an array element, or -1.
  #index(from: number, index: number): number {
    const bytes = this.#bytes
    const end = this.#end
    let at = skipSpaces(bytes, from, end)
    if (at >= end || bytes[at] !== byte.openBracket) return -1
    at = skipSpaces(bytes, at + 1, end)
    for (let i = 0; at < end && bytes[at] !== byte.closeBracket; i++) {
      if (i === index) return at
      readValue(bytes, at, end, this.#slice)
      at = skipSpaces(bytes, this.#slice.next, end)
      if (bytes[at] !== byte.comma) return -1
      at = skipSpaces(bytes, at + 1, end)
    }
    return -1
  }
}

function isKey(bytes: Buffer, start: number, end: number, key: Buffer): boolean {
  let hasEscape = false
  let isSame = end - start === key.length
  for (let at = start; at < end; at++) {
    if (bytes[at] === byte.backslash) hasEscape = true
    if (isSame && bytes[at] !== key[at - start]) isSame = false
  }
  if (!hasEscape) return isSame
  return unescapeJson(bytes.toString('utf8', start, end)) === key.toString()
}
