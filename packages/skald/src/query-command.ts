// `skald query 'LOGQL'`: asks a store and prints the answer, newest line last.

import { parseArgs } from 'node:util'
import { formatRfc3339, nsPerMs } from '@skald/go-dialect'
import { ascending, type Colours, coloursFor } from '@skald/wire'
import { UsageError } from './errors.ts'
import { type AnswerStats, formatQueryStats } from './query-stats.ts'
import { readStore, storeOptions, storeOptionsUsage } from './server-address.ts'
import { readSince } from './since-flag.ts'
import type { Terminal } from './terminal.ts'

export const queryUsage = `skald query [options] 'LOGQL'

  --since DURATION    how far back to look (default 1h)
  --limit N           maximum number of lines (default 100)
  --output FORMAT     default, raw (lines only) or jsonl (one JSON object a line)
  --stats             also print, on stderr, how the store found the answer: time, blocks, bytes
${storeOptionsUsage}
`

const outputs = ['default', 'raw', 'jsonl'] as const
type Output = (typeof outputs)[number]

interface LogStream {
  readonly stream: Record<string, string>
  readonly values: readonly (readonly [ns: string, line: string])[]
}
interface Series {
  readonly metric: Record<string, string>
  readonly values: readonly (readonly [seconds: number, value: string])[]
}
type Answer = { readonly stats: AnswerStats } & (
  | { readonly resultType: 'streams'; readonly result: readonly LogStream[] }
  | { readonly resultType: 'matrix'; readonly result: readonly Series[] }
)

/**
 * Runs the command. Returns the exit code.
 *
 * @throws UsageError if an argument is not valid.
 */
export async function runQueryCommand(
  argv: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const { logql, since, limit, output, server, stats } = readArguments(argv, terminal.env)
  const { url, headers } = server
  const endNs = BigInt(Date.now()) * nsPerMs
  const params = new URLSearchParams({
    query: logql,
    start: String(endNs - since),
    end: String(endNs + 1n),
    limit: String(limit),
    direction: 'backward',
    ...(stats && { explain: 'true' }),
  })
  const target = `${url}/loki/api/v1/query_range?${params}`
  let response: Response
  try {
    response = await fetch(target, { headers })
  } catch (error) {
    const cause = (error as Error).cause as Error | undefined
    terminal.stderr.write(
      `Cannot ask ${url}: ${cause?.message ?? (error as Error).message}. Is a store running there?\n`,
    )
    return 1
  }
  const text = await response.text()
  if (!response.ok) {
    terminal.stderr.write(`${url} answered ${response.status}: ${text.trim()}\n`)
    return 1
  }
  const { data, warnings = [] } = JSON.parse(text) as {
    data: Answer
    warnings?: readonly string[]
  }
  const colours = coloursFor(terminal.stdout, terminal.env)
  for (const line of formatAnswer(data, output, colours)) terminal.stdout.write(`${line}\n`)
  for (const warning of warnings) terminal.stderr.write(`Warning: ${warning}\n`)
  if (stats) terminal.stderr.write(`${formatQueryStats(data.stats).join('\n')}\n`)
  return 0
}

function readArguments(argv: readonly string[], env: Readonly<Record<string, string | undefined>>) {
  const { values, positionals } = parse(argv)
  const [logql, ...rest] = positionals
  if (logql === undefined || rest.length > 0) {
    throw new UsageError('skald query takes one LogQL query, in quotes', { usage: queryUsage })
  }
  const output = outputs.find(name => name === values.output)
  if (!output) {
    throw new UsageError(`--output takes ${outputs.join(', ')}, not ${values.output}`, {
      usage: queryUsage,
    })
  }
  const limit = Number(values.limit)
  if (!Number.isInteger(limit) || limit <= 0) {
    throw new UsageError(`--limit takes a whole number above 0, not ${values.limit}`, {
      usage: queryUsage,
    })
  }
  const since = readSince(values.since, queryUsage)
  const server = readStore(values, env, queryUsage)
  return { logql, since, limit, output, server, stats: values.stats }
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        since: { type: 'string', default: '1h' },
        limit: { type: 'string', default: '100' },
        output: { type: 'string', default: 'default' },
        stats: { type: 'boolean', default: false },
        ...storeOptions,
      },
    })
  } catch (cause) {
    throw new UsageError((cause as Error).message, { usage: queryUsage, cause })
  }
}

function* formatAnswer(data: Answer, output: Output, colours: Colours): Generator<string> {
  switch (data.resultType) {
    case 'streams':
      yield* formatStreams(data.result, output, colours)
      break
    case 'matrix':
      yield* formatSeries(data.result, output, colours)
      break
  }
}

function* formatStreams(
  streams: readonly LogStream[],
  output: Output,
  colours: Colours,
): Generator<string> {
  const rows = streams.flatMap(({ stream, values }) =>
    values.map(([ns, line]) => ({ ns: BigInt(ns), line, stream })),
  )
  rows.sort((a, b) => ascending(a.ns, b.ns))
  const common = commonLabels(streams.map(({ stream }) => stream))
  for (const { ns, line, stream } of rows) {
    switch (output) {
      case 'raw':
        yield line
        break
      case 'jsonl':
        yield JSON.stringify({ timestamp: formatRfc3339(ns), labels: stream, line })
        break
      case 'default':
        yield [
          colours.dim(formatRfc3339(ns)),
          colours.cyan(formatLabels(stream, common)),
          line,
        ].join(' ')
    }
  }
}

function* formatSeries(
  series: readonly Series[],
  output: Output,
  colours: Colours,
): Generator<string> {
  for (const { metric, values } of series) {
    if (output === 'default') yield colours.cyan(formatLabels(metric, new Set()))
    for (const [seconds, value] of values) {
      const timestamp = new Date(seconds * 1000).toISOString()
      if (output === 'jsonl') yield JSON.stringify({ timestamp, labels: metric, value })
      else yield output === 'raw' ? value : `  ${colours.dim(timestamp)} ${value}`
    }
  }
}

/** Returns the labels that have the same value in every stream. Readers do not need them. */
function commonLabels(sets: readonly Record<string, string>[]): ReadonlySet<string> {
  const [first = {}] = sets
  if (sets.length < 2) return new Set()
  return new Set(
    Object.keys(first).filter(name => sets.every(labels => labels[name] === first[name])),
  )
}

function formatLabels(labels: Record<string, string>, hidden: ReadonlySet<string>): string {
  const shown = Object.entries(labels).filter(([name]) => !hidden.has(name))
  return `{${shown.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(', ')}}`
}
