// Reads rules from YAML: a file of groups, or the one group of a request. Every mistake has its place and the words
// that Loki has for it.

import { type ConfigProblem, parseYaml, unknownKey, type YamlCursor } from '@skald/config-reading'
import { nsPerMs, parsePrometheusDuration } from '@skald/go-dialect'
import { parseLogql } from '@skald/query'
import { isLabelName } from '@skald/wire'
import type { AlertingRule, Rule, RuleGroup } from './rule.ts'
import { parseRuleTemplate } from './rule-template.ts'

/** The groups of a text, and what is wrong with it. */
export interface ReadRules {
  readonly groups: readonly RuleGroup[]
  /** Mistakes. If there are any, the groups cannot be used. */
  readonly problems: readonly ConfigProblem[]
  /** Rules that can be loaded and do not do what they seem to. */
  readonly doubts: readonly ConfigProblem[]
}

/** Reads a file of rules, as strictly as Loki does. */
export function readRuleFile(text: string): ReadRules {
  const { root, problems } = parseYaml(text, 'the file of rules')
  const reader = new RuleReader(true)
  if (problems.length > 0) return { groups: [], problems, doubts: [] }
  const groups: RuleGroup[] = []
  const names = new Set<string>()
  for (const { key, value } of root.pairs()) {
    if (key !== 'groups' && key !== 'namespace') {
      value.failAtKey(unknownKey(key, 'the file of rules', { known: ['groups'] }))
    }
    if (key !== 'groups') continue
    for (const [i, item] of value.items().entries()) {
      const group = reader.group(item)
      if (!group) continue
      if (group.name === '') item.fail(`group ${i}: Groupname must not be empty`)
      if (names.has(group.name))
        item.fail(`groupname: "${group.name}" is repeated in the same file`)
      names.add(group.name)
      groups.push(group)
    }
  }
  return { groups, problems: inOrder(problems), doubts: reader.doubts }
}

/** Reads the one group of a request. Unknown keys are ignored there, as Loki does. */
export function readRuleGroup(text: string): ReadRules {
  const { root, problems } = parseYaml(text, 'the rule group')
  if (problems.length > 0 || !root.isMap) {
    if (problems.length === 0) root.fail('the rule group must be a map')
    return { groups: [], problems, doubts: [] }
  }
  const reader = new RuleReader(false)
  const group = reader.group(root)
  if (group?.name === '') root.fail('group 0: Groupname must not be empty')
  return { groups: group ? [group] : [], problems: inOrder(problems), doubts: reader.doubts }
}

function inOrder(problems: readonly ConfigProblem[]): ConfigProblem[] {
  return problems.toSorted((a, b) => a.line - b.line)
}

const groupKeys = ['name', 'interval', 'query_offset', 'limit', 'labels', 'rules', 'source_tenants']
const ruleKeys = [...['record', 'alert', 'expr', 'for', 'keep_firing_for', 'labels', 'annotations']]

class RuleReader {
  readonly doubts: ConfigProblem[] = []
  readonly #isStrict: boolean

  constructor(isStrict: boolean) {
    this.#isStrict = isStrict
  }

  group(cursor: YamlCursor): RuleGroup | undefined {
    if (!cursor.isMap) return cursor.fail('a rule group must be a map with name and rules')
    this.#checkKeys(cursor, groupKeys)
    const name = textAt(cursor, 'name')
    const others = cursor.get('source_tenants')
    if (others && !others.isNull && others.items().length > 0) {
      others.failAtKey(
        'source_tenants: a rule reads the lines of its own tenant only; remove it, and write the rule for each tenant',
      )
    }
    const limit = cursor.get('limit')
    const rules = cursor.get('rules')?.items() ?? []
    return {
      name,
      intervalMs: durationAt(cursor, 'interval') ?? 0,
      queryOffsetMs: durationAt(cursor, 'query_offset'),
      limit: limit && !limit.isNull ? readLimit(limit) : 0,
      labels: textsAt(cursor, 'labels'),
      rules: rules.flatMap(rule => this.#rule(rule, name) ?? []),
    }
  }

  #checkKeys(cursor: YamlCursor, known: readonly string[]): void {
    if (!this.#isStrict) return
    for (const { key, value } of cursor.pairs()) {
      if (!known.includes(key)) value.failAtKey(unknownKey(key, cursor.name, { known }))
    }
  }

  #rule(cursor: YamlCursor, group: string): Rule | undefined {
    if (!cursor.isMap) return cursor.fail('a rule must be a map with alert or record, and expr')
    this.#checkKeys(cursor, ruleKeys)
    const before = cursor.problemCount
    const record = textAt(cursor, 'record')
    const alert = textAt(cursor, 'alert')
    const base = {
      expr: textAt(cursor, 'expr'),
      labels: textsAt(cursor, 'labels'),
      line: cursor.line,
    }
    const annotations = textsAt(cursor, 'annotations')
    const forMs = durationAt(cursor, 'for') ?? 0
    const keepFiringMs = durationAt(cursor, 'keep_firing_for') ?? 0
    if (cursor.problemCount > before) return undefined
    if (record !== '' && alert !== '')
      return cursor.fail("only one of 'record' and 'alert' must be set")
    if (record === '' && alert === '') return cursor.fail("one of 'record' or 'alert' must be set")
    this.#checkExpr(cursor, { expr: base.expr, record, alert, group })
    if (record !== '') {
      if (annotations.size > 0)
        cursor.get('annotations')?.failAtKey("invalid field 'annotations' in recording rule")
      if (forMs !== 0) cursor.get('for')?.failAtKey("invalid field 'for' in recording rule")
      if (keepFiringMs !== 0)
        cursor
          .get('keep_firing_for')
          ?.failAtKey("invalid field 'keep_firing_for' in recording rule")
      if (!/^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(record))
        cursor.get('record')?.fail(`invalid recording rule name: ${record}`)
    }
    checkLabels(cursor, 'labels')
    checkLabels(cursor, 'annotations')
    if (record !== '') return { kind: 'record', name: record, ...base }
    const rule = { kind: 'alert' as const, name: alert, ...base, forMs, keepFiringMs, annotations }
    checkTemplates(cursor, rule)
    return rule
  }

  #checkExpr(
    cursor: YamlCursor,
    { expr, record, alert, group }: Readonly<Record<'expr' | 'record' | 'alert' | 'group', string>>,
  ): void {
    const at = cursor.get('expr')
    if (expr === '') {
      ;(at ?? cursor).fail("field 'expr' must be set in rule")
      return
    }
    try {
      if (parseLogql(expr).kind !== 'log') return
      this.doubts.push(
        at!.remarkAtKey(
          'this query gives lines, not numbers, so every evaluation fails: count them, as in count_over_time({…}[5m])',
        ),
      )
    } catch (error) {
      const kind = record === '' ? 'alert' : 'record'
      const why = (error as Error).message.trimEnd()
      at?.fail(
        `could not parse expression for ${kind} '${record || alert}' in group '${group}': ${why}`,
      )
    }
  }
}

function textAt(cursor: YamlCursor, key: string): string {
  const value = cursor.get(key)
  if (!value || value.isNull) return ''
  const text = value.scalarText
  if (text === undefined) value.failAtKey(`${key} must be a text, found ${value.describe()}`)
  return text ?? ''
}

function textsAt(cursor: YamlCursor, key: string): ReadonlyMap<string, string> {
  const value = cursor.get(key)
  if (!value || value.isNull) return new Map()
  const pairs = value.pairs().map(pair => {
    const text = pair.value.isNull ? '' : pair.value.scalarText
    if (text === undefined)
      pair.value.failAtKey(`${pair.key} must be a text, found ${pair.value.describe()}`)
    return [pair.key, text ?? ''] as const
  })
  return new Map(pairs.toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

/** Reads a duration of Prometheus in milliseconds; `undefined` if it is not set. */
function durationAt(cursor: YamlCursor, key: string): number | undefined {
  const value = cursor.get(key)
  if (!value || value.isNull) return undefined
  const text = value.scalarText
  if (text === '0') return 0
  try {
    if (text !== undefined) return Number(parsePrometheusDuration(text) / nsPerMs)
  } catch {
    // Reported below, with the key's name.
  }
  return value.failAtKey(`${key}: not a valid duration string: ${JSON.stringify(text ?? '')}`)
}

function readLimit(cursor: YamlCursor): number {
  const value = Number(cursor.scalarText)
  if (Number.isInteger(value) && value >= 0) return value
  cursor.failAtKey(`limit must be a whole number from 0, found ${cursor.describe()}`)
  return 0
}

function checkLabels(cursor: YamlCursor, key: 'labels' | 'annotations'): void {
  for (const { key: name, value } of cursor.get(key)?.pairs() ?? []) {
    const isName = isLabelName(name) && !(key === 'labels' && name === '__name__')
    const what = key === 'labels' ? 'label' : 'annotation'
    if (!isName) value.failAtKey(`invalid ${what} name: ${name}`)
  }
}

function checkTemplates(cursor: YamlCursor, rule: AlertingRule): void {
  for (const what of ['label', 'annotation'] as const) {
    for (const [name, text] of rule[`${what}s`]) {
      try {
        parseRuleTemplate(rule.name, text)
      } catch (error) {
        const at = cursor.get(`${what}s`)?.get(name)
        at?.failAtKey(`${what} "${name}": ${(error as Error).message}`)
      }
    }
  }
}
