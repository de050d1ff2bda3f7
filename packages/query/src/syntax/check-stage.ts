// Checks the patterns and expressions inside one pipeline stage. Some errors belong to the parser and
// stand alone, the others name the stage, as in Loki.

import { compileRegex } from '@skald/go-dialect/regex/regex'
import { compileMatcher } from '@skald/wire/compile-matcher'
import { LogqlSyntaxError } from '../errors.ts'
import { parseIpRange } from '../pipeline/ip-range.ts'
import { parseJsonPath, parseLogfmtKey } from '../pipeline/json-path.ts'
import { parseLogqlTemplate } from '../pipeline/logql-template.ts'
import { parsePatternCaptures, parsePatternFilter } from '../pipeline/pattern-expression.ts'
import type { LabelFilter, LabelFormatItem, LineFilterTerm, Stage } from '../syntax-tree/ast.ts'
import { formatStage } from './printer.ts'

/**
 * Checks a stage; errors that Loki finds while it parses come with `phase` parse, the others (which
 * name the stage) with build.
 *
 * @throws LogqlSyntaxError
 */
export function checkStage(stage: Stage, phase: 'parse' | 'build'): void {
  try {
    if (phase === 'parse') checkParsed(stage)
    else checkBuilt(stage)
  } catch (error) {
    const why = (error as Error).message
    if (!(error instanceof SyntaxError)) throw error
    if (phase === 'parse') throw new LogqlSyntaxError(why, { cause: error })
    throw new LogqlSyntaxError(`stage '${formatStage(stage)}' : ${why}`, { cause: error })
  }
}

function checkParsed(stage: Stage): void {
  switch (stage.kind) {
    case 'regexp':
      checkRegexp(stage.pattern)
      return
    case 'pattern':
      prefixed('invalid pattern parser: ', () => parsePatternCaptures(stage.pattern))
      return
    case 'labelFilter':
      checkFilterPatterns(stage.filter)
      return
    case 'drop':
    case 'keep':
      for (const { matcher } of stage.picks) if (matcher) compileMatcher(matcher)
      return
    case 'lineFilter':
    case 'json':
    case 'logfmt':
    case 'unpack':
    case 'lineFormat':
    case 'labelFormat':
    case 'decolorize':
      return
  }
}

function checkBuilt(stage: Stage): void {
  switch (stage.kind) {
    case 'lineFilter':
      for (const term of stage.terms) checkTerm(stage, term)
      return
    case 'labelFilter':
      checkFilterAddresses(stage.filter)
      return
    case 'json':
      for (const { expression } of stage.extractions) parseJsonPath(expression)
      return
    case 'logfmt':
      for (const { expression } of stage.extractions) parseLogfmtKey(expression)
      return
    case 'lineFormat':
      prefixed('invalid line template: ', () => parseLogqlTemplate(stage.template, 'line'))
      return
    case 'labelFormat':
      checkLabelFormat(stage.items)
      return
    case 'regexp':
    case 'pattern':
    case 'unpack':
    case 'drop':
    case 'keep':
    case 'decolorize':
      return
  }
}

function prefixed<T>(prefix: string, check: () => T): T {
  try {
    return check()
  } catch (error) {
    throw new SyntaxError(prefix + (error as Error).message, { cause: error })
  }
}

function checkRegexp(pattern: string): void {
  prefixed('invalid regexp parser: ', () => {
    const { groupNames } = compileRegex(pattern)
    if (groupNames.every(name => name === undefined)) {
      throw new SyntaxError('at least one named capture must be supplied')
    }
  })
}

type LineFilterStage = Extract<Stage, { kind: 'lineFilter' }>

/**
 * Tells whether an operand of a line filter stands for addresses. In a chain of `|=` the text inside
 * `ip("...")` is searched for instead, as in Loki; behind `!=` each operand is a filter of its own.
 */
export function isAddress(
  { op, terms }: Pick<LineFilterStage, 'op' | 'terms'>,
  { kind }: LineFilterTerm,
): boolean {
  return kind === 'ip' && (terms.length === 1 || op.startsWith('!'))
}

function checkTerm({ op, terms }: LineFilterStage, term: LineFilterTerm): void {
  if (isAddress({ op, terms }, term)) {
    if (op !== '|=' && op !== '!=') throw new SyntaxError('ip: invalid operation')
    parseIpRange(term.value)
  } else if (op === '|~' || op === '!~') compileRegex(term.value)
  else if (op === '|>' || op === '!>') parsePatternFilter(term.value)
}

function checkFilterPatterns(filter: LabelFilter): void {
  walkFilter(filter, leaf => {
    if (leaf.kind === 'matcher') compileMatcher(leaf.matcher)
  })
}

function checkFilterAddresses(filter: LabelFilter): void {
  walkFilter(filter, leaf => {
    if (leaf.kind === 'ip') parseIpRange(leaf.pattern)
  })
}

function walkFilter(filter: LabelFilter, visit: (leaf: LabelFilter) => void): void {
  if (filter.kind === 'and' || filter.kind === 'or') {
    walkFilter(filter.left, visit)
    walkFilter(filter.right, visit)
  } else visit(filter)
}

function checkLabelFormat(items: readonly LabelFormatItem[]): void {
  const seen = new Set<string>()
  for (const { name } of items) {
    if (name === '__error__') throw new SyntaxError('__error__ cannot be formatted')
    if (seen.has(name)) {
      throw new SyntaxError(
        `multiple label name '${name}' not allowed in a single format operation`,
      )
    }
    seen.add(name)
  }
  for (const { kind, name, value } of items) {
    if (kind !== 'template') continue
    prefixed(`invalid template for label '${name}': `, () => parseLogqlTemplate(value, 'label'))
  }
}
