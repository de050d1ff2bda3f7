// Binary operations as they are put together while parsing: two numbers become one, and what can
// never be an operand is refused.

import { calculate } from '../aggregation/arithmetic.ts'
import type { VectorMatching } from '../aggregation/binary-op.ts'
import { type BinaryOp, isComparison, isSetOp } from '../aggregation/binary-operators.ts'
import { LogqlSyntaxError } from '../errors.ts'
import { compareNumbers } from '../pipeline/compare-numbers.ts'
import type { Expr, MetricExpr } from '../syntax-tree/ast.ts'

/** What stands between an operator and its right side. */
export interface BinaryModifier {
  readonly returnsBool: boolean
  readonly matching?: VectorMatching
}

/**
 * Joins two operands; two literals fold into one.
 *
 * @throws LogqlSyntaxError where an operand is a log query, or a literal of a set operation.
 */
export function createBinaryOperation(
  op: BinaryOp,
  left: Expr,
  right: Expr,
  modifier: BinaryModifier,
): MetricExpr {
  const refuseLog = (leg: string, expr: Expr & { kind: 'log' }): never => {
    const type = expr.stages.length > 0 ? 'PipelineExpr' : 'MatchersExpr'
    throw new LogqlSyntaxError(
      `unexpected type for ${leg} leg of binary operation (${op}): *syntax.${type}`,
    )
  }
  if (left.kind === 'log') return refuseLog('left', left)
  if (right.kind === 'log') return refuseLog('right', right)
  if (isSetOp(op)) {
    for (const [leg, expr] of [
      ['left', left],
      ['right', right],
    ] as const) {
      if (expr.kind !== 'literal') continue
      throw new LogqlSyntaxError(
        `unexpected literal for ${leg} leg of logical/set binary operation (${op}): ` +
          expr.value.toFixed(6),
      )
    }
  }
  if (left.kind === 'literal' && right.kind === 'literal') {
    return { kind: 'literal', value: foldNumbers(op, left.value, right.value) }
  }
  return { kind: 'binary', op, left, right, ...modifier }
}

function foldNumbers(op: BinaryOp, left: number, right: number): number {
  if (isComparison(op)) return compareNumbers(op, left, right) ? 1 : 0
  return calculate(op, left, right)
}
