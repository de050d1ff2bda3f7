// How groups and their rules did at their last evaluation.

import { createLabelSet, formatLabelSet } from '@skald/wire'
import type { KeptAlert } from '../catalog/kept-rules.ts'
import type { Alert } from './alert-machine.ts'
import { labelsOfRule, type PlacedGroup, type Rule, type RuleGroup } from './rule.ts'

/** How an evaluation of a rule went. */
export interface RuleOutcome {
  readonly health: 'unknown' | 'ok' | 'err'
  readonly lastError: string
  /** 0 for never. */
  readonly evaluatedMs: number
  readonly seconds: number
}

/** Of a rule that was not evaluated yet. */
export const noOutcome: RuleOutcome = {
  ...{ health: 'unknown', lastError: '', evaluatedMs: 0, seconds: 0 },
}

/** How a rule did at its last evaluation. */
export interface RuleStatus extends RuleOutcome {
  readonly rule: Rule
  readonly alerts: readonly Alert[]
}

/** How a group did at its last evaluation. */
export interface GroupStatus {
  readonly placed: PlacedGroup
  readonly intervalMs: number
  readonly evaluatedMs: number
  readonly seconds: number
  readonly rules: readonly RuleStatus[]
}

/** How an evaluation of a group went, as it is stored. */
export interface GroupReport {
  readonly evaluatedMs: number
  readonly seconds: number
  /** By the keys of the rules. */
  readonly rules: Readonly<Record<string, RuleOutcome>>
}

/** How a group did, no matter which process has evaluated it. */
export interface StoredGroup {
  /** Absent until the first evaluation has ended. */
  readonly report: GroupReport | undefined
  readonly alerts: readonly KeptAlert[]
}

/** Returns a text for each rule of a group that names it in the stored state, also after the group has changed. */
export function ruleKeys(group: RuleGroup): string[] {
  const counts = new Map<string, number>()
  return group.rules.map(rule => {
    const labels = formatLabelSet(createLabelSet(labelsOfRule(group, rule)))
    const name = `${rule.kind} ${rule.name} ${labels}`
    const count = counts.get(name) ?? 0
    counts.set(name, count + 1)
    return count === 0 ? name : `${name} ${count}`
  })
}

/** Returns the status of a group from what is stored of it. */
export function storedStatus(
  placed: PlacedGroup,
  intervalMs: number,
  stored: StoredGroup | undefined,
): GroupStatus {
  const { report, alerts = [] } = stored ?? {}
  const byRule = Map.groupBy(alerts, ({ rule }) => rule)
  const keys = ruleKeys(placed.group)
  return {
    ...{ placed, intervalMs },
    evaluatedMs: report?.evaluatedMs ?? 0,
    seconds: report?.seconds ?? 0,
    rules: placed.group.rules.map((rule, i) => {
      const key = keys[i]!
      const own = (byRule.get(key) ?? []).flatMap(({ alert }) => {
        const parsed = JSON.parse(alert ?? 'null') as Alert | null
        return parsed && rule.kind === 'alert' && parsed.state !== 'inactive' ? [parsed] : []
      })
      const outcome = report && Object.hasOwn(report.rules, key) ? report.rules[key] : undefined
      // Every replica lists them in the same order.
      return { rule, ...(outcome ?? noOutcome), alerts: own.toSorted(compareAlerts) }
    }),
  }
}

function compareAlerts(a: Alert, b: Alert): number {
  if (a.activeMs !== b.activeMs) return a.activeMs - b.activeMs
  return formatLabelSet(a.labels) < formatLabelSet(b.labels) ? -1 : 1
}
