// The output stage: replaces the line with an extracted value.

import { readStrictText } from '@skald/config-reading'
import type { StageDefinition } from '../stage.ts'
import { valueText } from '../values.ts'

export const outputStage: StageDefinition = {
  read(body) {
    const { source } = body.record({ source: readStrictText })
    if (!source) {
      return body.failAtKey('The output stage needs a source: name the extracted value to send')
    }
    return () => ({
      run(entry, next) {
        const text = valueText(entry.extracted.get(source))
        if (text !== undefined) entry.line = text
        next(entry)
      },
    })
  },
}
