// The pack stage: puts labels into the line, as a JSON object with `_entry`, and off the stream.

import { readList, readLooseBoolean, readWeakText } from '../../config-reading/readers.ts'
import type { ValueReader } from '../../config-reading/yaml-cursor.ts'
import { goJsonText } from '../go-json.ts'
import type { StageDefinition } from '../stage.ts'
import { valueText } from '../values.ts'

const entryName = '_entry'

/** Reads one text or a list of texts. */
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
          // There the line itself stands: a second one would hide the first from whoever unpacks it.
          if (name === entryName) continue
          const text = valueText(entry.extracted.get(name))
          if (text === undefined) continue
          parts.push(`${goJsonText(name)}:${goJsonText(text)}`)
          entry.labels = entry.labels.without(name)
        }
        parts.push(`"${entryName}":${goJsonText(entry.line)}`)
        entry.line = `{${parts.join(',')}}`
        // The time of reading, which is the same again after a crash, and not the present.
        if (takesReadTime) entry.timestampNs = entry.origin.readTimeNs(entry.startOffset)
        next(entry)
      },
    })
  },
}
