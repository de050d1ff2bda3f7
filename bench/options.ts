// The benchmark's command line.

import { parseArgs } from 'node:util'

const commands = ['ingest', 'query', 'contention', 'agent', 'stages'] as const
export type BenchCommand = (typeof commands)[number]

/** What to measure, and where. */
export interface BenchOptions {
  readonly command: BenchCommand
  readonly megabytes: number
  readonly seed: number
  readonly connectionCount: number
  readonly repetitions: number
  /** Server to measure instead of starting a store. */
  readonly url: string | undefined
  /** Process of that server, if it runs on this machine. */
  readonly pid: number | undefined
  /** Directory with the data: of that server, or kept from an earlier run. */
  readonly dataDir: string | undefined
  readonly headers: Readonly<Record<string, string>>
  /** Promtail program to measure along with the agent. */
  readonly promtail: string | undefined
  /** Another checkout whose stages are measured in the same run. */
  readonly against: string | undefined
  /** Part of the names of the stages to measure. */
  readonly only: string | undefined
  /** File for the results. */
  readonly json: string | undefined
}

export const usage = `npm run bench -- ingest | query | contention | agent | stages [options]

  --mb N             millions of bytes of lines (335)
  --seed N           seed of the generator (1)
  --connections N    connections that push at the same time (4)
  --repetitions N    runs of each query (7)
  --data DIR         keep the store's data in DIR; "query" uses what an earlier run left there
  --url URL          measure another server that speaks Loki's API
  --pid N            process of that server, to count its CPU and memory
  --header 'K: V'    send a header with each request, such as 'X-Scope-OrgID: bench'
  --promtail FILE    measure this Promtail along with the agent
  --against DIR      compare the stages with those of another checkout
  --only TEXT        measure only stages whose name has this text
  --json FILE        write the results as JSON
`

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
      data: { type: 'string' },
      url: { type: 'string' },
      pid: { type: 'string' },
      header: { type: 'string', multiple: true, default: [] },
      promtail: { type: 'string' },
      against: { type: 'string' },
      only: { type: 'string' },
      json: { type: 'string' },
    },
  })
  const [name, ...rest] = positionals
  const command = commands.find(known => known === name)
  if (!command || rest.length > 0) {
    throw new TypeError(`Say what to measure: ${commands.join(', ')}`)
  }
  return {
    command,
    megabytes: parseCount('mb', values.mb),
    seed: parseCount('seed', values.seed),
    connectionCount: parseCount('connections', values.connections),
    repetitions: parseCount('repetitions', values.repetitions),
    url: values.url,
    pid: values.pid === undefined ? undefined : parseCount('pid', values.pid),
    dataDir: values.data,
    headers: Object.fromEntries(values.header.map(parseHeader)),
    promtail: values.promtail,
    against: values.against,
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
