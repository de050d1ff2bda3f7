// The benchmark's command line.

import { accessSync, constants, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'

const commands = [
  'ingest',
  'query',
  'contention',
  'agent',
  'stages',
  'compare',
  'catalog',
  'scaled',
  'rules',
  'page',
  'auth',
  'ways-in',
] as const
export type BenchCommand = (typeof commands)[number]

/** What to measure, and where. */
export interface BenchOptions {
  readonly command: BenchCommand
  readonly megabytes: number
  readonly seed: number
  readonly connectionCount: number
  readonly repetitions: number
  /** Streams and entries of `catalog`. */
  readonly streamCount: number
  readonly entryCount: number
  /** Server to measure instead of starting a store. */
  readonly url: string | undefined
  /** Process of that server, if it runs on this machine. */
  readonly pid: number | undefined
  /** Directory with that server's data. */
  readonly dataDir: string | undefined
  /** Directory in which load and data are kept for the next run. */
  readonly keepDir: string | undefined
  /** Raw JSON of an earlier run, to say how costs grew. */
  readonly against: string | undefined
  readonly headers: Readonly<Record<string, string>>
  /** Promtail program to measure along with the agent. */
  readonly promtail: string | undefined
  /** Another checkout whose stages are measured in the same run. */
  readonly base: string | undefined
  /** Part of the names of the stages to measure. */
  readonly only: string | undefined
  /** Loki program to compare with. */
  readonly loki: string | undefined
  /** VictoriaLogs program to compare with. */
  readonly victorialogs: string | undefined
  /** Directory of the page that the comparison is written into. */
  readonly docsDir: string | undefined
  /** File for the results. */
  readonly json: string | undefined
}

export const usage = `npm run bench -- ingest | query | contention | agent | stages | compare | catalog | scaled | rules | page | auth | ways-in [options]

  --mb N             millions of bytes of lines (335)
  --seed N           seed of the generator (1)
  --connections N    connections that push at the same time (4)
  --repetitions N    runs of each query (7)
  --keep DIR         keep load and data in DIR; a second run with the same DIR does not push again
  --against FILE     say how the CPU of each query grew since the run that wrote FILE with --json
  --json FILE        write the results as JSON

  compare: Skald, and the programs that you name, one after the other
  --loki FILE          compare with this Loki
  --victorialogs FILE  compare with this VictoriaLogs
  --docs DIR           write the page's figures, plot and JSON into DIR (docs, if --mb is 335)

  catalog: labels, values, series and a selector in a store with very many streams
  --streams N        number of streams (200000)
  --entries N        number of entries, a multiple of the streams (20000000)

  scaled: replicas beside a store with local files; needs versitygw and PostgreSQL

  rules: 2,000 rules in 200 groups: their CPU, and how late they are

  auth: pushes with a token, and with TLS, beside pushes without
  ways-in: lines for each CPU-second by each protocol, beside Loki's push

  page: the page in Chromium: first lines, scrolling, memory, live tail

  stages: pipelines alone, in this process
  --base DIR         measure those of another checkout in turn
  --only TEXT        measure only stages whose name has this text

  agent:
  --promtail FILE    measure this Promtail along with the agent

  another server instead of a store, for ingest, query and contention:
  --url URL          a server that speaks Loki's API
  --pid N            process of that server, to count its CPU and memory
  --data DIR         directory with its data, to measure the disk
  --header 'K: V'    send a header with each request, such as 'X-Scope-OrgID: bench'
`

/** Commands that an option goes with. The other options go with all of them. */
const commandsOfOption: Readonly<Record<string, readonly BenchCommand[]>> = {
  keep: ['ingest', 'query', 'contention', 'compare', 'rules', 'page'],
  against: ['query', 'compare'],
  url: ['ingest', 'query', 'contention'],
  pid: ['ingest', 'query', 'contention'],
  data: ['ingest', 'query', 'contention'],
  header: ['ingest', 'query', 'contention'],
  streams: ['catalog'],
  entries: ['catalog'],
  promtail: ['agent'],
  base: ['stages'],
  only: ['stages'],
  loki: ['compare'],
  victorialogs: ['compare'],
  docs: ['compare'],
}

/**
 * Parses the command line.
 * @throws TypeError with the reason when it is invalid.
 */
export function parseBenchOptions(args: readonly string[]): BenchOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      mb: { type: 'string', default: '335' },
      seed: { type: 'string', default: '1' },
      connections: { type: 'string', default: '4' },
      repetitions: { type: 'string', default: '7' },
      streams: { type: 'string' },
      entries: { type: 'string' },
      data: { type: 'string' },
      keep: { type: 'string' },
      against: { type: 'string' },
      url: { type: 'string' },
      pid: { type: 'string' },
      header: { type: 'string', multiple: true },
      promtail: { type: 'string' },
      base: { type: 'string' },
      only: { type: 'string' },
      loki: { type: 'string' },
      victorialogs: { type: 'string' },
      docs: { type: 'string' },
      json: { type: 'string' },
    },
  })
  const [name, ...rest] = positionals
  const command = commands.find(known => known === name)
  if (!command || rest.length > 0) {
    throw new TypeError(`Say what to measure: ${commands.join(', ')}`)
  }
  for (const option of Object.keys(values)) {
    const fitting = commandsOfOption[option]
    if (fitting && !fitting.includes(command)) {
      throw new TypeError(`--${option} goes with ${fitting.join(', ')}, not with ${command}`)
    }
  }
  for (const option of ['pid', 'data'] as const) {
    if (values[option] === undefined || values.url !== undefined) continue
    throw new TypeError(`--${option} is about another server, so it needs --url`)
  }
  if (values.keep !== undefined && values.url !== undefined) {
    throw new TypeError('--keep keeps the data of a store, so it does not go with --url')
  }
  return {
    command,
    megabytes: parseCount('mb', values.mb),
    seed: parseCount('seed', values.seed),
    connectionCount: parseCount('connections', values.connections),
    repetitions: parseCount('repetitions', values.repetitions),
    streamCount: parseCount('streams', values.streams ?? '200000'),
    entryCount: parseCount('entries', values.entries ?? '20000000'),
    url: values.url,
    pid: values.pid === undefined ? undefined : parseCount('pid', values.pid),
    dataDir: values.data,
    keepDir: values.keep === undefined ? undefined : resolve(values.keep),
    against: parseFile('against', values.against),
    headers: Object.fromEntries((values.header ?? []).map(parseHeader)),
    promtail: parseProgram('promtail', values.promtail),
    loki: parseProgram('loki', values.loki),
    victorialogs: parseProgram('victorialogs', values.victorialogs),
    docsDir: values.docs,
    base: values.base,
    only: values.only,
    json: values.json,
  }
}

function parseCount(name: string, text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) {
    throw new TypeError(`--${name} must be a whole number above zero, not ${JSON.stringify(text)}`)
  }
  return value
}

function parseHeader(text: string): [string, string] {
  const colon = text.indexOf(':')
  if (colon < 1) throw new TypeError(`--header must be 'Name: value', not ${JSON.stringify(text)}`)
  return [text.slice(0, colon).trim(), text.slice(colon + 1).trim()]
}

function parseFile(name: string, path: string | undefined): string | undefined {
  if (path !== undefined && !statSync(path, { throwIfNoEntry: false })?.isFile()) {
    throw new TypeError(`--${name}: there is no file ${path}`)
  }
  return path
}

function parseProgram(name: string, path: string | undefined): string | undefined {
  if (path === undefined) return undefined
  parseFile(name, path)
  try {
    accessSync(path, constants.X_OK)
  } catch (error) {
    throw new TypeError(`--${name}: ${path} is not executable: run chmod +x on it`, {
      cause: error,
    })
  }
  return resolve(path)
}
