// A store with known lines, asked in the words of Grafana, Logs Drilldown and logcli: what the tests of
// docs/clients.md share. Every answer to a query is read as strictly as Grafana's backend does.

import { createLabelSet, type Stream } from '@skald/wire'
import { type HttpAnswer, startStore, type TestScope, type TestStore } from './harness.ts'
import { checkStrictly } from './strict-answer.ts'

/** Parameters of a request, as the client writes them. */
export type Params = Readonly<Record<string, string>>
type Headers = Readonly<Record<string, string>>

/** Header with which Grafana's backend sends every query. */
export const categorize: Headers = { 'X-Loki-Response-Encoding-Flags': 'categorize-labels' }

/** A line of the seed. */
export interface SeedEntry {
  readonly env: string
  readonly timestampNs: bigint
  readonly line: string
}

/** A seeded store and how it is asked. */
export interface SeededStore {
  readonly store: TestStore
  /** All lines, oldest first, in the order in which they were pushed at equal times. */
  readonly entries: readonly SeedEntry[]
  /** Start and end that hold all of them, whole milliseconds apart as Grafana sends them. */
  readonly range: { readonly start: string; readonly end: string }
  readonly startMs: number
  readonly endMs: number
  /** Asks a path below `/loki/api/v1/`. */
  ask(path: string, params?: Params, headers?: Headers): Promise<HttpAnswer>
  /** The same, read as JSON; anything but 200 is an error. */
  json<T>(path: string, params?: Params, headers?: Headers): Promise<T>
}

/** Data of a query. */
export interface AnswerData {
  readonly resultType: string
  readonly encodingFlags?: readonly string[]
  readonly result: readonly Element[]
  readonly stats: { readonly summary: Readonly<Record<string, number>> }
}

interface Element {
  readonly stream?: Headers
  readonly metric?: Headers
  readonly value?: readonly [number, string]
  readonly values?: readonly (readonly [string & number, string, Third?])[]
}

/** What stands beside a line that is asked for with `categorize`. */
export interface Third {
  readonly structuredMetadata?: Headers
  readonly parsed?: Headers
}

/** Entries of each stream of the seed. */
const entryCount = 150
const spacingMs = 10_000

/** Starts a store with two streams of JSON and logfmt lines, their ages within an hour. */
export async function startSeeded(
  t: TestScope,
  options: { readonly dir: string; readonly config?: string },
): Promise<SeededStore> {
  const store = await startStore(t, options)
  const endMs = Math.floor(Date.now() / 1000) * 1000
  const startMs = endMs - 3_600_000
  const entries: SeedEntry[] = []
  const streams: Stream[] = ['a', 'b'].map(env => ({
    labels: createLabelSet({ service_name: 'seed', env }),
    entries: Array.from({ length: entryCount }, (_, i) => {
      // Three in a row share a nanosecond, and a few lie within a millisecond.
      const group = i - (i % 3)
      const timestampNs =
        BigInt(endMs - (entryCount - group) * spacingMs) * 1_000_000n + BigInt(group % 2)
      const level = i % 5 === 0 ? 'error' : 'info'
      const line =
        i % 2 === 0
          ? `{"level":"${level}","msg":"test ${i}","f":"${i}ms","size":"${i}KB","a":{"b":"deep ${i % 4}"},"env_of":"${env}"}`
          : `level=${level} msg="test ${i}" f=${i}ms size=${i}KB env_of=${env}`
      entries.push({ env, timestampNs, line })
      return {
        timestampNs,
        line,
        structuredMetadata: createLabelSet({ trace_id: `t${i % 7}`, detected_level: level }),
      }
    }),
  }))
  const { status, body } = await store.push(streams)
  if (status !== 204) throw new Error(body)
  entries.sort((a, b) => Number(a.timestampNs - b.timestampNs))
  const ask = async (path: string, params: Params = {}, headers: Headers = {}) => {
    const answer = await store.request(`/loki/api/v1/${path}?${new URLSearchParams(params)}`, {
      headers: { 'User-Agent': 'Grafana/13.2.3', ...headers },
    })
    const isQuery = path === 'query' || path === 'query_range'
    if (isQuery && answer.status === 200) checkStrictly(answer.body)
    return answer
  }
  return {
    ...{ store, entries, startMs, endMs, ask },
    range: { start: `${startMs}000000`, end: `${endMs}000000` },
    json: async (path, params, headers) => {
      const { status: code, body: text } = await ask(path, params, headers)
      if (code !== 200) throw new Error(`${path} was answered ${code}: ${text}`)
      return JSON.parse(text)
    },
  }
}

/** Asks a query and returns its data. */
export async function askQuery(
  { json }: SeededStore,
  path: 'query' | 'query_range',
  params: Params,
  headers?: Headers,
): Promise<AnswerData> {
  return (await json<{ data: AnswerData }>(path, params, headers)).data
}

/** Entries of an answer, oldest first. */
export function linesOf({ result }: AnswerData): { timestampNs: bigint; line: string }[] {
  return result
    .flatMap(({ values = [] }) =>
      values.map(([time, line]) => ({ timestampNs: BigInt(time), line })),
    )
    .sort((a, b) => Number(a.timestampNs - b.timestampNs))
}
