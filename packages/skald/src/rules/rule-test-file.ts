// Reads files of unit tests for rules, in the form of `promtool test rules` with lines in the place of series.

import {
  ConfigError,
  parseYaml,
  readList,
  readNumber,
  readText,
  readTexts,
  type ValueReader,
  type YamlCursor,
} from '@skald/config-reading'
import { nsPerMs, parsePrometheusDuration } from '@skald/go-dialect'
import type { TrialStream } from '@skald/store/lines-source'
import { createLabelSet, type LabelSet, parseLabelSet } from '@skald/wire'
import { testLinesMax } from '../limits.ts'

/** A file of tests. */
export interface RuleTestFile {
  readonly ruleFiles: readonly string[]
  readonly intervalMs: number
  readonly tests: readonly RuleTest[]
}

/** Lines, and what rules make of them. */
export interface RuleTest {
  readonly name: string
  readonly externalLabels: ReadonlyMap<string, string>
  readonly externalUrl: string
  readonly streams: readonly TrialStream[]
  readonly alertTests: readonly AlertTest[]
  readonly recordTests: readonly SampleTest[]
  readonly exprTests: readonly SampleTest[]
}

/** The alerts that fire at a time. */
export interface AlertTest {
  readonly timeMs: number
  readonly alertname: string
  readonly expected: readonly { readonly labels: LabelSet; readonly annotations: LabelSet }[]
}

/** The samples of a query, or of a recording rule, at a time. */
export interface SampleTest {
  readonly timeMs: number
  /** A query, or the name of a rule. */
  readonly subject: string
  readonly expected: readonly { readonly labels: LabelSet; readonly value: number }[]
}

/** @throws ConfigError with every mistake and its place. */
export function readRuleTests(text: string, path: string): RuleTestFile {
  const { root, problems } = parseYaml(text, 'the file of tests')
  const read =
    problems.length > 0
      ? {}
      : root.record({
          rule_files: readTexts,
          evaluation_interval: readDuration,
          group_eval_order: readTexts,
          tests: readList(readTest),
        })
  if (problems.length > 0) throw new ConfigError({ path, problems })
  const { rule_files = [], evaluation_interval = 60_000, tests = [] } = read
  return { ruleFiles: rule_files, intervalMs: evaluation_interval, tests }
}

const readDuration: ValueReader<number> = cursor => {
  try {
    return Number(parsePrometheusDuration(cursor.scalarText ?? '') / nsPerMs)
  } catch (error) {
    return cursor.failAtKey((error as Error).message)
  }
}

const readTest: ValueReader<RuleTest> = cursor => {
  const read = cursor.record({
    name: readText,
    interval: readDuration,
    external_labels: readPairs,
    external_url: readText,
    input_lines: readList(readStream),
    alert_rule_test: readList(readAlertTest),
    record_rule_test: readList(at => readSampleTest(at, 'record')),
    logql_expr_test: readList(at => readSampleTest(at, 'expr')),
  })
  return {
    name: read.name ?? '',
    externalLabels: read.external_labels ?? new Map(),
    externalUrl: read.external_url ?? '',
    streams: read.input_lines ?? [],
    alertTests: read.alert_rule_test ?? [],
    recordTests: read.record_rule_test ?? [],
    exprTests: read.logql_expr_test ?? [],
  }
}

const readPairs: ValueReader<Map<string, string>> = cursor =>
  new Map(cursor.pairs().map(({ key, value }) => [key, value.scalarText ?? '']))

const readSet: ValueReader<LabelSet> = cursor => createLabelSet(readPairs(cursor)!)

/** Reads labels as Prometheus writes them: `{app="web"}`, or `name{app="web"}`. */
const readSelector: ValueReader<LabelSet> = cursor => {
  const [, name = '', labels = ''] = /^([a-zA-Z_:][\w:]*)?\s*(\{.*\})?$/s.exec(
    (cursor.scalarText ?? '').trim(),
  ) ?? [undefined, '', '-']
  try {
    const own = labels === '' ? [] : parseLabelSet(labels)
    const pairs = own.map(label => [label.name, label.value] as const)
    return createLabelSet([...pairs, ['__name__', name]])
  } catch (error) {
    return cursor.failAtKey(`not labels such as {app="web"}: ${(error as Error).message}`)
  }
}

const readStream: ValueReader<TrialStream> = cursor => {
  const read = cursor.record({ stream: readSelector, lines: readList(readLines) })
  if (read.stream === undefined) return cursor.fail(`${cursor.name} needs stream`)
  return { labels: read.stream, entries: (read.lines ?? []).flat() }
}

/** Reads `{at, line, times, every}`: a line that is there once or several times. */
const readLines: ValueReader<TrialStream['entries']> = cursor => {
  const read = cursor.record({
    at: readDuration,
    line: readText,
    times: readNumber,
    every: readDuration,
  })
  const { at = 0, line, times = 1, every = 60_000 } = read
  if (line === undefined) return cursor.fail(`${cursor.name} needs line`)
  if (!Number.isInteger(times) || times < 1 || times > testLinesMax)
    return cursor.fail(`times must be a whole number from 1 to ${testLinesMax}`)
  return Array.from({ length: times }, (_, i) => ({
    timeNs: BigInt(at + i * every) * nsPerMs,
    line,
  }))
}

const readAlertTest: ValueReader<AlertTest> = cursor => {
  const read = cursor.record({
    eval_time: readDuration,
    alertname: readText,
    exp_alerts: readList((at: YamlCursor) => {
      const found = at.record({ exp_labels: readSet, exp_annotations: readSet })
      return { labels: found.exp_labels ?? [], annotations: found.exp_annotations ?? [] }
    }),
  })
  if (read.alertname === undefined) return cursor.fail(`${cursor.name} needs alertname`)
  const { eval_time = 0, alertname, exp_alerts = [] } = read
  return { timeMs: eval_time, alertname, expected: exp_alerts }
}

function readSampleTest(cursor: YamlCursor, key: 'record' | 'expr'): SampleTest | undefined {
  const read = cursor.record({
    eval_time: readDuration,
    [key]: readText,
    exp_samples: readList((at: YamlCursor) => {
      const found = at.record({ labels: readSelector, value: readNumber })
      return { labels: found.labels ?? [], value: found.value ?? 0 }
    }),
  }) as {
    readonly eval_time?: number
    readonly exp_samples?: SampleTest['expected']
  } & Readonly<Partial<Record<typeof key, string>>>
  const subject = read[key]
  if (subject === undefined) return cursor.fail(`${cursor.name} needs ${key}`)
  return { timeMs: read.eval_time ?? 0, subject, expected: read.exp_samples ?? [] }
}
