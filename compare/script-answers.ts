// Asks a server over HTTP what a query script asks, and writes the answer as scripts do. Streams that belong together
// are pushed as one tenant, so that all scripts fit into one server.

import { setTimeout as sleep } from 'node:timers/promises'
import { formatLabelSet, type LabelSet } from '@skald/wire'
import {
  escapeLine,
  type ScriptCase,
  type ScriptQuery,
  type ScriptStream,
  scriptStartNs,
} from '../packages/query/test/query-script.ts'

/** Limits that both servers need: labels are those of the script, and no others. */
export const scriptLimits = `  discover_service_name: []
  discover_log_levels: false
  shard_aggregations: [approx_topk]
`

/** The tenants of cases, by the streams they see. */
export type ScriptTenants = ReadonlyMap<readonly ScriptStream[], string>

/** Gives each set of streams a tenant. */
export function tenantsOf(cases: readonly ScriptCase[]): ScriptTenants {
  const sets = new Set(cases.map(({ streams }) => streams))
  return new Map([...sets].map((streams, i) => [streams, `script-${i}`]))
}

/** Pushes the streams of all tenants, and waits until queries find them. */
export async function loadScripts(url: string, tenants: ScriptTenants): Promise<void> {
  for (const [streams, tenant] of tenants) {
    const body = streams.map(({ labels, entries }) => ({
      stream: labels,
      values: entries.map(({ timestampNs, line, metadata }) => [
        String(timestampNs),
        line,
        ...(metadata ? [metadata] : []),
      ]),
    }))
    if (body.length === 0) continue
    const response = await fetch(`${url}/loki/api/v1/push`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-scope-orgid': tenant },
      body: JSON.stringify({ streams: body }),
    })
    const text = await response.text()
    if (response.status !== 204)
      throw new Error(`${url} answered a push ${response.status}: ${text}`)
  }
  // Queries look for lines older than three hours on disk only.
  await fetch(`${url}/flush`, { method: 'POST' })
  for (const [streams, tenant] of tenants) {
    for (const stream of streams) await waitUntilFound(url, tenant, stream)
  }
}

async function waitUntilFound(url: string, tenant: string, stream: ScriptStream): Promise<void> {
  const matchers = Object.entries(stream.labels).map(
    ([name, value]) => `${name}=${JSON.stringify(value)}`,
  )
  const different = new Set(
    stream.entries.map(({ timestampNs, line, metadata }) =>
      JSON.stringify([String(timestampNs), line, metadata]),
    ),
  )
  const times = stream.entries.map(({ timestampNs }) => timestampNs)
  const lastNs = times.reduce((max, time) => (time > max ? time : max), scriptStartNs)
  const params = new URLSearchParams({
    query: `sum(count_over_time({${matchers.join(',')}}[2h]))`,
    time: String(lastNs + 1_000_000_000n),
  })
  for (let i = 0; i < 240; i++) {
    const { data } = (await getJson(`${url}/loki/api/v1/query?${params}`, tenant)) as {
      data: { result: { value: [number, string] }[] }
    }
    if (Number(data.result[0]?.value[1]) >= different.size) return
    await sleep(250)
  }
  throw new Error(`${url} does not find the lines of {${matchers.join(',')}}`)
}

async function getJson(url: string, tenant: string): Promise<unknown> {
  const response = await fetch(url, { headers: { 'x-scope-orgid': tenant } })
  return await response.json()
}

/** Asks a server the question of a case, and returns the answer as a script writes it. */
export async function askCase(url: string, query: ScriptQuery, tenant: string): Promise<string[]> {
  // A connection that the server has closed meanwhile is not used.
  const headers = { 'x-scope-orgid': tenant, connection: 'close' }
  const response = await fetch(`${url}/loki/api/v1/${routeOf(query)}`, { headers }).catch(
    () => undefined,
  )
  // Loki ends the connection when a query makes it panic.
  if (!response) return ['(no answer)']
  const text = await response.text()
  if (response.status !== 200) return [text.trim().split('\n')[0]!]
  if (query.kind === 'fail') return ['(no error)']
  return format((JSON.parse(text) as { data: AnswerData }).data, query)
}

function routeOf(query: ScriptQuery): string {
  const { kind, logql, startNs, endNs, stepNs, limit, direction } = query
  // An instant query is a metric query.
  const isLogs = kind === 'logs' || logql.startsWith('{')
  if (kind === 'instant' || (kind === 'fail' && !isLogs)) {
    return `query?${new URLSearchParams({ query: logql, time: String(endNs) })}`
  }
  const range = { query: logql, start: String(startNs), end: String(endNs) }
  const more: Record<string, string> =
    kind === 'range' ? { step: `${Number(stepNs) / 1e9}` } : { limit: String(limit), direction }
  return `query_range?${new URLSearchParams({ ...range, ...more })}`
}

interface AnswerData {
  readonly resultType: string
  readonly result: readonly AnswerItem[]
}

interface AnswerItem {
  readonly stream?: Readonly<Record<string, string>>
  readonly metric?: Readonly<Record<string, string>>
  readonly values?: readonly (readonly [number | string, string])[]
  readonly value?: readonly [number, string]
}

function format({ resultType, result }: AnswerData, query: ScriptQuery): string[] {
  switch (resultType) {
    case 'scalar':
      return [`scalar ${(result as unknown as readonly [number, string])[1]}`]
    case 'vector':
      return result.map(({ metric = {}, value }) => `${labelText(metric)} ${value?.[1]}`)
    case 'matrix':
      return result.map(
        ({ metric = {}, values = [] }) => `${labelText(metric)} ${points(values, query)}`,
      )
    case 'streams':
      return formatEntries(result, query.direction)
    default:
      throw new TypeError(`an answer of the type ${resultType}`)
  }
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const set: LabelSet = Object.entries(labels)
    .map(([name, value]) => ({ name, value }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
  return formatLabelSet(set)
}

function points(
  values: readonly (readonly [number | string, string])[],
  { startNs, endNs, stepNs }: ScriptQuery,
): string {
  const byTime = new Map(
    values.map(([time, value]) => [BigInt(Math.round(Number(time) * 1000)), value]),
  )
  const texts: string[] = []
  for (let timeNs = startNs; timeNs <= endNs; timeNs += stepNs) {
    texts.push(byTime.get(timeNs / 1_000_000n) ?? '_')
  }
  return texts.join(' ')
}

function formatEntries(result: readonly AnswerItem[], direction: 'forward' | 'backward'): string[] {
  const entries = result.flatMap(({ stream = {}, values = [] }) =>
    values.map(([time, line]) => ({ timeNs: BigInt(time), labels: labelText(stream), line })),
  )
  const sign = direction === 'forward' ? 1 : -1
  // Entries of equal time keep their order.
  entries.sort((a, b) => sign * Number(a.timeNs - b.timeNs))
  return entries.map(({ timeNs, labels, line }) => {
    const seconds = Number(timeNs - scriptStartNs) / 1e9
    return `${labels} +${seconds}s ${escapeLine(line)}`.trimEnd()
  })
}

/**
 * Says how an answer differs from the expected lines; `undefined` where it does not. The order of series and of equal
 * times is free, except after `sort`; numbers may differ in the tenth digit.
 */
export function scriptDifference(
  { query, expected }: Pick<ScriptCase, 'query' | 'expected'>,
  actual: readonly string[],
): string | undefined {
  if (query.kind === 'fail') {
    const isEqual = wording(expected) === wording(actual)
    return isEqual ? undefined : differenceText(expected, actual)
  }
  const isOrdered = /^sort(_desc)?\(/.test(query.logql)
  const wanted = isOrdered ? expected : inOrder(expected, query)
  const got = isOrdered ? actual : inOrder(actual, query)
  const hasNumbers = query.kind === 'instant' || query.kind === 'range'
  const isEqual =
    wanted.length === got.length &&
    wanted.every((line, i) => line === got[i] || (hasNumbers && areClose(line, got[i]!)))
  if (isEqual) return undefined
  return differenceText(wanted, got)
}

/** Which of several failing series an error names is up to chance. */
function wording(lines: readonly string[]): string {
  return lines.join('\n').replace(/for series: '.*'\./, "for series: '…'.")
}

function differenceText(wanted: readonly string[], got: readonly string[]): string {
  return `expected\n${indent(wanted)}\n  got\n${indent(got)}`
}

const indent = (lines: readonly string[]) => lines.map(line => `    ${line}`).join('\n')

function inOrder(lines: readonly string[], { kind }: ScriptQuery): readonly string[] {
  if (kind !== 'logs') return lines.toSorted()
  // Groups of equal times stay where they are.
  const groups = Map.groupBy(lines, line => /^.*?\} (\+\S+)/.exec(line)?.[1])
  return [...groups.values()].flatMap(group => group.toSorted())
}

function areClose(a: string, b: string): boolean {
  const [first, second] = [splitNumbers(a), splitNumbers(b)]
  if (first.labels !== second.labels || first.values.length !== second.values.length) return false
  return first.values.every(
    (value, i) => value === second.values[i] || isNear(value, second.values[i]!),
  )
}

function splitNumbers(line: string): { readonly labels: string; readonly values: string[] } {
  const end = line.startsWith('scalar ') ? 'scalar'.length : line.lastIndexOf('}') + 1
  return { labels: line.slice(0, end), values: line.slice(end).trim().split(' ') }
}

function isNear(a: string, b: string): boolean {
  const [x, y] = [Number(a), Number(b)]
  return Math.abs(x - y) <= 1e-9 * Math.max(Math.abs(x), Math.abs(y))
}
