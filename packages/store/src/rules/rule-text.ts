// Writes rules as YAML, with the keys and the order of Loki's answers.

import { formatPrometheusDuration, nsPerMs } from '@skald/go-dialect'
import { stringify } from 'yaml'
import type { Rule, RuleGroup } from './rule.ts'

/** Writes one group. */
export function formatGroup(group: RuleGroup): string {
  return write(groupObject(group))
}

/** Writes groups under the names of their namespaces. */
export function formatNamespaces(
  namespaces: Iterable<readonly [string, readonly RuleGroup[]]>,
): string {
  return write(new Map([...namespaces].map(([name, groups]) => [name, groups.map(groupObject)])))
}

/** Formats milliseconds as Prometheus does: `1m30s`. */
export function formatMs(ms: number): string {
  return formatPrometheusDuration(BigInt(ms) * nsPerMs)
}

function write(value: unknown): string {
  return stringify(value, { indent: 4, lineWidth: 0, aliasDuplicateObjects: false })
}

function groupObject({ name, intervalMs, queryOffsetMs, limit, labels, rules }: RuleGroup): object {
  return {
    name,
    ...(intervalMs > 0 && { interval: formatMs(intervalMs) }),
    ...(queryOffsetMs !== undefined && { query_offset: formatMs(queryOffsetMs) }),
    ...(limit > 0 && { limit }),
    rules: rules.map(ruleObject),
    ...(labels.size > 0 && { labels }),
  }
}

function ruleObject(rule: Rule): object {
  const { name, expr, labels } = rule
  const ownLabels = labels.size > 0 && { labels }
  if (rule.kind === 'record') return { record: name, expr, ...ownLabels }
  const { forMs, keepFiringMs, annotations } = rule
  return {
    alert: name,
    expr,
    ...(forMs > 0 && { for: formatMs(forMs) }),
    ...(keepFiringMs > 0 && { keep_firing_for: formatMs(keepFiringMs) }),
    ...ownLabels,
    ...(annotations.size > 0 && { annotations }),
  }
}
