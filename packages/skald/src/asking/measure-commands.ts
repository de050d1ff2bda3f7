// `skald stats`, `volume`, `patterns`, `fields` and `explain`: what there is, and what a query costs.

import { formatLogqlBytes } from '@skald/go-dialect'
import type { Command } from 'commander'
import { type AnswerStats, formatQueryStats } from '../query-stats.ts'
import type { Server } from '../server-address.ts'
import type { Terminal } from '../terminal.ts'
import {
  askCommand,
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
import { printLabels } from './entry-output.ts'
import { type AskParams, askJson } from './store-client.ts'
import { formatColumns } from './table.ts'

interface MeasureOptions extends StoreOptions, RangeOptions {
  readonly limit?: number
  readonly by?: readonly string[]
}

/** What a command is asked: the store, the query, and its range as parameters. */
interface Question {
  readonly server: Server
  readonly args: readonly string[]
  readonly options: MeasureOptions
  readonly range: { readonly start: string; readonly end: string }
}

/** One of these commands: its command line, and what it prints. */
interface Measure {
  readonly program: () => Command
  readonly answer: (question: Question) => Promise<readonly string[]>
}

const selector = (name: string, summary: string) =>
  withRange(askCommand(name, summary)).argument('<SELECTOR>', 'which streams, in quotes')
const logql = (name: string, summary: string) =>
  withRange(askCommand(name, summary)).argument('<LOGQL>', 'a query, in quotes')

/** The commands, by their names. */
export const measures: Readonly<Record<string, Measure>> = {
  stats: {
    program: () => withStore(selector('stats', 'Counts streams, lines and bytes of a selector.')),
    answer: async ({ server, args: [query], range }) => {
      const answer = await askJson<Record<'streams' | 'chunks' | 'bytes' | 'entries', number>>(
        server,
        '/loki/api/v1/index/stats',
        { query, ...range },
      )
      return formatColumns(
        [
          ['streams', answer.streams.toLocaleString('en')],
          ['blocks', answer.chunks.toLocaleString('en')],
          ['lines', answer.entries.toLocaleString('en')],
          ['bytes', formatLogqlBytes(answer.bytes)],
        ],
        [false, true],
      )
    },
  },
  volume: {
    program: () =>
      withStore(
        selector('volume', 'Says which streams have how many bytes, the largest first.')
          .option('--by <label>', 'add up by this label, and others given so', names)
          .option('--limit <n>', 'maximum number of rows (default 100)', wholeNumber()),
      ),
    answer: async ({ server, args: [query], range, options: { by, limit } }) => {
      const { data } = await askJson<{
        readonly data: {
          readonly result: readonly {
            readonly metric: Readonly<Record<string, string>>
            readonly value: readonly [number, string]
          }[]
        }
      }>(server, '/loki/api/v1/index/volume', {
        ...{ query, ...range, targetLabels: by?.join(',') },
        limit: limit === undefined ? undefined : String(limit),
      })
      const rows = data.result
        .map(({ metric, value }) => [printLabels(metric), Number(value[1])] as const)
        .sort(([, a], [, b]) => b - a)
        .map(([labels, bytes]) => [formatLogqlBytes(bytes), labels])
      return formatColumns([['bytes', 'labels'], ...rows], [true, false])
    },
  },
  patterns: {
    program: () =>
      withStore(
        logql(
          'patterns',
          'Finds what the lines of a query have in common, the most frequent first.',
        ).option('--limit <n>', 'maximum number of rows (default 50)', wholeNumber()),
      ),
    answer: async ({ server, args: [query], range, options: { limit = 50 } }) => {
      const { data } = await askJson<{
        readonly data: readonly {
          readonly level?: string
          readonly pattern: string
          readonly samples: readonly (readonly [number, number])[]
        }[]
      }>(server, '/loki/api/v1/patterns', { query, ...range })
      const rows = data
        .map(({ level = '', pattern, samples }) => {
          const lines = samples.reduce((sum, [, count]) => sum + count, 0)
          return { lines, cells: [lines.toLocaleString('en'), level, pattern] }
        })
        .sort((a, b) => b.lines - a.lines)
        .slice(0, limit)
      return formatColumns(
        [['lines', 'level', 'pattern'], ...rows.map(({ cells }) => cells)],
        [true],
      )
    },
  },
  fields: {
    program: () =>
      withStore(
        logql('fields', 'Finds the fields of a query’s lines, or the values of one.')
          .argument('[FIELD]', 'a field whose values to list')
          .option('--limit <n>', 'maximum number of rows (default 1000)', wholeNumber()),
      ),
    answer: async ({ server, args: [query, field], range, options: { limit = 1000 } }) => {
      const params: AskParams = { query, ...range, limit: String(limit) }
      if (field !== undefined) {
        const path = `/loki/api/v1/detected_field/${encodeURIComponent(field)}/values`
        const { values } = await askJson<{ readonly values?: readonly string[] | null }>(
          server,
          path,
          params,
        )
        return values ?? []
      }
      const { fields } = await askJson<{
        readonly fields?: readonly {
          readonly label: string
          readonly type: string
          readonly cardinality: number
          readonly parsers: readonly string[] | null
        }[]
      }>(server, '/loki/api/v1/detected_fields', params)
      const rows = (fields ?? []).map(({ label, type, cardinality, parsers }) => [
        ...[label, type, String(cardinality)],
        parsers?.join(', ') ?? 'metadata',
      ])
      return formatColumns([['field', 'type', 'values', 'from'], ...rows], [false, false, true])
    },
  },
  explain: {
    program: () =>
      withStore(
        logql('explain', 'Runs a query, and says what the store did to answer it.').option(
          '--limit <n>',
          'maximum number of lines (default 100)',
          wholeNumber(),
        ),
      ),
    answer: async ({ server, args: [query], range, options: { limit = 100 } }) => {
      const { data: text } = await askJson<{ readonly data?: string }>(
        server,
        '/loki/api/v1/format_query',
        { query },
      )
      const { data } = await askJson<{ readonly data: { readonly stats: AnswerStats } }>(
        server,
        '/loki/api/v1/query_range',
        { query, ...range, limit: String(limit), explain: 'true' },
      )
      return [text ?? query ?? '', '', ...formatQueryStats(data.stats)]
    },
  },
}

/**
 * Runs one of the commands. Returns the exit code.
 * @throws UsageError if an argument is not valid; AskError.
 */
export async function runMeasure(
  name: string,
  argv: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const { program, answer } = measures[name]!
  const command = parseArguments(program(), argv)
  const options = command.opts<MeasureOptions>()
  const { startNs, endNs } = readRange(options, command)
  const lines = await answer({
    server: readAskedStore(options, command, terminal),
    ...{ args: command.args, options },
    range: { start: String(startNs), end: String(endNs) },
  })
  for (const line of lines) terminal.stdout.write(`${line}\n`)
  return 0
}
