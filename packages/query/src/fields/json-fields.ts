// Reads fields of JSON objects from bytes (see field-reader.ts). Takes plain values of the outermost object.
// Leaves lines to the pipeline if a part that matters is damaged, escaped or nested.

import type { BlockText } from '../pipeline/block-text.ts'
import { blockEnd, byte } from '../pipeline/json-bytes.ts'
import { unwantedField } from '../pipeline/key-memory.ts'
import type { NamedExpression } from '../tokens/named-expressions.ts'
import type { FieldNames, FieldReader } from './field-reader.ts'
import { KeyedFields } from './keyed-fields.ts'
import { withSpans } from './span-fields.ts'

export function createJsonFields(
  { extractions }: { readonly extractions: readonly NamedExpression[] },
  wanted: FieldNames,
): FieldReader | undefined {
  if (extractions.length > 0) return undefined
  const fields = new JsonFields(wanted)
  return withSpans(fields, fields.program('Json'))
}

// Hot path: few checks per byte. Without a backslash in the line, the next quote ends a string. The end of
// the line is checked once per field.
class JsonFields extends KeyedFields {
  read(text: BlockText, row: number): boolean {
    const { bytes, lastQuote } = text
    const end = text.endOf(row)
    const { values, keys, countMax } = this
    values.start(bytes)
    const { mayBeWanted } = keys
    let at = text.startOf(row)
    if (bytes[at] !== byte.openBrace || text.hasBackslash(row)) return false
    at++
    for (let place = 0; ; place++) {
      if (bytes[at] === 0x20) at++
      if (bytes[at] !== byte.quote || at >= lastQuote) return false
      const keyStart = ++at
      while (bytes[at] !== byte.quote) at++
      const keyEnd = at++
      if (bytes[at] !== byte.colon || keyEnd === keyStart || keyEnd >= end) return false
      at++
      if (bytes[at] === 0x20) at++
      const index =
        mayBeWanted[bytes[keyStart]!] === 0
          ? unwantedField
          : keys.at(bytes, keyStart, keyEnd, place)
      const first = bytes[at]!
      let start = at
      let valueEnd: number
      if (first === byte.quote) {
        if (at >= lastQuote) return false
        start = ++at
        while (bytes[at] !== byte.quote) at++
        valueEnd = at++
      } else if ((first >= byte.zero && first <= byte.nine) || first === byte.minus) {
        for (; at < end; at++) {
          const code = bytes[at]!
          if (code === byte.comma || code === byte.closeBrace || code <= 0x20) break
          if (code === byte.closeBracket) break
        }
        // Other control characters are part of the value, odd as that is.
        if (bytes[at]! < 0x20 && at < end) return false
        valueEnd = at
      } else {
        if (index !== unwantedField) return false
        at = this.#skipOther(bytes, at, end)
        valueEnd = at
      }
      if (at >= end || at < 0) return false
      if (index >= 0) {
        if (!values.take(index, start, valueEnd)) return false
        if (values.count >= countMax) return true
      }
      if (bytes[at] === 0x20) at++
      const code = bytes[at++]!
      if (code === byte.closeBrace) return at <= end
      if (code !== byte.comma || at > end) return false
    }
  }

  // Skips objects, arrays and words. Returns -1 if the pipeline must handle the line.
  #skipOther(bytes: Buffer, at: number, end: number): number {
    const first = bytes[at]!
    if (first === byte.openBrace || first === byte.openBracket) return blockEnd(bytes, at, end)
    if (hasWord(bytes, at, 'true') || hasWord(bytes, at, 'null')) return at + 4
    return hasWord(bytes, at, 'false') ? at + 5 : -1
  }
}

// A word must be followed by a comma or closing bracket.
function hasWord(bytes: Buffer, at: number, word: string): boolean {
  for (let i = 0; i < word.length; i++) if (bytes[at + i] !== word.charCodeAt(i)) return false
  return true
}
