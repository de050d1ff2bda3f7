// Shared code for the tests of docs/clients.md: a store with known lines, queried with the requests
// of Grafana, Logs Drilldown and logcli. Every answer to a query is parsed as strictly as Grafana's
// backend does.

import { createLabelSet, type Stream } from '@skald/wire'
import { type HttpAnswer, startStore, type TestScope, type TestStore } from './harness.ts'
import { checkStrictly } from './strict-answer.ts'

/** Parameters of a request, as the client sends them. */
export type Params = Readonly<Record<string, string>>
type Headers = Readonly<Record<string, string>>

/** Header that Grafana's backend sends with every query. */
export const categorize: Headers = { 'X-Loki-Response-Encoding-Flags': 'categorize-labels' }

/** A line of the seed. */
export interface SeedEntry {
  readonly env: string
  readonly timestampNs: bigint
  readonly line: string
}

/** A seeded store and functions to query it. */
export interface SeededStore {
  readonly store: TestStore
  /** All lines, oldest first; at equal times in the order they were pushed. */
  readonly entries: readonly SeedEntry[]
  /** Start and end that include all of them, in whole milliseconds like Grafana's. */
  readonly range: { readonly start: string; readonly end: string }
  readonly startMs: number
  readonly endMs: number
  /** Requests a path below `/loki/api/v1/`. */
  ask(path: string, params?: Params, headers?: Headers): Promise<HttpAnswer>
  /** The same, parsed as JSON. Any status except 200 is an error. */
  json<T>(path: string, params?: Params, headers?: Headers): Promise<T>
}

/** Data of a query's answer. */
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

/** Third element of an entry, sent with the `categorize` header. */
export interface Third {
  readonly structuredMetadata?: Headers
  readonly parsed?: Headers
}

/** Entries of each stream of the seed. */
const entryCount = 150
const spacingMs = 10_000

/** Starts a store with two streams of JSON and logfmt lines from the last hour. */
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
      // Three in a row have the same nanosecond, and some are within one millisecond.
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

/** Runs a query and returns its data. */
export async function askQuery(
  { json }: SeededStore,
  path: 'query' | 'query_range',
  params: Params,
  headers?: Headers,
): Promise<AnswerData> {
  return (await json<{ data: AnswerData }>(path, params, headers)).data
}

/** Returns the entries of an answer, oldest first. */
export function linesOf({ result }: AnswerData): { timestampNs: bigint; line: string }[] {
  return result
    .flatMap(({ values = [] }) =>
      values.map(([time, line]) => ({ timestampNs: BigInt(time), line })),
    )
    .sort((a, b) => Number(a.timestampNs - b.timestampNs))
}
