// Reads the lines of log queries from Loki's API: an answer at once, or all of them page by page.

import { ascending } from '@skald/wire'
import type { AnswerStats } from '../query-stats.ts'
import type { Server } from '../server-address.ts'
import type { AskedRange } from './ask-program.ts'
import type { ShownEntry } from './entry-output.ts'
import type { ShownSeries } from './sample-output.ts'
import { type AskParams, askJson } from './store-client.ts'

interface LogStream {
  readonly stream: Readonly<Record<string, string>>
  readonly values: readonly (readonly [ns: string, line: string])[]
}
interface VectorSample {
  readonly metric: Readonly<Record<string, string>>
  readonly value: readonly [seconds: number, value: string]
}
type AnswerData = { readonly stats: AnswerStats } & (
  | { readonly resultType: 'streams'; readonly result: readonly LogStream[] }
  | { readonly resultType: 'matrix'; readonly result: readonly ShownSeries[] }
  | { readonly resultType: 'vector'; readonly result: readonly VectorSample[] }
  | { readonly resultType: 'scalar'; readonly result: readonly [seconds: number, value: string] }
)

/** An answer to a query: lines, oldest first, or series. */
export interface QueryAnswer {
  readonly entries?: readonly ShownEntry[]
  readonly series?: readonly ShownSeries[]
  readonly stats: AnswerStats
  readonly warnings: readonly string[]
}

/**
 * Asks a query.
 * @throws AskError
 */
export async function askQuery(
  server: Server,
  path: string,
  params: AskParams,
): Promise<QueryAnswer> {
  const { data, warnings = [] } = await askJson<{
    readonly data: AnswerData
    readonly warnings?: readonly string[]
  }>(server, path, params)
  const { stats } = data
  switch (data.resultType) {
    case 'streams':
      return { entries: entriesOf(data.result, params.direction === 'backward'), stats, warnings }
    case 'matrix':
      return { series: data.result, stats, warnings }
    case 'vector': {
      const series = data.result.map(({ metric, value }) => ({ metric, values: [value] }))
      return { series, stats, warnings }
    }
    case 'scalar':
      return { series: [{ metric: {}, values: [data.result] }], stats, warnings }
  }
}

/** Returns entries oldest first. Those of one time keep the order in which they arrived. */
function entriesOf(streams: readonly LogStream[], isBackward: boolean): ShownEntry[] {
  const entries = streams.flatMap(({ stream, values }) =>
    (isBackward ? values.toReversed() : values).map(([ns, line]) => ({
      timestampNs: BigInt(ns),
      line,
      labels: stream,
    })),
  )
  return entries.sort((a, b) => ascending(a.timestampNs, b.timestampNs))
}

/** What `pagesOf` reads. */
export interface PagedQuery extends AskedRange {
  readonly logql: string
  readonly isForward: boolean
  /** Lines of a request. */
  readonly batch: number
}

/**
 * Yields all lines of a log query, some thousands at a time, in its direction.
 *
 * @param onWarning Called with the warnings of each page.
 * @throws AskError
 */
export async function* pagesOf(
  server: Server,
  { logql, isForward, batch, ...range }: PagedQuery,
  onWarning: (warning: string) => void,
): AsyncGenerator<readonly ShownEntry[]> {
  // The query engine takes a while to load, and most queries do without.
  const { defaultQueryLimits, walkLogs } = await import('@skald/query')
  const direction = isForward ? 'forward' : 'backward'
  const walk = { logql, ...range, direction, skip: 0, pageEntries: batch } as const
  const pages = walkLogs(
    { ...walk, limits: defaultQueryLimits },
    {
      run: async ({ startNs, endNs, limit }) => {
        const params = {
          query: logql,
          ...{ start: String(startNs), end: String(endNs), limit: String(limit), direction },
        }
        const answer = await askQuery(server, '/loki/api/v1/query_range', params)
        const entries = answer.entries ?? []
        const { warnings } = answer
        return { entries: isForward ? entries : entries.toReversed(), warnings }
      },
      isTooLarge: () => false,
      onWarning,
    },
  )
  yield* pages
}
