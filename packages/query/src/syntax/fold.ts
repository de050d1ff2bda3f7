// Binary operations as they are put together while parsing: two numbers become one, and what can
// never be an operand is refused. The arithmetic of single numbers has its home here.

import { LogqlSyntaxError } from '../errors.ts'
import type { Expr, MetricExpr, VectorMatching } from '../syntax-tree/ast.ts'
import type { BinaryOp } from './operations.ts'

/** What stands between an operator and its right side. */
export interface BinaryModifier {
  readonly returnsBool: boolean
  readonly matching?: VectorMatching
}

const setOps = new Set<BinaryOp>(['or', 'and', 'unless'])
const comparisons = new Set<BinaryOp>(['==', '!=', '>', '>=', '<', '<='])

export function isSetOp(op: BinaryOp): boolean {
  return setOps.has(op)
}

export function isComparison(op: BinaryOp): boolean {
  return comparisons.has(op)
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

/** Compares two numbers by a comparison operator. */
export function compareNumbers(op: BinaryOp, left: number, right: number): boolean {
  switch (op) {
    case '==':
      return left === right
    case '!=':
      return left !== right
    case '>':
      return left > right
    case '>=':
      return left >= right
    case '<':
      return left < right
    default:
      return left <= right
  }
}

/** Calculates with two numbers; a division or a remainder by zero is NaN. */
export function calculate(op: BinaryOp, left: number, right: number): number {
  switch (op) {
    case '+':
      return left + right
    case '-':
      return left - right
    case '*':
      return left * right
    case '/':
      return right === 0 ? Number.NaN : left / right
    case '%':
      return right === 0 ? Number.NaN : left % right
    default:
      return raise(left, right)
  }
}

// Go's math.Pow: 1 to any power is 1, and so is -1 to an infinite one, where JavaScript says NaN.
function raise(base: number, exponent: number): number {
  if (base === 1) return 1
  if (base === -1 && !Number.isFinite(exponent) && !Number.isNaN(exponent)) return 1
  return base ** exponent
}
