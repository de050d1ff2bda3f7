// The pack stage: moves labels from the stream into the line, as a JSON object with `_entry`.

import { readList, readLooseBoolean, readWeakText, type ValueReader } from '@skald/config-reading'
import { goJsonText } from '../go-json.ts'
import type { StageDefinition } from '../stage.ts'
import { valueText } from '../values.ts'

const entryName = '_entry'

/** Reads a string or a list of strings. */
const readNames: ValueReader<string[]> = cursor => {
  if (cursor.isList) return readList(readWeakText)(cursor)
  const name = readWeakText(cursor)
  return name === undefined ? undefined : [name]
}

export const packStage: StageDefinition = {
  read(body) {
    const raw = body.record({ labels: readNames, ingest_timestamp: readLooseBoolean })
    const names = [...new Set(raw.labels)].sort()
    const takesReadTime = raw.ingest_timestamp ?? true
    return () => ({
      run(entry, next) {
        const parts: string[] = []
        for (const name of names) {
          // This key holds the line itself. A duplicate would hide it from a parser.
          if (name === entryName) continue
          const text = valueText(entry.extracted.get(name))
          if (text === undefined) continue
          parts.push(`${goJsonText(name)}:${goJsonText(text)}`)
          entry.labels = entry.labels.without(name)
        }
        parts.push(`"${entryName}":${goJsonText(entry.line)}`)
        entry.line = `{${parts.join(',')}}`
        // The time of reading, not the present, because it is the same after a crash.
        if (takesReadTime) entry.timestampNs = entry.origin.readTimeNs(entry.startOffset)
        next(entry)
      },
    })
  },
}
