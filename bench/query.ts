// Runs each query of the workload several times and measures the server's CPU, after checking that
// the answers are correct.

import { ask, type Spread, spread } from './ask.ts'
import type { LineTotals, WorkloadSummary } from './generator.ts'
import type { LineKind } from './lines.ts'
import { type OpenedBlocks, readOpenedBlocks } from './opened-blocks.ts'
import { HttpClient, type Server } from './server.ts'

/** Cost of one query over its repetitions. */
export interface QueryResult {
  readonly name: string
  readonly logql: string
  /** First run after the start of the measurement. */
  readonly firstCpuMs: number | undefined
  readonly cpuMs: Spread | undefined
  readonly wallMs: Spread
  /** Bytes of the answer. */
  readonly answerBytes: number
  /** The lines that the query reads, if it has a target speed. */
  readonly scanned: LineTotals | undefined
  readonly target: SpeedTarget | undefined
  /** Most that it may cost, relative to reading and searching all lines. */
  readonly shareMax: number | undefined
  /** Most that it may cost over the full workload. */
  readonly cpuMsMax: number | undefined
}

/** Minimum speed of a query per CPU second. */
export interface SpeedTarget {
  readonly unit: 'lines' | 'bytes'
  readonly perCpuSecond: number
}

interface BenchQuery {
  readonly name: string
  readonly logql: string
  readonly params: Readonly<Record<string, string>>
  /** Returns what is wrong with the answer, or `undefined`. */
  readonly check: (result: readonly QuerySeries[]) => string | undefined
  /** Kind of the lines that it selects. All lines if absent. */
  readonly kind?: LineKind
  readonly target?: SpeedTarget
  readonly shareMax?: number
  readonly cpuMsMax?: number
}

/** A stream or a series of an answer. */
interface QuerySeries {
  readonly values: readonly (readonly [string | number, string])[]
}

/** A text that no line has. */
export const absentText = 'order-4294967296-never-placed'

function listQueries(workload: WorkloadSummary): BenchQuery[] {
  const appCount = new Set(
    workload.streams.map(({ labels }) => labels.find(label => label.name === 'app')?.value),
  ).size
  const hasSeries = (count: number) => (result: readonly QuerySeries[]) =>
    result.length === count ? undefined : `${result.length} series, expected ${count}`
  const hasEntries = (count: number) => (result: readonly QuerySeries[]) => {
    const found = result.reduce((sum, stream) => sum + stream.values.length, 0)
    return found === count ? undefined : `${found} entries, expected ${count}`
  }
  const hasLines = (count: number) => (result: readonly QuerySeries[]) => {
    const found = result
      .flatMap(({ values }) => values)
      .reduce((sum, [, value]) => sum + Number(value), 0)
    return found === count ? undefined : `${found} lines, expected ${count}`
  }
  return [
    {
      name: 'needle',
      logql: `{namespace=~".+"} |= "${workload.needle}"`,
      params: { limit: '100' },
      check: hasEntries(1),
      shareMax: 1 / 20,
    },
    {
      name: 'needle that is not there',
      logql: `{namespace=~".+"} |= "${absentText}"`,
      params: { limit: '100' },
      check: hasEntries(0),
      shareMax: 1 / 20,
    },
    {
      name: 'needle in a JSON field',
      logql: `{namespace=~".+"} | json | note="${workload.needle}"`,
      params: { limit: '100' },
      check: hasEntries(1),
      shareMax: 1 / 20,
    },
    {
      name: 'regex with a rare text',
      logql: '{namespace=~".+"} |~ "order-[0-9]+-never-(shipped|placed)"',
      params: { limit: '100' },
      check: hasEntries(1),
      shareMax: 1 / 10,
    },
    {
      name: 'rate by app',
      logql: 'sum by (app) (rate({namespace=~".+"}[1m]))',
      params: { step: '60s' },
      check: hasSeries(appCount),
      cpuMsMax: 200,
    },
    {
      // As Grafana asks, with the empty filter of its query builder.
      name: 'volume by level',
      logql:
        'sum by (level, detected_level) ' +
        '(count_over_time({namespace=~".+"} |= `` | drop __error__ [1m]))',
      params: { step: '60s' },
      check: hasLines(workload.lineCount),
      cpuMsMax: 60,
    },
    {
      name: 'volume of one level',
      logql: 'sum by (app) (bytes_over_time({namespace=~".+"} | detected_level="error" [1m]))',
      params: { step: '60s' },
      check: result => (result.length > 0 ? undefined : 'no series'),
      cpuMsMax: 60,
    },
    {
      name: 'latest 100',
      logql: '{app="orders"}',
      params: { limit: '100', direction: 'backward' },
      check: hasEntries(100),
    },
    {
      name: 'latest 100 of all streams',
      logql: '{namespace=~".+"}',
      params: { limit: '100', direction: 'backward' },
      check: hasEntries(100),
    },
    {
      name: 'errors by namespace',
      logql: 'sum by (namespace) (count_over_time({namespace=~".+"} |= "error" [1m]))',
      params: { step: '60s' },
      check: result => (result.length > 0 ? undefined : 'no series'),
    },
    {
      name: 'regex',
      logql: '{app="ingress-nginx"} |~ "HTTP/1.1. 50[03] "',
      params: { limit: '100' },
      check: hasEntries(100),
    },
    {
      name: 'bytes by pod',
      logql: 'sum by (pod) (bytes_over_time({namespace="shop"}[5m]))',
      params: { step: '60s' },
      check: result => (result.length > 0 ? undefined : 'no series'),
    },
    ...listStageQueries(),
  ]
}

// Queries that measure the cost of a stage. Each reads all lines of a kind, and no line filter
// reduces them.
function listStageQueries(): BenchQuery[] {
  const params = { step: '60s' }
  const check = (result: readonly QuerySeries[]) =>
    result.length > 0 && result.length < 100 ? undefined : `${result.length} series`
  const lines = (perCpuSecond: number): SpeedTarget => ({ unit: 'lines', perCpuSecond })
  return [
    {
      name: 'json, status>=500',
      logql: 'sum(count_over_time({app=~"catalog|carts|payments|auth"} | json | status>=500 [1m]))',
      kind: 'json',
      target: lines(1.5e6),
      params,
      check,
    },
    {
      name: 'logfmt, quantile by label',
      logql:
        'quantile_over_time(0.99, {app=~"scheduler|mailer|prometheus"} | logfmt ' +
        '| unwrap duration(duration) [1m]) by (component)',
      kind: 'logfmt',
      target: lines(1e6),
      params,
      check,
    },
    {
      name: 'pattern, count by status',
      logql:
        'sum by (status) (count_over_time({app=~"ingress-nginx|web"} ' +
        '| pattern `<ip> - - [<_>] "<method> <path> <_>" <status> <bytes> <_>` [1m]))',
      kind: 'nginx',
      target: lines(1.5e6),
      params,
      check,
    },
    {
      name: 'regexp, count by status',
      logql:
        'sum by (status) (count_over_time({app=~"ingress-nginx|web"} ' +
        '| regexp `"(?P<method>[A-Z]+) (?P<path>\\S+) [^"]*" (?P<status>\\d{3}) ` [1m]))',
      kind: 'nginx',
      target: lines(1.5e6),
      params,
      check,
    },
    {
      name: 'regex that ignores case',
      logql: 'sum(count_over_time({namespace=~".+"} |~ "(?i)connection reset|timed out" [1m]))',
      target: { unit: 'bytes', perCpuSecond: 400e6 },
      params,
      check,
    },
  ]
}

/** Options of the query run. */
export interface QueryOptions {
  readonly repetitions: number
  readonly headers: Readonly<Record<string, string>>
}

/** Runs all queries over the hour of the workload. */
export async function runQueries(
  server: Server,
  workload: WorkloadSummary,
  options: QueryOptions,
): Promise<QueryResult[]> {
  const client = new HttpClient(server.url, 1, options.headers)
  const results: QueryResult[] = []
  for (const { name, logql, params, check, kind, target, shareMax, cpuMsMax } of listQueries(
    workload,
  )) {
    const path = pathOf({ logql, params }, workload)
    const cpuRuns: number[] = []
    const wallRuns: number[] = []
    let answerBytes = 0
    for (let i = 0; i < options.repetitions; i++) {
      const { answer, wallMs, cpuMs } = await ask(client, server.pid, path)
      wallRuns.push(wallMs)
      if (cpuMs !== undefined) cpuRuns.push(cpuMs)
      if (answer.status !== 200) {
        throw new Error(`${logql} was answered ${answer.status}: ${answer.body.slice(0, 500)}`)
      }
      const problem = check(readResult(answer.body))
      if (problem) throw new Error(`${logql} has a wrong answer: ${problem}`)
      answerBytes = answer.body.length
    }
    results.push({
      name,
      logql,
      firstCpuMs: cpuRuns[0],
      cpuMs: cpuRuns.length > 0 ? spread(cpuRuns) : undefined,
      wallMs: spread(wallRuns),
      answerBytes,
      scanned: target && scannedOf(workload, kind),
      target,
      shareMax,
      cpuMsMax,
    })
  }
  client.close()
  return results
}

function pathOf(
  { logql, params }: Pick<BenchQuery, 'logql' | 'params'>,
  { options, endMs }: WorkloadSummary,
): string {
  return queryPath('query_range', {
    query: logql,
    start: `${options.startMs}000000`,
    end: `${endMs}000000`,
    ...params,
  })
}

/** Returns the path of the search for the needle. */
export function needlePath(workload: WorkloadSummary): string {
  return pathOf(listQueries(workload)[0]!, workload)
}

/** Asks a store how many blocks it opens for the needle. */
export async function countOpenedBlocks(
  server: Server,
  workload: WorkloadSummary,
): Promise<OpenedBlocks> {
  const client = new HttpClient(server.url, 1, {})
  const { answer } = await ask(client, undefined, `${needlePath(workload)}&explain=true`)
  client.close()
  if (answer.status !== 200) {
    throw new Error(`explain=true was answered ${answer.status}: ${answer.body.slice(0, 500)}`)
  }
  return readOpenedBlocks(answer.body)
}

function scannedOf({ byKind, lineBytes, lineCount }: WorkloadSummary, kind?: LineKind): LineTotals {
  return kind ? byKind[kind] : { lineBytes, lineCount }
}

/** Counts the entries of the workload's hour on the server. */
export async function countEntries(
  server: Server,
  workload: WorkloadSummary,
  headers: Readonly<Record<string, string>>,
): Promise<number> {
  const client = new HttpClient(server.url, 1, headers)
  // Evaluated a second after the last line, over a little more than the hour.
  const path = queryPath('query', {
    query: 'sum(count_over_time({namespace=~".+"}[3602s]))',
    time: `${workload.endMs + 1000}000000`,
  })
  const answer = await client.send(path)
  client.close()
  if (answer.status !== 200) throw new Error(`Count was answered ${answer.status}: ${answer.body}`)
  const parsed = JSON.parse(answer.body) as { data: { result: { value: [number, string] }[] } }
  return Number(parsed.data.result[0]?.value[1] ?? 0)
}

/** Returns the path of a query route with its parameters. */
export function queryPath(name: string, params: Readonly<Record<string, string>>): string {
  return `/loki/api/v1/${name}?${new URLSearchParams(params)}`
}

function readResult(body: string): readonly QuerySeries[] {
  return (JSON.parse(body) as { data: { result: readonly QuerySeries[] } }).data.result
}
