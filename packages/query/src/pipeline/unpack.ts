// `| unpack`: reads lines that the agent's pack stage wrote: an object of texts, `_entry` the line.

import type { Stage } from '../syntax/ast.ts'
import { Extraction } from './extraction.ts'
import { runChecked } from './json.ts'
import {
  type JsonSlice,
  jsonError,
  jsonErrors,
  readValue,
  skipSpaces,
  stringEnd,
  unescapeJson,
} from './json-text.ts'
import type { LabelNeeds, RunStage } from './stage.ts'

const entryKey = '_entry'

export function compileUnpack(
  _stage: Extract<Stage, { kind: 'unpack' }>,
  needs: LabelNeeds,
): RunStage {
  const extraction = new Extraction(needs)
  return line => {
    if (line.text === '') return true
    extraction.start(line.labels)
    runChecked(line, () => {
      const fields = readTexts(line.text)
      const entry = fields.findLast(([key]) => key === entryKey)
      if (!entry) return
      for (const [key, value] of fields) {
        if (key !== entryKey) extraction.add(extraction.nameOf(key), value)
      }
      line.text = entry[1]
    })
    return true
  }
}

// Fields of an object whose values are texts; others are passed over.
function readTexts(text: string): [key: string, value: string][] {
  // 6 is the number of the object type in the JSON library that Loki asks.
  if (text[0] !== '{') jsonError('expecting json object(6), but it is not')
  const fields: [string, string][] = []
  const slice: JsonSlice = { type: 'null', start: 0, end: 0, next: 0 }
  let at = skipSpaces(text, 1)
  if (at >= text.length) jsonError(jsonErrors.malformed)
  while (text[at] !== '}') {
    if (text[at] !== '"') jsonError(jsonErrors.object)
    const keyEnd = stringEnd(text, at + 1)
    if (keyEnd < 0) jsonError(jsonErrors.malformed)
    const key = unescapeJson(text.slice(at + 1, keyEnd))
    at = skipSpaces(text, keyEnd + 1)
    if (text[at] !== ':') jsonError(jsonErrors.malformed)
    readValue(text, at + 1, slice)
    if (slice.type === 'string') {
      fields.push([key, unescapeJson(text.slice(slice.start, slice.end))])
    }
    at = skipSpaces(text, slice.next)
    if (at >= text.length) jsonError(jsonErrors.array)
    if (text[at] === '}') break
    if (text[at] !== ',') jsonError(jsonErrors.object)
    at = skipSpaces(text, at + 1)
    if (at >= text.length) jsonError(jsonErrors.array)
  }
  return fields
}
