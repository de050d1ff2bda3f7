// Runs unit tests of rules.

import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { ConfigError } from '@skald/config-reading'
import { formatPrometheusDuration, nsPerMs } from '@skald/go-dialect'
import { createLinesSource } from '@skald/store/lines-source'
import type { RuleGroup } from '@skald/store/rule'
import { readRuleFile } from '@skald/store/rule-file'
import { runRuleQuery } from '@skald/store/rule-query'
import { RuleTrial } from '@skald/store/rule-trial'
import { createLabelSet, formatLabelSet, type LabelSet } from '@skald/wire'
import type { Terminal } from '../terminal.ts'
import { type AlertTest, type RuleTest, readRuleTests, type SampleTest } from './rule-test-file.ts'

/** Runs the tests of files. Returns 1 if one fails. @throws ConfigError if a file cannot be used. */
export async function runRuleTests(paths: readonly string[], terminal: Terminal): Promise<number> {
  let exitCode = 0
  for (const path of paths) {
    const file = readRuleTests(readFileSync(path, 'utf8'), path)
    const groups = file.ruleFiles.flatMap(name => readGroups(resolve(dirname(path), name)))
    const failures: string[] = []
    for (const [i, test] of file.tests.entries()) {
      const name = test.name === '' ? `test ${i + 1}` : test.name
      const found = await runTest(test, groups, file.intervalMs)
      failures.push(...found.map(failure => `  ${name}: ${failure}`))
    }
    if (failures.length > 0) exitCode = 1
    const outcome = failures.length === 0 ? 'SUCCESS' : 'FAILED'
    terminal.stdout.write([`${path}: ${outcome}`, ...failures, ''].join('\n'))
  }
  return exitCode
}

function readGroups(path: string): readonly RuleGroup[] {
  const { groups, problems } = readRuleFile(readFileSync(path, 'utf8'))
  if (problems.length > 0) throw new ConfigError({ path, problems })
  return groups
}

/** Evaluates the rules from time 0 on, and compares. Returns the differences. */
async function runTest(
  test: RuleTest,
  groups: readonly RuleGroup[],
  intervalMs: number,
): Promise<string[]> {
  const source = createLinesSource(test.streams)
  const { signal } = new AbortController()
  const query = (logql: string, timeNs: bigint) => runRuleQuery({ logql, timeNs, source, signal })
  const { externalLabels, externalUrl } = test
  const trial = new RuleTrial(groups, { externalLabels, externalUrl, query })
  const failures: string[] = []
  const ofRules = [...test.alertTests, ...test.recordTests]
  const endMs = Math.max(0, ...ofRules.map(({ timeMs }) => timeMs))
  for (let timeMs = 0; timeMs <= endMs; timeMs += intervalMs) {
    await trial.evaluate(timeMs)
    // A test between two evaluations sees the earlier one.
    const isNow = (one: { readonly timeMs: number }) =>
      one.timeMs >= timeMs && one.timeMs < timeMs + intervalMs
    for (const one of test.alertTests.filter(isNow)) failures.push(...compareAlerts(one, trial))
    for (const one of test.recordTests.filter(isNow)) failures.push(...compareRecords(one, trial))
  }
  for (const one of test.exprTests) {
    try {
      const samples = await query(one.subject, BigInt(one.timeMs) * nsPerMs)
      failures.push(...compareSamples(one, samples))
    } catch (error) {
      failures.push(`${one.subject}: ${(error as Error).message}`)
    }
  }
  return failures
}

function compareAlerts(test: AlertTest, trial: RuleTrial): string[] {
  const { alertname, expected, timeMs } = test
  const rules = trial.status.filter(({ rule }) => rule.kind === 'alert' && rule.name === alertname)
  const errors = rules.flatMap(({ error }) => (error ? [`${alertname}: ${error.message}`] : []))
  const found = rules
    .flatMap(({ alerts }) => alerts)
    .filter(({ state }) => state === 'firing')
    .map(({ labels, annotations }) => describeAlert(labels, annotations))
  const wanted = expected.map(({ labels, annotations }) => {
    const pairs = labels.map(({ name, value }) => [name, value] as const)
    return describeAlert(createLabelSet([...pairs, ['alertname', alertname]]), annotations)
  })
  const head = `alertname: ${alertname}, time: ${timeText(timeMs)}`
  return [...errors, ...compare(head, wanted, found)]
}

function compareRecords(test: SampleTest, trial: RuleTrial): string[] {
  const rules = trial.status.filter(
    ({ rule }) => rule.kind === 'record' && rule.name === test.subject,
  )
  const errors = rules.flatMap(({ error }) => (error ? [`${test.subject}: ${error.message}`] : []))
  return [
    ...errors,
    ...compareSamples(
      test,
      rules.flatMap(({ samples }) => samples),
    ),
  ]
}

function compareSamples(
  { subject, timeMs, expected }: SampleTest,
  samples: readonly { readonly labels: LabelSet; readonly value: number }[],
): string[] {
  const describe = ({ labels, value }: (typeof samples)[number]) =>
    `${formatLabelSet(labels.filter(({ name, value: own }) => !(name === '__name__' && own === subject)))} ${value}`
  return compare(
    `${subject}, time: ${timeText(timeMs)}`,
    expected.map(describe),
    samples.map(describe),
  )
}

function describeAlert(labels: LabelSet, annotations: LabelSet): string {
  return `labels ${formatLabelSet(labels)}, annotations ${formatLabelSet(annotations)}`
}

function compare(head: string, wanted: readonly string[], found: readonly string[]): string[] {
  const [a, b] = [wanted.toSorted(), found.toSorted()]
  if (a.length === b.length && a.every((text, i) => text === b[i])) return []
  const list = (texts: readonly string[]) =>
    texts.length === 0 ? 'nothing' : texts.map(text => `\n        ${text}`).join('')
  return [`${head}\n      expected: ${list(a)}\n      got: ${list(b)}`]
}

function timeText(ms: number): string {
  return formatPrometheusDuration(BigInt(ms) * nsPerMs)
}
