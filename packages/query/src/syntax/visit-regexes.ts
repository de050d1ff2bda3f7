// The regular expressions of a query, to judge what all of them together cost before any is compiled.

import type { Matcher } from '@skald/wire'
import type { Expr, LabelFilter, LogExpr, Stage } from '../syntax-tree/ast.ts'
import { visitExprs } from '../syntax-tree/visit.ts'

/** `anchored`: it has to match whole texts. */
type Visit = (pattern: string, options: { readonly anchored: boolean }) => void

/** Calls `visit` with each regular expression of a query. */
export function visitRegexes(expr: Expr, visit: Visit): void {
  visitExprs(expr, node => {
    if (node.kind === 'log') visitLog(node, visit)
    if (node.kind === 'labelReplace') visit(node.pattern, { anchored: true })
    if (node.kind !== 'range') return
    visitLog(node.log, visit)
    for (const filter of node.unwrap?.filters ?? []) visitFilter(filter, visit)
  })
}

function visitLog({ matchers, stages }: LogExpr, visit: Visit): void {
  for (const matcher of matchers) visitMatcher(matcher, visit)
  for (const stage of stages) visitStage(stage, visit)
}

function visitStage(stage: Stage, visit: Visit): void {
  switch (stage.kind) {
    case 'regexp':
      visit(stage.pattern, { anchored: false })
      return
    case 'lineFilter':
      if (stage.op !== '|~' && stage.op !== '!~') return
      for (const { value } of stage.terms) visit(value, { anchored: false })
      return
    case 'labelFilter':
      visitFilter(stage.filter, visit)
      return
    case 'drop':
    case 'keep':
      for (const { matcher } of stage.picks) if (matcher) visitMatcher(matcher, visit)
      return
    case 'pattern':
    case 'json':
    case 'logfmt':
    case 'unpack':
    case 'lineFormat':
    case 'labelFormat':
    case 'decolorize':
      return
  }
}

function visitFilter(filter: LabelFilter, visit: Visit): void {
  if (filter.kind === 'and' || filter.kind === 'or') {
    visitFilter(filter.left, visit)
    visitFilter(filter.right, visit)
  } else if (filter.kind === 'matcher') visitMatcher(filter.matcher, visit)
}

function visitMatcher({ op, value }: Matcher, visit: Visit): void {
  if (op === '=~' || op === '!~') visit(value, { anchored: true })
}
