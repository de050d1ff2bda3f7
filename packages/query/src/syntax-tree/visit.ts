// The one walk over an expression and those in it.

import type { Expr } from './ast.ts'

/** Calls `visit` with an expression and all that it is made of, each before its operands. */
export function visitExprs(expr: Expr, visit: (expr: Expr) => void): void {
  visit(expr)
  switch (expr.kind) {
    case 'aggregation':
    case 'labelReplace':
      visitExprs(expr.operand, visit)
      return
    case 'binary':
      visitExprs(expr.left, visit)
      visitExprs(expr.right, visit)
      return
    case 'log':
    case 'range':
    case 'literal':
    case 'vector':
      return
  }
}
