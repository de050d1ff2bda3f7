// `| unpack`: reads lines that the agent's pack stage wrote: an object of texts, `_entry` the line.

import { cleanValue, Extraction } from '../pipeline/extraction.ts'
import {
  byte,
  createJsonSlice,
  jsonErrors,
  readValue,
  skipSpaces,
  stringEnd,
  unescapeJson,
  valueText,
} from '../pipeline/json-bytes.ts'
import { failLine } from '../pipeline/json-failure.ts'
import type { Line } from '../pipeline/line.ts'
import { ShortTexts } from '../pipeline/short-texts.ts'
import type { LabelNeeds, RunStage } from '../pipeline/stage.ts'
import type { StageDefinition } from './definition.ts'

const entryKey = '_entry'

export interface UnpackStage {
  readonly kind: 'unpack'
}

export const unpackStage: StageDefinition<UnpackStage> = {
  kind: 'unpack',
  begins: ['unpack'],
  parse(reader) {
    reader.take()
    return { kind: 'unpack' }
  },
  format: () => '| unpack',
  compile: (_stage, needs) => compileUnpack(needs),
  readsLine: true,
  changesLine: true,
  holdsFilters: true,
}

function compileUnpack(needs: LabelNeeds): RunStage {
  const extraction = new Extraction(needs)
  // Where nobody looks at labels Loki leaves the line packed as well, and so no line fails here.
  if (extraction.isIdle) return () => true
  return line => {
    const { labels } = line
    line.locate()
    if (line.start === line.end) return true
    extraction.start(labels)
    if (extraction.isComplete) return true
    try {
      const fields = readTexts(line)
      const entry = fields.findLast(([key]) => key === entryKey)
      if (!entry) return true
      const found = fields.flatMap(([key, value]) => {
        const field = key === entryKey ? undefined : extraction.target(key)
        const name = field === undefined ? '' : extraction.nameOf(field)
        return name === '' ? [] : [{ name, value }]
      })
      for (const { name, value } of found) labels.set(name, cleanValue(value))
      line.text = entry[1]
    } catch (error) {
      failLine(line, error)
    }
    return true
  }
}

// Fields of an object whose values are texts; others are passed over.
function readTexts({ bytes, start, end }: Line): [key: string, value: string][] {
  if (bytes[start] !== byte.openBrace) throw jsonErrors.packed
  const fields: [string, string][] = []
  const slice = createJsonSlice()
  const texts = new ShortTexts()
  let at = skipSpaces(bytes, start + 1, end)
  if (at >= end) throw jsonErrors.malformed
  while (bytes[at] !== byte.closeBrace) {
    if (bytes[at] !== byte.quote) throw jsonErrors.object
    const keyStart = at + 1
    const keyEnd = stringEnd(bytes, keyStart, end)
    if (keyEnd < 0) throw jsonErrors.malformed
    at = skipSpaces(bytes, keyEnd + 1, end)
    if (at >= end || bytes[at] !== byte.colon) throw jsonErrors.malformed
    readValue(bytes, at + 1, end, slice)
    if (slice.type === 'string') {
      const key = unescapeJson(bytes.toString('utf8', keyStart, keyEnd))
      const value = valueText(bytes, slice, texts)
      if (key === entryKey && value === '' && slice.end > slice.start) throw jsonErrors.escape
      fields.push([key, value])
    }
    at = skipSpaces(bytes, slice.next, end)
    if (at >= end) throw jsonErrors.array
    if (bytes[at] === byte.closeBrace) break
    if (bytes[at] !== byte.comma) throw jsonErrors.object
    at = skipSpaces(bytes, at + 1, end)
    if (at >= end) throw jsonErrors.array
  }
  return fields
}
