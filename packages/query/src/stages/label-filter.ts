// Label filters: text matchers, comparisons of numbers, durations and sizes, and IP addresses.

import { parseBytes, parseDurationNs, parseFloatText } from '@skald/go-dialect/number/conversions'
import { compileMatcher } from '@skald/wire/compile-matcher'
import { type CompareOp, compareNumbers } from '../pipeline/compare-numbers.ts'
import { findIp } from '../pipeline/ip.ts'
import { parseIpRange } from '../pipeline/ip-range.ts'
import { compileFilterMatcher, passesEverything } from '../pipeline/label-regex.ts'
import { errorLabel } from '../pipeline/labels.ts'
import type { RunStage } from '../pipeline/stage.ts'
import {
  formatLabelFilter,
  type LabelFilter,
  parseLabelFilter,
  visitConditions,
} from '../tokens/label-filter-syntax.ts'
import type { NamedMatcher, StageDefinition, VisitRegex } from './definition.ts'
import { visitMatcherRegex } from './matcher-regex.ts'

const labelFilterError = 'LabelFilterErr'

export interface LabelFilterStage {
  readonly kind: 'labelFilter'
  readonly filter: LabelFilter
}

export const labelFilterStage: StageDefinition<LabelFilterStage> = {
  kind: 'labelFilter',
  begins: ['IDENTIFIER', '('],
  parse: reader => ({ kind: 'labelFilter', filter: parseLabelFilter(reader) }),
  format: ({ filter }, style) => `| ${formatLabelFilter(filter, style)}`,
  checkParsed({ filter }) {
    visitConditions(filter, condition => {
      if (condition.kind === 'matcher') compileMatcher(condition.matcher)
    })
  },
  checkBuilt({ filter }) {
    visitConditions(filter, condition => {
      if (condition.kind === 'ip') parseIpRange(condition.pattern)
    })
  },
  regexes: ({ filter }, visit) => visitFilterRegexes(filter, visit),
  matchers: ({ filter }) => matchersOfFilter(filter, ''),
  compile: ({ filter }) => compileLabelFilter(filter),
  addNeeds(names, { filter }) {
    addFilterNeeds(names, filter)
    return true
  },
  keepsFields: true,
  holdsFilters: true,
  readsOnlyLabels: ({ filter }) => isTextual(filter),
}

/** Returns true if a filter compares only texts. Number comparisons may set errors, which belong to a line. */
export function isTextual(filter: LabelFilter): boolean {
  if (filter.kind === 'and' || filter.kind === 'or') {
    return isTextual(filter.left) && isTextual(filter.right)
  }
  return filter.kind === 'matcher'
}

/** Calls `visit` with each regular expression of a filter. */
export function visitFilterRegexes(filter: LabelFilter, visit: VisitRegex): void {
  visitConditions(filter, condition => {
    if (condition.kind === 'matcher') visitMatcherRegex(condition.matcher, visit)
  })
}

/** Returns the matchers of a filter. `expected` is what the grammar expects at the place of the first. */
export function matchersOfFilter(filter: LabelFilter, expected: string): NamedMatcher[] {
  if (filter.kind === 'matcher') return [{ matcher: filter.matcher, expected }]
  if (filter.kind !== 'and' && filter.kind !== 'or') return []
  return [
    ...matchersOfFilter(filter.left, expected),
    ...matchersOfFilter(filter.right, ', expecting IDENTIFIER or ('),
  ]
}

/** Adds the labels that a filter uses. */
export function addFilterNeeds(names: Set<string>, filter: LabelFilter): void {
  visitConditions(filter, condition => {
    if (condition.kind !== 'matcher') names.add(condition.name)
    else if (!passesEverything(condition.matcher)) names.add(condition.matcher.name)
  })
}

/** Compiles a filter on the labels of a line. */
export function compileLabelFilter(filter: LabelFilter): RunStage {
  switch (filter.kind) {
    case 'matcher': {
      const { name } = filter.matcher
      const test = compileFilterMatcher(filter.matcher)
      if (name === errorLabel) return ({ labels }) => test(labels.error)
      return ({ labels }) => test(labels.get(name) ?? '')
    }
    case 'number':
      return comparison(filter, parseFloatText, filter.value)
    case 'bytes':
      return comparison(filter, parseBytes, filter.value)
    case 'duration':
      return comparison(filter, parseDurationNs, Number(filter.valueNs))
    case 'ip':
      return addressFilter(filter)
    case 'and': {
      const left = compileLabelFilter(filter.left)
      const right = compileLabelFilter(filter.right)
      // Both sides run: a value on the right that cannot be compared is an error of the line either way.
      return line => {
        const passes = left(line)
        return right(line) && passes
      }
    }
    case 'or': {
      const left = compileLabelFilter(filter.left)
      const right = compileLabelFilter(filter.right)
      return line => left(line) || right(line)
    }
  }
}

// A line without the label does not pass. A line whose value cannot be compared passes, so that its error is
// visible. An earlier error is kept.
function comparison(
  { name, op }: { readonly name: string; readonly op: CompareOp },
  parse: (text: string) => number,
  wanted: number,
): RunStage {
  return ({ labels }) => {
    const text = labels.get(name)
    if (text === undefined) return false
    let value: number
    try {
      value = parse(text)
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
      if (labels.error === '') labels.setError(labelFilterError, error.message)
      return true
    }
    return compareNumbers(op, value, wanted)
  }
}

// Unlike numbers, addresses are not checked on a line with an error: it passes.
function addressFilter({ name, op, pattern }: Extract<LabelFilter, { kind: 'ip' }>): RunStage {
  const range = parseIpRange(pattern)
  return ({ labels }) => {
    if (labels.error !== '') return true
    const text = labels.get(name)
    if (text === undefined) return false
    return findIp(text, range) === (op === '=')
  }
}
