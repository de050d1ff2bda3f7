// `skald labels` and `skald series`: which labels, values and streams there are.

import type { Command } from 'commander'
import { UsageError } from '../errors.ts'
import type { Server } from '../server-address.ts'
import type { Terminal } from '../terminal.ts'
import {
  type AskedRange,
  askCommand,
  parseArguments,
  type RangeOptions,
  readAskedStore,
  readRange,
  type StoreOptions,
  withRange,
  withStore,
} from './ask-program.ts'
import { printLabels } from './entry-output.ts'
import { askJson } from './store-client.ts'
import { formatColumns } from './table.ts'

/** A label as the store counts it, see /skald/labels. */
interface CountedLabel {
  readonly label: string
  readonly values: number
  readonly isGuilty: boolean
  readonly isDemoted: boolean
  readonly examples: readonly string[]
  readonly clients: readonly string[]
}

type Stream = Readonly<Record<string, string>>
interface LabelsOptions extends StoreOptions, RangeOptions {
  readonly guilty: boolean
}
interface SeriesOptions extends StoreOptions, RangeOptions {
  readonly analyze: boolean
}

/** Describes the command line of `skald labels`. */
export function labelsProgram(): Command {
  const command = askCommand('labels', 'Counts the values of each label, or lists those of one.')
    .argument('[NAME|SELECTOR]', 'a label whose values to list, or streams whose labels to count')
    .option(
      '--guilty',
      'only labels with very many values today, with examples and who pushes them',
      false,
    )
  return withStore(withRange(command))
}

/** Describes the command line of `skald series`. */
export function seriesProgram(): Command {
  const command = askCommand('series', 'Lists streams by their labels.')
    .argument('[SELECTOR]', 'which streams, in quotes; all if left out')
    .option('--analyze', 'count the values of each label instead', false)
  return withStore(withRange(command))
}

/**
 * Runs `skald labels`. Returns the exit code.
 * @throws UsageError if an argument is not valid; AskError.
 */
export async function runLabelsCommand(
  argv: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const command = parseArguments(labelsProgram(), argv)
  const options = command.opts<LabelsOptions>()
  const [asked] = command.args
  if (options.guilty && asked !== undefined) {
    throw new UsageError('--guilty is about all streams, so it takes no selector', {
      usage: command.helpInformation(),
    })
  }
  const server = readAskedStore(options, command, terminal)
  const range = readRange(options, command)
  const lines = options.guilty
    ? formatGuilty(await dataOf<CountedLabel>(server, '/skald/labels'))
    : asked === undefined || asked.startsWith('{')
      ? formatCounts(await askSeries(server, range, asked))
      : await askValues(server, range, asked)
  for (const line of lines) terminal.stdout.write(`${line}\n`)
  return 0
}

/**
 * Runs `skald series`. Returns the exit code.
 * @throws UsageError if an argument is not valid; AskError.
 */
export async function runSeriesCommand(
  argv: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const command = parseArguments(seriesProgram(), argv)
  const options = command.opts<SeriesOptions>()
  const server = readAskedStore(options, command, terminal)
  const streams = await askSeries(server, readRange(options, command), command.args[0])
  const lines = options.analyze
    ? formatCounts(streams)
    : streams.map(labels => printLabels(labels)).sort()
  for (const line of lines) terminal.stdout.write(`${line}\n`)
  return 0
}

function askSeries(
  server: Server,
  { startNs, endNs }: AskedRange,
  selector: string | undefined,
): Promise<readonly Stream[]> {
  const range = { start: String(startNs), end: String(endNs) }
  return dataOf<Stream>(server, '/loki/api/v1/series', { ...range, 'match[]': selector })
}

function askValues(
  server: Server,
  { startNs, endNs }: AskedRange,
  name: string,
): Promise<readonly string[]> {
  const path = `/loki/api/v1/label/${encodeURIComponent(name)}/values`
  return dataOf<string>(server, path, { start: String(startNs), end: String(endNs) })
}

async function dataOf<T>(
  server: Server,
  path: string,
  params: Readonly<Record<string, string | undefined>> = {},
): Promise<readonly T[]> {
  const { data = [] } = await askJson<{ readonly data?: readonly T[] }>(server, path, params)
  return data
}

/** Writes logcli's table. The label with the most values comes first. */
function formatCounts(series: readonly Stream[]): string[] {
  const labels = new Map<string, { values: Set<string>; streams: number }>()
  for (const stream of series) {
    for (const [name, value] of Object.entries(stream)) {
      const label = labels.get(name) ?? { values: new Set(), streams: 0 }
      label.values.add(value)
      label.streams++
      labels.set(name, label)
    }
  }
  const rows = [...labels]
    .map(([name, { values, streams }]) => ({ name, values: values.size, streams }))
    .sort((a, b) => b.values - a.values || (a.name < b.name ? -1 : 1))
  const cells = rows.map(({ name, values, streams }) => [name, String(values), String(streams)])
  return [
    `Total Streams:  ${series.length}`,
    `Unique Labels:  ${labels.size}`,
    '',
    ...formatColumns([['Label Name', 'Unique Values', 'Found In Streams'], ...cells]),
  ]
}

function formatGuilty(labels: readonly CountedLabel[]): string[] {
  const guilty = labels.filter(({ isGuilty, isDemoted }) => isGuilty || isDemoted)
  if (guilty.length === 0) {
    const [largest] = labels
    const most = largest ? `: ${largest.label} has the most, ${largest.values}` : ''
    return [`No label has too many values today${most}`]
  }
  return guilty.flatMap(({ label, values, isDemoted, examples, clients }) => [
    `${label}: about ${values} values today${isDemoted ? ', kept as structured metadata' : ''}`,
    `  such as ${examples.join(', ')}`,
    ...clients.map(client => `  pushed by ${client}`),
    ...(isDemoted
      ? []
      : [`  to keep it as structured metadata: limits_config.demote_labels: [${label}]`]),
  ])
}
