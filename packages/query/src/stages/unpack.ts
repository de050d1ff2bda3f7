// `| unpack`: reads lines written by the agent's pack stage: an object of strings, with the line in
// `_entry`.

import { cleanValue, Extraction } from '../pipeline/extraction.ts'
import {
  byte,
  createJsonSlice,
  jsonErrors,
  nextKey,
  readKey,
  readValue,
  skipSpaces,
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
  // If no labels are needed, Loki leaves the line packed, and no line fails.
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

// Returns the string fields of an object. Others are skipped.
function readTexts({ bytes, start, end }: Line): [key: string, value: string][] {
  if (bytes[start] !== byte.openBrace) throw jsonErrors.packed
  const fields: [string, string][] = []
  const place = { start: 0, end: 0 }
  const slice = createJsonSlice()
  const texts = new ShortTexts()
  let at = skipSpaces(bytes, start + 1, end)
  if (at >= end) throw jsonErrors.malformed
  while (bytes[at] !== byte.closeBrace) {
    readValue(bytes, readKey(bytes, at, end, place), end, slice)
    if (slice.type === 'string') {
      const key = unescapeJson(bytes.toString('utf8', place.start, place.end))
      const value = valueText(bytes, slice, texts)
      if (key === entryKey && value === '' && slice.end > slice.start) throw jsonErrors.escape
      fields.push([key, value])
    }
    at = nextKey(bytes, slice.next, end)
  }
  return fields
}
