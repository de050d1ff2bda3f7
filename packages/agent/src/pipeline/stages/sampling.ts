// The sampling stage: keeps a share of the lines. The choice depends on their place in the file, so a line
// that is read again after a crash is treated the same.

import { readLooseNumber, readWeakText } from '@skald/config-reading'
import type { StageDefinition } from '../stage.ts'

export const samplingStage: StageDefinition = {
  read(body) {
    const raw = body.record({ rate: readLooseNumber, drop_counter_reason: readWeakText })
    const rateCursor = body.get('rate')
    if (rateCursor && !rateCursor.isNull && raw.rate === undefined) return undefined
    const rate = raw.rate ?? 0
    if (rate < 0 || rate > 1) {
      return body.failAtKey(`The rate of the sampling stage must be between 0 and 1, found ${rate}`)
    }
    const reason = raw.drop_counter_reason || 'sampling_stage'
    return context => ({
      run(entry, next) {
        if (fraction(entry.origin.name, entry.startOffset) < rate) next(entry)
        else context.countDropped(reason)
      },
    })
  },
}

/** Returns a fixed number below 1 for each place in each file. */
function fraction(name: string, offset: number): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (offset >>> 0), 0x01000193)
  hash = Math.imul(hash ^ Math.floor(offset / 0x100000000), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) >>> 0) / 0x100000000
}
