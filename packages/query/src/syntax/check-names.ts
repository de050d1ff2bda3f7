// Names in matchers. Loki reads a query once more in its printed form, where a name that is not of ASCII
// letters, digits and underscores stands in quotes: a text where the grammar wants a name.

import { isLabelName, type Matcher } from '@skald/wire'
import { LogqlSyntaxError } from '../errors.ts'
import type { Expr, LabelFilter, Stage } from '../syntax-tree/ast.ts'
import { visitExprs } from '../syntax-tree/visit.ts'
import { formatLogql } from './printer.ts'

interface NamedMatcher {
  readonly matcher: Matcher
  /** What the grammar wants in its place, as errors tell it. */
  readonly expected: string
}

/**
 * Refuses a query with a matcher whose name cannot be printed.
 *
 * @throws LogqlSyntaxError with Loki's text.
 */
export function checkNames(expr: Expr): void {
  const matchers: NamedMatcher[] = []
  visitExprs(expr, node => {
    if (node.kind === 'log') collect(node.matchers, node.stages, matchers)
    if (node.kind !== 'range') return
    collect(node.log.matchers, node.log.stages, matchers)
    for (const filter of node.unwrap?.filters ?? []) {
      collectFilter(filter, ', expecting IDENTIFIER or (', matchers)
    }
  })
  const wrong = matchers.find(({ matcher }) => !isLabelName(matcher.name))
  if (!wrong) return
  const { name, op } = wrong.matcher
  const column = [...formatLogql(expr).split(`${name}${op}`)[0]!].length + 1
  throw new LogqlSyntaxError(`syntax error: unexpected STRING${wrong.expected}`, {
    line: 1,
    column,
  })
}

function collect(
  selector: readonly Matcher[],
  stages: readonly Stage[],
  found: NamedMatcher[],
): void {
  for (const [i, matcher] of selector.entries()) {
    found.push({ matcher, expected: `, expecting IDENTIFIER${i === 0 ? ' or }' : ''}` })
  }
  for (const stage of stages) {
    if (stage.kind === 'labelFilter') collectFilter(stage.filter, '', found)
    if (stage.kind !== 'drop' && stage.kind !== 'keep') continue
    for (const { matcher } of stage.picks) {
      if (matcher) found.push({ matcher, expected: ', expecting IDENTIFIER' })
    }
  }
}

function collectFilter(filter: LabelFilter, expected: string, found: NamedMatcher[]): void {
  if (filter.kind === 'matcher') found.push({ matcher: filter.matcher, expected })
  if (filter.kind !== 'and' && filter.kind !== 'or') return
  collectFilter(filter.left, expected, found)
  collectFilter(filter.right, ', expecting IDENTIFIER or (', found)
}
