// The limit stage: passes a number of lines per second, and drops the rest or waits.

import {
  readLooseBoolean,
  readLooseInteger,
  readLooseNumber,
  readWeakText,
} from '@skald/config-reading'
import { TokenBucket } from '@skald/wire'
import { limitedLabelsMin } from '../../limits.ts'
import type { StageDefinition } from '../stage.ts'

export const limitStage: StageDefinition = {
  read(body) {
    const raw = body.record({
      rate: readLooseNumber,
      burst: readLooseInteger,
      drop: readLooseBoolean,
      by_label_name: readWeakText,
      max_distinct_labels: readLooseInteger,
    })
    const { rate: perSecond = 0, burst = 0, drop = false, by_label_name: labelName = '' } = raw
    if (perSecond <= 0 || burst <= 0) {
      return body.failAtKey(
        `The limit stage needs a rate and a burst above 0, found rate ${perSecond} and burst ${burst}`,
      )
    }
    if (labelName !== '' && !drop) {
      return body.failAtKey('A limit by_label_name needs drop: true, since it cannot wait')
    }
    const distinctMax = Math.max(raw.max_distinct_labels ?? 0, limitedLabelsMin)
    const rate = { perSecond, burst }
    return context => {
      const shared = new TokenBucket(rate)
      const byLabel = new Map<string, TokenBucket>()
      const bucketOf = (value: string) => {
        let bucket = byLabel.get(value)
        if (!bucket) {
          if (byLabel.size >= distinctMax) byLabel.clear()
          bucket = new TokenBucket(rate)
          byLabel.set(value, bucket)
        }
        return bucket
      }
      return {
        run(entry, next) {
          const nowMs = context.nowMs()
          if (labelName !== '') {
            const value = entry.labels.get(labelName)
            if (value === undefined || bucketOf(value).take(1, rate, nowMs)) next(entry)
            else {
              context.countDropped('ratelimit_drop_stage')
              context.countDroppedByLabel(labelName, value)
            }
            return
          }
          if (!drop) shared.takeAnyway(1, rate, nowMs)
          else if (!shared.take(1, rate, nowMs)) {
            context.countDropped('ratelimit_drop_stage')
            return
          }
          next(entry)
        },
        ...(!drop && {
          pausedUntilMs(nowMs: number) {
            const pauseMs = shared.msUntil(1, rate, nowMs)
            return pauseMs === 0 ? 0 : nowMs + pauseMs
          },
        }),
      }
    }
  },
}
