// Finds out what rows must contain to pass the stages of a pipeline.

import { neededTexts } from '@skald/go-dialect/regex/needed-texts'
import { parseRegex } from '@skald/go-dialect/regex/syntax'
import type { Matcher } from '@skald/wire'
import { compileFilterMatcher, listedValues, textsOfValues } from '../pipeline/label-regex.ts'
import { allOf, anyOf, type Need, plainCharacters } from '../pipeline/need.ts'
import { parsePatternFilter } from '../pipeline/pattern-expression.ts'
import type { LabelFilter } from '../tokens/label-filter-syntax.ts'
import { withoutIdleTerms } from './idle-terms.ts'
import { isAddress, type LineFilterStage, type LineFilterTerm } from './line-filter-syntax.ts'
import { changesLine, definitionOf, type Stage } from './stage-table.ts'

/**
 * Returns what a row must contain, or `undefined` if nothing is known. Looks at line filters up to
 * the first stage that changes lines, and at label filters up to the first stage that sets labels
 * to anything but parts of the line.
 */
export function needOf(stages: readonly Stage[]): Need | undefined {
  const needs: (Need | undefined)[] = []
  let hasParser = false
  let keepsLabels = true
  let isStoredLine = true
  for (const stage of stages) {
    const { keepsFields = false, parsesLine = false } = definitionOf(stage)
    // The new line of `unpack` is a part of the old one, like the labels it sets.
    const isUnpack = stage.kind === 'unpack'
    hasParser ||= parsesLine || isUnpack
    keepsLabels &&= keepsFields || isUnpack
    isStoredLine &&= !changesLine(stage)
    if (stage.kind === 'lineFilter' && isStoredLine) needs.push(lineNeed(stage))
    else if (stage.kind === 'labelFilter' && keepsLabels) {
      needs.push(labelNeed(stage.filter, hasParser))
    }
  }
  return allOf(needs)
}

function lineNeed(stage: LineFilterStage): Need | undefined {
  const { op } = stage
  if (op.startsWith('!')) return undefined
  return anyOf(
    withoutIdleTerms(stage).map(term => (isAddress(stage, term) ? undefined : termNeed(op, term))),
  )
}

function termNeed(op: LineFilterStage['op'], { value }: LineFilterTerm): Need | undefined {
  if (op === '|=') return textNeed(value)
  if (op === '|~') {
    const root = parseRegex(value)?.root
    return root && neededTexts(root)
  }
  return allOf(
    parsePatternFilter(value).map(part =>
      part.kind === 'literal' ? textNeed(part.text) : undefined,
    ),
  )
}

function textNeed(text: string): Need {
  return { kind: 'text', text, ignoresCase: false }
}

function labelNeed(filter: LabelFilter, hasParser: boolean): Need | undefined {
  switch (filter.kind) {
    case 'and':
      return allOf([labelNeed(filter.left, hasParser), labelNeed(filter.right, hasParser)])
    case 'or':
      return anyOf([labelNeed(filter.left, hasParser), labelNeed(filter.right, hasParser)])
    case 'matcher': {
      const { name, op } = filter.matcher
      // Errors are not in the line. A row without the label has the empty value.
      if ((op !== '=' && op !== '=~') || name.startsWith('__')) return undefined
      if (compileFilterMatcher(filter.matcher)('')) return undefined
      // A name that stream and row have in common gets this ending for the row.
      const bare = name.replace(/_extracted$/, '')
      return anyOf([
        { kind: 'stream-label', name },
        metadataNeed(name, filter.matcher),
        ...(bare === name ? [] : [metadataNeed(bare, filter.matcher)]),
        ...(hasParser ? [parsedNeed(filter.matcher)] : []),
      ])
    }
    default:
      return undefined
  }
}

const plainRuns = new RegExp(`${plainCharacters}+`, 'g')

/** What metadata of a name must be, so that a matcher accepts it. */
function metadataNeed(name: string, matcher: Matcher): Need | undefined {
  const values = matcher.op === '=' ? [matcher.value] : listedValues(matcher)
  if (!values) return { kind: 'metadata-name', name }
  return anyOf(values.map(value => ({ kind: 'metadata', name, value })))
}

/** What a line must contain so that a parser finds a value that a matcher accepts. */
function parsedNeed({ op, value }: Matcher): Need | undefined {
  const texts = op === '=~' ? textsOfValues(value) : textNeed(value)
  return anyOf([texts && plainNeed(texts), { kind: 'escape' }])
}

/** Returns what is needed of texts, but only of the characters that parsers take as they are. */
function plainNeed(need: Need): Need | undefined {
  switch (need.kind) {
    case 'text':
      return allOf((need.text.match(plainRuns) ?? []).map(text => ({ ...need, text })))
    case 'all':
      return allOf(need.of.map(plainNeed))
    case 'any':
      return anyOf(need.of.map(plainNeed))
    default:
      return undefined
  }
}
