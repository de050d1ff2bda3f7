// Evaluates one rule at one time: runs its query, and turns the samples into alerts or into samples with a name.

import { createLabelSet, formatLabelSet, type LabelSet } from '@skald/wire'
import { RuleResultError } from '../errors.ts'
import { ruleSamplesMax } from '../limits.ts'
import type { FoundAlert } from './alert-machine.ts'
import { type AlertingRule, labelsOfRule, type RecordingRule, type RuleGroup } from './rule.ts'
import { RuleTemplate, type TemplateSample } from './rule-template.ts'

/** A sample of a series for another server. */
export interface WrittenSample {
  readonly labels: LabelSet
  readonly timeMs: number
  readonly value: number
}

/** What evaluations need to know besides the rule. */
export interface RuleContext {
  readonly externalLabels: ReadonlyMap<string, string>
  readonly externalUrl: string
  /** Runs a query at one time. */
  readonly query: (logql: string, timeNs: bigint) => Promise<readonly TemplateSample[]>
}

/** The templates of a rule, parsed once. */
export interface AlertTemplates {
  readonly labels: readonly (readonly [string, RuleTemplate])[]
  readonly annotations: readonly (readonly [string, RuleTemplate])[]
}

/** @throws TemplateSyntaxError */
export function templatesOf(rule: AlertingRule, group: RuleGroup): AlertTemplates {
  const parse = (texts: ReadonlyMap<string, string>) =>
    [...texts].map(([name, text]) => [name, new RuleTemplate(rule.name, text)] as const)
  return { labels: parse(labelsOfRule(group, rule)), annotations: parse(rule.annotations) }
}

/** @throws RuleResultError if a rule has very many samples. */
function checkCount(samples: readonly unknown[], what: string): void {
  if (samples.length <= ruleSamplesMax) return
  throw new RuleResultError(
    `exceeded the store's limit of ${ruleSamplesMax} with ${samples.length} ${what}`,
  )
}

/** Runs the query of an alerting rule. @throws the query's errors; RuleResultError. */
export async function findAlerts(
  rule: AlertingRule,
  templates: AlertTemplates,
  context: RuleContext & { readonly timeNs: bigint; readonly nowNs: bigint },
): Promise<FoundAlert[]> {
  const { timeNs, nowNs, externalLabels, externalUrl } = context
  const samples = await context.query(rule.expr, timeNs)
  checkCount(samples, 'alerts')
  const query = (logql: string) => context.query(logql, nowNs)
  const found: FoundAlert[] = []
  for (const { labels, value } of samples) {
    const data = { labels, value, externalLabels, externalUrl, nowNs, query }
    const expand = async (texts: AlertTemplates['labels']) => {
      const pairs: (readonly [string, string])[] = []
      for (const [name, template] of texts) pairs.push([name, await template.expand(data)])
      return pairs
    }
    const own = labels.filter(({ name }) => name !== '__name__')
    const pairs = own.map(label => [label.name, label.value] as const)
    const added = await expand(templates.labels)
    found.push({
      labels: createLabelSet([...pairs, ...added, ['alertname', rule.name]]),
      annotations: createLabelSet(await expand(templates.annotations)),
      value,
    })
  }
  return found
}

/** Runs the query of a recording rule. @throws the query's errors; RuleResultError. */
export async function findSeries(
  rule: RecordingRule,
  group: RuleGroup,
  context: RuleContext & { readonly timeNs: bigint },
): Promise<WrittenSample[]> {
  const { timeNs } = context
  const samples = await context.query(rule.expr, timeNs)
  checkCount(samples, 'series')
  const added = [...labelsOfRule(group, rule)]
  const timeMs = Number(timeNs / 1_000_000n)
  const seen = new Set<string>()
  const written = samples.map(({ labels, value }) => {
    const pairs = labels.map(label => [label.name, label.value] as const)
    const all = createLabelSet([...pairs, ['__name__', rule.name], ...added])
    const key = formatLabelSet(all)
    if (seen.has(key)) {
      throw new RuleResultError(
        'vector contains metrics with the same labelset after applying rule labels',
      )
    }
    seen.add(key)
    return { labels: all, timeMs, value }
  })
  if (group.limit > 0 && written.length > group.limit)
    throw new RuleResultError(`exceeded limit of ${group.limit} with ${written.length} series`)
  return written
}
