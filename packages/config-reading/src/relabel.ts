// relabel_configs: Prometheus's rules that change labels, or drop what has them: found targets of the agent, and alerts and
// samples of the ruler.

import { createHash } from 'node:crypto'
import { type CompiledRegex, compileRegex } from '@skald/go-dialect/regex/regex'
import { toLower, toUpper } from '@skald/go-dialect/text/letter-case'
import { isLabelName } from '@skald/wire'
import { invalidLabelName, readList, readOneOf, readText } from './readers.ts'
import { parseYaml, type ValueReader, type YamlCursor } from './yaml-cursor.ts'

const actions = [
  ...['replace', 'keep', 'drop', 'keepequal', 'dropequal', 'hashmod', 'labelmap', 'labeldrop'],
  ...['labelkeep', 'lowercase', 'uppercase'],
] as const
type Action =
  | 'replace'
  | 'keep'
  | 'drop'
  | 'keepequal'
  | 'dropequal'
  | 'hashmod'
  | 'labelmap'
  | 'labeldrop'
  | 'labelkeep'
  | 'lowercase'
  | 'uppercase'

/** One rule, after checking. */
export interface RelabelRule {
  readonly action: Action
  readonly sourceLabels: readonly string[]
  readonly separator: string
  readonly regex: CompiledRegex
  readonly modulus: bigint
  readonly targetLabel: string
  readonly replacement: string
}

/**
 * Splits rules into those that need only a target's labels, and those that need file names: all from the
 * first rule that uses `filename`.
 */
export function partByFilename(rules: readonly RelabelRule[]): {
  readonly ofTarget: readonly RelabelRule[]
  readonly ofFile: readonly RelabelRule[]
} {
  const at = rules.findIndex(({ sourceLabels }) => sourceLabels.includes('filename'))
  return at < 0
    ? { ofTarget: rules, ofFile: [] }
    : { ofTarget: rules.slice(0, at), ofFile: rules.slice(at) }
}

/** Applies rules in order. Returns `undefined` if they drop what has the labels. */
export function relabel(
  labels: ReadonlyMap<string, string>,
  rules: readonly RelabelRule[],
): Map<string, string> | undefined {
  const result = new Map([...labels].filter(([, value]) => value !== ''))
  for (const rule of rules) if (!applyRule(rule, result)) return undefined
  return result
}

function setLabel(labels: Map<string, string>, name: string, value: string): void {
  if (value === '') labels.delete(name)
  else labels.set(name, value)
}

function applyRule(rule: RelabelRule, labels: Map<string, string>): boolean {
  const { regex, targetLabel, replacement } = rule
  const value = rule.sourceLabels.map(name => labels.get(name) ?? '').join(rule.separator)
  switch (rule.action) {
    case 'keep':
      return regex.test(value)
    case 'drop':
      return !regex.test(value)
    case 'keepequal':
      return (labels.get(targetLabel) ?? '') === value
    case 'dropequal':
      return (labels.get(targetLabel) ?? '') !== value
    case 'replace': {
      if (!regex.test(value)) return true
      const name = regex.replaceAll(value, targetLabel)
      if (isLabelName(name)) setLabel(labels, name, regex.replaceAll(value, replacement))
      return true
    }
    case 'lowercase':
      setLabel(labels, targetLabel, toLower(value))
      return true
    case 'uppercase':
      setLabel(labels, targetLabel, toUpper(value))
      return true
    case 'hashmod':
      setLabel(labels, targetLabel, String(hash(value) % rule.modulus))
      return true
    case 'labelmap':
      for (const [name, mapped] of [...labels]) {
        if (regex.test(name)) setLabel(labels, regex.replaceAll(name, replacement), mapped)
      }
      return true
    case 'labeldrop':
      for (const name of [...labels.keys()]) if (regex.test(name)) labels.delete(name)
      return true
    case 'labelkeep':
      for (const name of [...labels.keys()]) if (!regex.test(name)) labels.delete(name)
      return true
  }
}

function hash(value: string): bigint {
  return createHash('md5').update(value).digest().readBigUInt64BE(8)
}

const readAction: ValueReader<Action> = readOneOf(actions, { ignoreCase: true })

const readSourceLabel: ValueReader<string> = cursor => {
  const name = readText(cursor)
  if (name === undefined || isLabelName(name)) return name
  return cursor.fail(invalidLabelName(name))
}

const readModulus: ValueReader<bigint> = cursor => {
  const text = (readText(cursor) ?? '').replaceAll('_', '')
  if (cursor.isPlain && /^\d+$/.test(text)) return BigInt(text)
  // 0x10, 8.0 and 1e3 are whole numbers too.
  const value = cursor.isPlain && /^\d/.test(text) ? Number(text) : Number.NaN
  if (Number.isSafeInteger(value)) return BigInt(value)
  return cursor.failAtKey(
    `${cursor.name} must be a whole number above 0, found ${cursor.describe()}`,
  )
}

const readRegex: ValueReader<CompiledRegex> = cursor => {
  const text = readText(cursor) ?? ''
  try {
    return compileRegex(text, { anchored: true })
  } catch (error) {
    return cursor.failAtKey(`${cursor.name} ${text} does not compile: ${(error as Error).message}`)
  }
}

// A label name, or a template that can become one.
const targetTemplate = /^(?:[a-zA-Z_]|\$(?:\w+|\{\w+\}))(?:\w|\$(?:\w+|\{\w+\}))*$/

const defaults = { separator: ';', regex: '(.*)', replacement: '$1' } as const

const readRule: ValueReader<RelabelRule> = cursor => {
  const before = {
    source_labels: readList(readSourceLabel),
    separator: readText,
    regex: readRegex,
    modulus: readModulus,
    target_label: readText,
    replacement: readText,
    action: readAction,
  }
  const raw = cursor.record(before)
  const isWritten = (key: keyof typeof before) => cursor.get(key) !== undefined
  // A key set to its default counts as absent, because some charts write all keys.
  const given = (key: keyof typeof before) => {
    const value = cursor.get(key)
    if (value === undefined || value.isNull) return false
    if (key === 'separator' || key === 'replacement') return value.scalarText !== defaults[key]
    return key === 'modulus' ? raw.modulus !== 0n : true
  }
  /** Returns the value of a key. A key without a value is the empty string, not the default. */
  const textOf = (key: 'separator' | 'replacement') =>
    raw[key] ?? (isWritten(key) ? '' : defaults[key])
  const action = raw.action ?? (isWritten('action') ? undefined : 'replace')
  if (action === undefined) {
    return given('action') ? undefined : cursor.fail('relabel action cannot be empty: name one')
  }
  const fault = findFault(action, given, raw)
  if (fault) return cursor.fail(fault)
  return {
    action,
    sourceLabels: raw.source_labels ?? [],
    separator: textOf('separator'),
    regex: raw.regex ?? compileRegex(isWritten('regex') ? '' : defaults.regex, { anchored: true }),
    modulus: raw.modulus ?? 0n,
    targetLabel: raw.target_label ?? '',
    replacement: textOf('replacement'),
  }
}

type RuleKey =
  | 'source_labels'
  | 'separator'
  | 'regex'
  | 'modulus'
  | 'target_label'
  | 'replacement'
  | 'action'

/** Returns which keys an action lacks or must not have. */
function findFault(
  action: Action,
  given: (key: RuleKey) => boolean,
  raw: { target_label?: string; replacement?: string; modulus?: bigint },
): string | undefined {
  const needsTarget = !['keep', 'drop', 'labelmap', 'labeldrop', 'labelkeep'].includes(action)
  const target = raw.target_label ?? ''
  if (needsTarget && target === '') {
    return `relabel action ${action} requires target_label: name the label to set`
  }
  if (action === 'replace' && !targetTemplate.test(target)) {
    return `${JSON.stringify(target)} is invalid target_label for replace action`
  }
  if (needsTarget && action !== 'replace' && !isLabelName(target)) {
    return `${JSON.stringify(target)} is invalid target_label for ${action} action`
  }
  if (action === 'hashmod' && !raw.modulus) return 'relabel action hashmod requires a modulus'
  if ((action === 'lowercase' || action === 'uppercase') && given('replacement')) {
    return `replacement can not be set for ${action} action: remove it`
  }
  if (action === 'labelmap' && !targetTemplate.test(raw.replacement ?? '$1')) {
    return `${JSON.stringify(raw.replacement)} is invalid replacement for labelmap action: it must give a label name`
  }
  const others: RuleKey[] = ['separator', 'modulus', 'replacement']
  if (action === 'labeldrop' || action === 'labelkeep') {
    const extra = ([...others, 'source_labels', 'target_label'] as const).find(given)
    return extra && `${action} action takes only regex: remove ${extra}`
  }
  if (action === 'keepequal' || action === 'dropequal') {
    const extra = ([...others, 'regex'] as const).find(given)
    return extra && `${action} action takes only source_labels and target_label: remove ${extra}`
  }
  return undefined
}

/** Reads a list of relabel rules. */
export function readRelabelRules(cursor: YamlCursor): RelabelRule[] {
  return readList(readRule)(cursor) ?? []
}

/**
 * Reads rules from values that are parsed already. `report` is called with each mistake.
 */
export function readParsedRules(
  rules: readonly unknown[],
  report: (message: string) => void,
): RelabelRule[] {
  const { root, problems } = parseYaml(JSON.stringify(rules))
  const read = readRelabelRules(root)
  for (const { message } of problems) report(message)
  return read
}
