// Names in matchers. Loki reads a query once more in its printed form, where a name that is not of ASCII
// letters, digits and underscores stands in quotes: a text where the grammar wants a name.

import { isLabelName, type Matcher } from '@skald/wire'
import { LogqlSyntaxError } from '../errors.ts'
import type { NamedMatcher } from '../stages/definition.ts'
import { matchersOfFilter } from '../stages/label-filter.ts'
import { definitionOf, type Stage } from '../stages/stage-table.ts'
import type { Expr } from '../syntax-tree/ast.ts'
import { visitExprs } from '../syntax-tree/visit.ts'
import { formatLogql } from './printer.ts'

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
      matchers.push(...matchersOfFilter(filter, ', expecting IDENTIFIER or ('))
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
  for (const stage of stages) found.push(...(definitionOf(stage).matchers?.(stage) ?? []))
}
