// `skald query 'LOGQL'`: asks a store and prints lines or samples.

import { coloursFor } from '@skald/wire'
import type { Command } from 'commander'
import { UsageError } from '../errors.ts'
import { askedLines } from '../limits.ts'
import { formatQueryStats } from '../query-stats.ts'
import type { Terminal } from '../terminal.ts'
import {
  type AskedRange,
  askCommand,
  choice,
  names,
  parseArguments,
  type RangeOptions,
  readAskedStore,
  readRange,
  type StoreOptions,
  wholeNumber,
  withRange,
  withStore,
} from './ask-program.ts'
import {
  commonLabels,
  type EntryFormat,
  type EntryStyle,
  entryFormats,
  entryHead,
  printEntry,
  type ShownEntry,
} from './entry-output.ts'
import { askQuery, pagesOf, type QueryAnswer } from './log-answer.ts'
import { printSeries, type SampleFormat, sampleFormats } from './sample-output.ts'
import { TimeProgress } from './time-progress.ts'

const formats = [...new Set([...entryFormats, ...sampleFormats])]

interface QueryOptions extends StoreOptions, RangeOptions {
  readonly limit: number
  readonly forward: boolean
  readonly batch: number
  readonly output: EntryFormat | SampleFormat
  readonly labels: boolean
  readonly includeLabel?: readonly string[]
  readonly excludeLabel?: readonly string[]
  readonly step?: string
  readonly instant: boolean
  readonly stats: boolean
}

/** Describes the command line. */
export function queryProgram(): Command {
  const command = withRange(askCommand('query', 'Asks a store and prints lines, newest last.'))
    .argument('<LOGQL>', 'a query, in quotes')
    .option(
      '--limit <n>',
      'maximum number of lines; 0 for all, oldest first',
      wholeNumber(true),
      100,
    )
    .option('--forward', 'the first lines of the range instead of the last', false)
    .option(
      '--batch <n>',
      'lines of one request, if there are more to come',
      wholeNumber(),
      askedLines,
    )
    .addOption(choice('-o, --output <format>', 'how to print', formats).default('default'))
    .option('--no-labels', 'print no labels')
    .option('--include-label <name>', 'print only this label, and others given so', names)
    .option('--exclude-label <name>', 'do not print this label', names)
    .option('--step <duration>', 'metric queries: time between two samples')
    .option('--instant', 'metric queries: only the value at the end of the range', false)
    .option('--stats', 'also print, on stderr, how the store found the answer', false)
  return withStore(command)
}

/**
 * Runs the command. Returns the exit code.
 *
 * @throws UsageError if an argument is not valid; AskError.
 */
export async function runQueryCommand(
  argv: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const command = parseArguments(queryProgram(), argv)
  const options = command.opts<QueryOptions>()
  const [logql = ''] = command.args
  const server = readAskedStore(options, command, terminal)
  const range = readRange(options, command)
  const { limit, batch, forward, output, instant, stats } = options
  const isPaged = limit === 0 || limit > batch
  if (isPaged && stats) {
    throw new UsageError(`--stats is about one request, and --limit asks for more than ${batch}`, {
      usage: command.helpInformation(),
    })
  }
  const warned = new Set<string>()
  const warn = (warning: string) => {
    if (!warned.has(warning)) terminal.stderr.write(`Warning: ${warning}\n`)
    warned.add(warning)
  }
  if (isPaged) {
    const style = styleOf(options, command, terminal)
    const isForward = forward || limit === 0
    const pages = pagesOf(server, { logql, ...range, isForward, batch }, warn)
    await printPages(pages, { style, limit, isForward, range }, terminal)
    return 0
  }
  const path = instant ? '/loki/api/v1/query' : '/loki/api/v1/query_range'
  const answer = await askQuery(server, path, {
    query: logql,
    ...(instant
      ? { time: String(range.endNs) }
      : { start: String(range.startNs), end: String(range.endNs) }),
    ...{ limit: String(limit), direction: forward ? 'forward' : 'backward', step: options.step },
    ...(stats && { explain: 'true' }),
  })
  printAnswer(answer, output, () => styleOf(options, command, terminal), terminal)
  for (const warning of answer.warnings) warn(warning)
  if (stats) terminal.stderr.write(`${formatQueryStats(answer.stats).join('\n')}\n`)
  return 0
}

function styleOf(options: QueryOptions, command: Command, terminal: Terminal): EntryStyle {
  const format = entryFormats.find(name => name === options.output)
  if (!format) {
    throw new UsageError(
      `--output=${options.output} is for metric queries. Lines are printed as ${entryFormats.join(', ')}`,
      { usage: command.helpInformation() },
    )
  }
  return {
    format,
    colours: coloursFor(terminal.stdout, terminal.env),
    hidesLabels: !options.labels,
    included: options.includeLabel ?? [],
    excluded: options.excludeLabel ?? [],
  }
}

function printAnswer(
  { entries, series = [] }: QueryAnswer,
  output: EntryFormat | SampleFormat,
  styleFor: () => EntryStyle,
  { stdout, stderr, env }: Terminal,
): void {
  if (entries) {
    const style = styleFor()
    const common = commonLabels([...new Set(entries.map(({ labels }) => labels))])
    stdout.write(entryHead(style))
    for (const entry of entries) stdout.write(printEntry(entry, style, common))
    if (entries.length === 0 && stderr.isTTY) stderr.write('No lines in this range.\n')
    return
  }
  const format = sampleFormats.find(name => name === output) ?? 'default'
  const columns = stdout.columns ?? 80
  const texts = printSeries(series, { format, colours: coloursFor(stdout, env), columns })
  for (const text of texts) stdout.write(text)
  if (series.length === 0 && stderr.isTTY) stderr.write('No samples in this range.\n')
}

interface PageStyle {
  readonly style: EntryStyle
  /** 0 for all. */
  readonly limit: number
  readonly isForward: boolean
  readonly range: AskedRange
}

/** Prints pages as they come, unless the newest lines come first: then all are kept until the end. */
async function printPages(
  pages: AsyncGenerator<readonly ShownEntry[]>,
  { style, limit, isForward, range }: PageStyle,
  terminal: Terminal,
): Promise<void> {
  const { stdout } = terminal
  const progress = new TimeProgress(terminal, range, isForward)
  const kept: ShownEntry[][] = []
  let left = limit === 0 ? Number.POSITIVE_INFINITY : limit
  stdout.write(entryHead(style))
  const print = async (entries: readonly ShownEntry[]) => {
    const text = entries.map(entry => printEntry(entry, style)).join('')
    // A slow reader, such as a pager, slows the queries down.
    if (!stdout.write(text)) await new Promise<void>(resolve => stdout.once('drain', resolve))
  }
  for await (const page of pages) {
    const entries = page.slice(0, left)
    left -= entries.length
    progress.show(entries.at(-1)!.timestampNs, entries.length)
    if (isForward) await print(entries)
    else kept.push(entries.toReversed())
    if (left <= 0) break
  }
  progress.clear()
  for (const entries of kept.toReversed()) await print(entries)
}
