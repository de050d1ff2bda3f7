// The questions of the comparison: each in LogQL for Skald and Loki and in LogsQL for VictoriaLogs,
// so that both have the same answer. A question in LogsQL is written as its users would write it to
// be fast, such as with a word where LogQL has a substring.

import type { WorkloadSummary } from '../generator.ts'
import type { AnswerForm, Figures } from './figures.ts'
import { sumOf } from './figures.ts'

/** One question in both languages. */
export interface Question {
  readonly name: string
  readonly logql: {
    readonly route: 'query' | 'query_range'
    readonly query: string
    readonly params?: Readonly<Record<string, string>>
  }
  readonly logsql: {
    readonly query: string
    readonly params?: Readonly<Record<string, string>>
  }
  readonly form: AnswerForm
  /** How far figures may be apart, relative to each other. Zero if absent. */
  readonly tolerance?: number
  /** Returns what is wrong with an answer whoever gave it, or `undefined`. */
  readonly check: (figures: Figures) => string | undefined
}

/** The streams that LogQL's `{namespace=~".+"}` selects. */
const all = '{namespace!=""}'
/** Covers the hour and a second more on both sides, in LogQL's instant queries. */
const wholeHour = '[3602s]'
/**
 * VictoriaLogs picks a quantile from at most 10,000 of a group's values, and Loki interpolates
 * between two.
 */
const quantileTolerance = 0.03

/** Lists the questions about the main load. */
export function listQuestions(load: WorkloadSummary): Question[] {
  const { needle, lineCount, lineBytes } = load
  return [...searchQuestions(needle), ...countQuestions(lineCount, lineBytes)]
}

function searchQuestions(needle: string): Question[] {
  const first = { limit: '100' }
  const lines: AnswerForm = { kind: 'lines' }
  return [
    {
      name: 'needle that occurs once',
      logql: {
        ...{ route: 'query_range', params: first },
        query: `{namespace=~".+"} |= "${needle}"`,
      },
      logsql: { query: `${all} "${needle}"`, params: first },
      ...{ form: lines, check: hasSum(1) },
    },
    {
      name: 'needle that is not there',
      logql: {
        ...{ route: 'query_range', params: first },
        query: '{namespace=~".+"} |= "order-4294967296-never-placed"',
      },
      logsql: { query: `${all} "order-4294967296-never-placed"`, params: first },
      ...{ form: lines, check: hasSum(0) },
    },
    {
      name: 'needle in a JSON field',
      logql: {
        ...{ route: 'query_range', params: first },
        query: `{namespace=~".+"} | json | note="${needle}"`,
      },
      logsql: {
        query: `${all} "${needle}" | unpack_json fields (note) | filter note:="${needle}"`,
        params: first,
      },
      ...{ form: lines, check: hasSum(1) },
    },
    {
      name: 'regex with a literal',
      logql: {
        ...{ route: 'query_range', params: first },
        query: '{namespace=~".+"} |~ "order-[0-9]+-never-(shipped|placed)"',
      },
      logsql: { query: `${all} ~"order-[0-9]+-never-(shipped|placed)"`, params: first },
      ...{ form: lines, check: hasSum(1) },
    },
    {
      name: 'latest 100 lines',
      logql: {
        ...{ route: 'query_range', query: '{app="orders"}' },
        params: { ...first, direction: 'backward' },
      },
      logsql: { query: '{app="orders"}', params: first },
      ...{ form: lines, check: hasSum(100) },
    },
  ]
}

function countQuestions(lineCount: number, lineBytes: number): Question[] {
  const everyMinute = { step: '60s' }
  return [
    {
      name: 'count of a frequent word by app',
      logql: {
        route: 'query',
        query: `sum by (app) (count_over_time({namespace=~".+"} |= "error" ${wholeHour}))`,
      },
      logsql: { query: `${all} error | stats by (app) count() n` },
      form: { kind: 'sums', by: ['app'] },
      check: isNotEmpty,
    },
    {
      name: 'volume by level',
      logql: {
        ...{ route: 'query_range', params: everyMinute },
        query:
          'sum by (level, detected_level) ' +
          '(count_over_time({namespace=~".+"} | drop __error__ [1m]))',
      },
      logsql: {
        query:
          all +
          ' | extract_regexp `(?:,\\d{3} |level"?[=:]"?)(?P<level>[A-Za-z]+)` ' +
          '| stats by (_time:1m, level) count() n',
      },
      form: { kind: 'sums', by: ['level', 'detected_level'] },
      check: hasSum(lineCount),
    },
    {
      name: 'rate by app',
      logql: {
        ...{ route: 'query_range', params: everyMinute },
        query: 'sum by (app) (rate({namespace=~".+"}[1m]))',
      },
      logsql: { query: `${all} | stats by (_time:1m, app) count() n` },
      // Lines per second over a minute become lines.
      form: { kind: 'sums', by: ['app'], scale: 60 },
      check: hasSum(lineCount),
    },
    {
      name: 'logfmt quantile by caller',
      logql: {
        route: 'query',
        query:
          'quantile_over_time(0.99, {app=~"scheduler|mailer|prometheus"} | logfmt ' +
          `| unwrap duration(duration) ${wholeHour}) by (caller)`,
      },
      logsql: {
        query:
          '{app=~"scheduler|mailer|prometheus"} | unpack_logfmt fields (caller, duration) ' +
          '| stats by (caller) quantile(0.99, duration) n',
      },
      form: { kind: 'sums', by: ['caller'] },
      tolerance: quantileTolerance,
      check: isNotEmpty,
    },
    {
      name: 'top pods by bytes',
      logql: {
        route: 'query',
        query: `topk(10, sum by (pod) (bytes_over_time({namespace=~".+"}${wholeHour})))`,
      },
      logsql: {
        query: `${all} | stats by (pod) sum_len(_msg) n | sort by (n desc) limit 10`,
      },
      form: { kind: 'sums', by: ['pod'] },
      check: figures =>
        figures.size === 10 && sumOf(figures) < lineBytes
          ? undefined
          : `${figures.size} pods with ${sumOf(figures)} bytes`,
    },
  ]
}

/** Lists the questions about the traced load. */
export function listTracedQuestions({ needleTraceId }: WorkloadSummary): Question[] {
  return [
    {
      name: 'id in structured metadata',
      logql: {
        ...{ route: 'query_range', params: { limit: '100' } },
        query: `{cluster="traced"} | trace_id="${needleTraceId}"`,
      },
      logsql: {
        query: `{cluster="traced"} trace_id:="${needleTraceId}"`,
        params: { limit: '100' },
      },
      form: { kind: 'lines' },
      check: hasSum(1),
    },
  ]
}

function hasSum(expected: number): Question['check'] {
  return figures => {
    const sum = sumOf(figures)
    return Math.abs(sum - expected) < 0.5 ? undefined : `${sum} in all, expected ${expected}`
  }
}

function isNotEmpty(figures: Figures): string | undefined {
  return figures.size > 0 ? undefined : 'no results'
}
