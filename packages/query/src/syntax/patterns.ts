// The regular expressions of a query, to judge what all of them together cost before any is compiled.

import type { Matcher } from '@skald/wire'
import type { Expr, LabelFilter, LogExpr, Stage } from './ast.ts'

/** `anchored`: it has to match whole texts. */
type Visit = (pattern: string, options: { readonly anchored: boolean }) => void

/** Calls `visit` with each regular expression of a query. */
export function visitRegexes(expr: Expr, visit: Visit): void {
  switch (expr.kind) {
    case 'log':
      visitLog(expr, visit)
      return
    case 'range':
      visitLog(expr.log, visit)
      for (const filter of expr.unwrap?.filters ?? []) visitFilter(filter, visit)
      return
    case 'aggregation':
      visitRegexes(expr.operand, visit)
      return
    case 'binary':
      visitRegexes(expr.left, visit)
      visitRegexes(expr.right, visit)
      return
    case 'labelReplace':
      visit(expr.pattern, { anchored: true })
      visitRegexes(expr.operand, visit)
      return
    case 'literal':
    case 'vector':
      return
  }
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
