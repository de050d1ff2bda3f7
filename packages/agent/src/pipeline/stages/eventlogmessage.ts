// The eventlogmessage stage: splits the message of a Windows event into its `key: value` lines.

import { invalidLabelName, readBoolean, readStrictText } from '@skald/config-reading'
import { trimSpace } from '@skald/go-dialect/text/letter-case'
import { isLabelName } from '@skald/wire'
import type { StageDefinition } from '../stage.ts'
import { valueText } from '../values.ts'

export const eventLogMessageStage: StageDefinition = {
  read(body) {
    const raw = body.record({
      source: readStrictText,
      drop_invalid_labels: readBoolean,
      overwrite_existing: readBoolean,
    })
    const source = raw.source ?? 'message'
    if (!isLabelName(source)) return body.failAtKey(`source: ${invalidLabelName(source)}`)
    return () => ({
      run(entry, next) {
        const text = valueText(entry.extracted.get(source))
        for (const part of text?.split('\r\n') ?? []) {
          const colon = part.indexOf(':')
          if (colon < 0) continue
          let name = part.slice(0, colon)
          if (!isLabelName(name)) {
            if (raw.drop_invalid_labels) continue
            name = sanitize(name)
          }
          if (entry.extracted.has(name) && !raw.overwrite_existing) name += '_extracted'
          entry.extracted.set(name, trimSpace(part.slice(colon + 1)))
        }
        next(entry)
      },
    })
  },
}

/** Turns any text into a label name: replaces other characters, and a leading digit, with `_`. */
function sanitize(name: string): string {
  if (name === '') return '_'
  return name
    .split(/[^a-zA-Z0-9_]/u)
    .join('_')
    .replace(/^\d/, '_')
}
