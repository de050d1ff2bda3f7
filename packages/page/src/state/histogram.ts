// The bars of the histogram: lines by level in steps of the range.

import type { MatrixData, QueryAnswer } from '../api/answers.ts'
import type { StoreClient } from '../api/store-client.ts'
import { histogramBarsMax } from '../limits.ts'
import { type Level, levelOf, levels } from '../line/level.ts'
import { countByLevel } from '../logql/logql-text.ts'
import { type NsRange, stepSecondsOf } from './range.ts'

export interface Bars {
  readonly startSeconds: number
  readonly stepSeconds: number
  readonly barCount: number
  /** Level → bar → lines. Only levels with lines. */
  readonly counts: ReadonlyMap<Level, readonly number[]>
  readonly total: number
}

/** Reads the bars of a log query. */
export async function readBars(
  client: StoreClient,
  query: string,
  range: NsRange,
  signal: AbortSignal,
): Promise<Bars> {
  const stepSeconds = stepSecondsOf(range, histogramBarsMax)
  const startSeconds =
    Math.floor(Number(range.startNs / 1_000_000_000n) / stepSeconds) * stepSeconds
  const endSeconds = Math.ceil(Number(range.endNs) / 1e9 / stepSeconds) * stepSeconds
  const barCount = Math.max(1, Math.round((endSeconds - startSeconds) / stepSeconds))
  const { data } = await client.json<QueryAnswer<MatrixData>>(
    'loki/api/v1/query_range',
    {
      query: countByLevel(query, stepSeconds),
      // A sample counts the step before its time.
      start: startSeconds + stepSeconds,
      end: endSeconds,
      step: stepSeconds,
    },
    { signal },
  )
  const counts = new Map<Level, number[]>()
  let total = 0
  for (const { metric, values = [] } of data.result) {
    const level = levelOf(metric.detected_level ?? metric.level)
    const bars = counts.get(level) ?? new Array<number>(barCount).fill(0)
    counts.set(level, bars)
    for (const [seconds, value] of values) {
      const bar = Math.round((seconds - startSeconds) / stepSeconds) - 1
      if (bar < 0 || bar >= barCount) continue
      bars[bar]! += Number(value)
      total += Number(value)
    }
  }
  const sorted = levels.flatMap(level => {
    const bars = counts.get(level)
    return bars ? [[level, bars] as const] : []
  })
  return { startSeconds, stepSeconds, barCount, counts: new Map(sorted), total }
}
