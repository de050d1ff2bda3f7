// The state of rules and alerts as JSON, with the filters and pages of Prometheus.

import { createHash } from 'node:crypto'
import { formatLogql, parseLogql } from '@skald/query'
import { createLabelSet, labelSetToObject } from '@skald/wire'
import { RuleRequestError } from '../errors.ts'
import type { Alert } from './alert-machine.ts'
import type { GroupStatus, RuleStatus } from './group-status.ts'
import { labelsOfRule } from './rule.ts'

/** The parameters of a request. */
interface Filters {
  get(name: string): string
  getAll(name: string): string[]
}

/** Formats the groups that a request asks for. @throws RuleRequestError if a filter is not valid. */
export function formatRules(groups: readonly GroupStatus[], params: Filters): string {
  const type = params.get('type').toLowerCase()
  if (type !== '' && type !== 'alert' && type !== 'record')
    throw new RuleRequestError(`not supported value ${JSON.stringify(type)}`, 'RULE_FILTER')
  const setOf = (name: string) => new Set([...params.getAll(name), ...params.getAll(`${name}[]`)])
  const [files, names, rules] = ['file', 'rule_group', 'rule_name'].map(setOf)
  const passes = (set: Set<string> | undefined, value: string) => !set?.size || set.has(value)
  const hasAlerts = !readFlag(params.get('exclude_alerts'))
  const page = readPage(params)
  const sorted = groups.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
  const shown: object[] = []
  let next: string | undefined
  let isBefore = page.token !== ''
  for (const group of sorted) {
    const { placed } = group
    if (isBefore && tokenOf(group) === page.token) isBefore = false
    if (isBefore || !passes(files, placed.namespace) || !passes(names, placed.group.name)) continue
    const own = group.rules.filter(
      ({ rule }) => (type === '' || rule.kind === type) && passes(rules, rule.name),
    )
    if (own.length === 0) continue
    if (page.limit > 0 && shown.length === page.limit) {
      next = tokenOf(group)
      break
    }
    shown.push(groupJson({ ...group, rules: own }, hasAlerts))
  }
  if (isBefore)
    throw new RuleRequestError(
      `invalid group_next_token '${page.token}'. were rule groups changed?`,
      'RULE_FILTER',
    )
  return success({ groups: shown, ...(next !== undefined && { groupNextToken: next }) })
}

/** Formats all pending and firing alerts. */
export function formatAlerts(groups: readonly GroupStatus[]): string {
  const alerts = groups.flatMap(({ rules }) => rules.flatMap(rule => rule.alerts.map(alertJson)))
  return success({ alerts })
}

function success(data: object): string {
  return JSON.stringify({ status: 'success', data, errorType: '', error: '' })
}

function readFlag(text: string): boolean {
  if (text === '') return false
  if (/^(1|t|true)$/i.test(text)) return true
  if (/^(0|f|false)$/i.test(text)) return false
  throw new RuleRequestError(
    `error converting exclude_alerts: strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`,
    'RULE_FILTER',
  )
}

function readPage(params: Filters): { readonly limit: number; readonly token: string } {
  const text = params.get('group_limit')
  const token = params.get('group_next_token')
  if (text === '') {
    if (token === '') return { limit: 0, token }
    throw new RuleRequestError(
      'group_limit needs to be present in order to paginate over the groups',
      'RULE_FILTER',
    )
  }
  if (!/^[+-]?\d+$/.test(text))
    throw new RuleRequestError('group_limit needs to be a valid number', 'RULE_FILTER')
  if (Number(text) <= 0)
    throw new RuleRequestError('group_limit needs to be greater than 0', 'RULE_FILTER')
  return { limit: Number(text), token }
}

function nameOf({ placed }: GroupStatus): string {
  return `${placed.namespace};${placed.group.name}`
}

function tokenOf(group: GroupStatus): string {
  return createHash('sha1').update(nameOf(group)).digest('hex')
}

function groupJson(status: GroupStatus, hasAlerts: boolean): object {
  const { placed, intervalMs, evaluatedMs, seconds, rules } = status
  return {
    name: placed.group.name,
    file: placed.namespace,
    rules: rules.map(rule => ruleJson(status, rule, hasAlerts)),
    interval: intervalMs / 1000,
    limit: placed.group.limit,
    lastEvaluation: timeText(evaluatedMs),
    evaluationTime: seconds,
  }
}

function ruleJson({ placed }: GroupStatus, status: RuleStatus, hasAlerts: boolean): object {
  const { rule, health, lastError, evaluatedMs, seconds, alerts } = status
  const common = {
    name: rule.name,
    query: formatLogql(parseLogql(rule.expr)),
    labels: labelSetToObject(createLabelSet(labelsOfRule(placed.group, rule))),
    ...{ health, lastError, lastEvaluation: timeText(evaluatedMs), evaluationTime: seconds },
  }
  if (rule.kind === 'record') return { ...common, type: 'recording' }
  return {
    state: stateOf(status),
    ...common,
    duration: rule.forMs / 1000,
    keepFiringFor: rule.keepFiringMs / 1000,
    annotations: labelSetToObject(createLabelSet(rule.annotations)),
    alerts: hasAlerts ? alerts.map(alertJson) : [],
    type: 'alerting',
  }
}

function stateOf({ alerts, evaluatedMs }: RuleStatus): string {
  if (alerts.some(({ state }) => state === 'firing')) return 'firing'
  if (alerts.length > 0) return 'pending'
  return evaluatedMs === 0 ? 'unknown' : 'inactive'
}

function alertJson({ labels, annotations, state, activeMs, keptSinceMs, value }: Alert): object {
  return {
    labels: labelSetToObject(labels),
    annotations: labelSetToObject(annotations),
    state,
    activeAt: timeText(activeMs),
    ...(keptSinceMs > 0 && { keepFiringSince: timeText(keptSinceMs) }),
    value: exponentText(value),
  }
}

function timeText(ms: number): string {
  return ms === 0 ? '0001-01-01T00:00:00Z' : new Date(ms).toISOString()
}

/** Formats a number as Go does with `e`: at least two digits of exponent. */
function exponentText(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf'
  return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2')
}
