// The regular expressions of a query, to judge what all of them together cost before any is compiled.

import type { VisitRegex } from '../stages/definition.ts'
import { visitFilterRegexes } from '../stages/label-filter.ts'
import { visitMatcherRegex } from '../stages/matcher-regex.ts'
import { definitionOf } from '../stages/stage-table.ts'
import type { Expr, LogExpr } from '../syntax-tree/ast.ts'
import { visitExprs } from '../syntax-tree/visit.ts'

/** Calls `visit` with each regular expression of a query. */
export function visitRegexes(expr: Expr, visit: VisitRegex): void {
  visitExprs(expr, node => {
    if (node.kind === 'log') visitLog(node, visit)
    if (node.kind === 'labelReplace') visit(node.pattern, { anchored: true })
    if (node.kind !== 'range') return
    visitLog(node.log, visit)
    for (const filter of node.unwrap?.filters ?? []) visitFilterRegexes(filter, visit)
  })
}

function visitLog({ matchers, stages }: LogExpr, visit: VisitRegex): void {
  for (const matcher of matchers) visitMatcherRegex(matcher, visit)
  for (const stage of stages) definitionOf(stage).regexes?.(stage, visit)
}
