// `skald labels`: counts the values of each label, as `logcli series --analyze-labels` does, and names the labels
// that have too many, with those who push them.

import { parseArgs } from 'node:util'
import { nsPerMs } from '@skald/go-dialect'
import { UsageError } from './errors.ts'
import { readStore, type Server, storeOptions, storeOptionsUsage } from './server-address.ts'
import { readSince } from './since-flag.ts'
import type { Terminal } from './terminal.ts'

export const labelsUsage = `skald labels [options] ['{SELECTOR}']

  --guilty            only labels with very many values today, with examples and who pushes them
  --since DURATION    how far back to look (default 1h; --guilty is about today)
${storeOptionsUsage}
`

/** A label as the store counts it, see /skald/labels. */
interface CountedLabel {
  readonly label: string
  readonly values: number
  readonly isGuilty: boolean
  readonly isDemoted: boolean
  readonly examples: readonly string[]
  readonly clients: readonly string[]
}

/**
 * Runs the command. Returns the exit code: 1 if the store cannot be asked.
 *
 * @throws UsageError if an argument is not valid.
 */
export async function runLabelsCommand(
  argv: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const { selector, since, isGuilty, server } = readArguments(argv, terminal.env)
  const endNs = BigInt(Date.now()) * nsPerMs
  const params = new URLSearchParams({ start: String(endNs - since), end: String(endNs + 1n) })
  if (selector !== undefined) params.set('match[]', selector)
  const path = isGuilty ? '/skald/labels' : `/loki/api/v1/series?${params}`
  const answer = await ask(server, path, terminal)
  if (answer === undefined) return 1
  const lines = isGuilty
    ? formatGuilty(answer as readonly CountedLabel[])
    : formatCounts(answer as readonly Readonly<Record<string, string>>[])
  for (const line of lines) terminal.stdout.write(`${line}\n`)
  return 0
}

/** Returns the `data` of an answer, or `undefined` after saying on stderr why there is none. */
async function ask({ url, headers }: Server, path: string, terminal: Terminal): Promise<unknown> {
  let response: Response
  try {
    response = await fetch(`${url}${path}`, { headers })
  } catch (error) {
    const cause = (error as Error).cause as Error | undefined
    terminal.stderr.write(
      `Cannot ask ${url}: ${cause?.message ?? (error as Error).message}. Is a store running there?\n`,
    )
    return undefined
  }
  const text = await response.text()
  if (response.ok) return (JSON.parse(text) as { data?: unknown }).data ?? []
  terminal.stderr.write(`${url} answered ${response.status}: ${text.trim()}\n`)
  return undefined
}

/** Writes logcli's table. The label with the most values comes first. */
function formatCounts(series: readonly Readonly<Record<string, string>>[]): string[] {
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

function formatColumns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map(row => row[i]!.length)))
  return rows.map(row =>
    row
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join('  ')
      .trimEnd(),
  )
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

function readArguments(argv: readonly string[], env: Readonly<Record<string, string | undefined>>) {
  const { values, positionals } = parse(argv)
  const [selector, ...rest] = positionals
  if (rest.length > 0) {
    throw new UsageError('skald labels takes one selector, in quotes', { usage: labelsUsage })
  }
  if (values.guilty && selector !== undefined) {
    throw new UsageError('--guilty is about all streams, so it takes no selector', {
      usage: labelsUsage,
    })
  }
  const since = readSince(values.since, labelsUsage)
  const server = readStore(values, env, labelsUsage)
  return { selector, since, isGuilty: values.guilty, server }
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        guilty: { type: 'boolean', default: false },
        since: { type: 'string', default: '1h' },
        ...storeOptions,
      },
    })
  } catch (cause) {
    throw new UsageError((cause as Error).message, { usage: labelsUsage, cause })
  }
}
