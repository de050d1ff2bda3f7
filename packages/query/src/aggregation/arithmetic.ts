// Arithmetic on single numbers, for binary operations.

import type { BinaryOp } from './binary-operators.ts'

/** Calculates with two numbers. Division or remainder by zero gives NaN. */
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

// Works like Go's math.Pow: 1 to any power is 1, and -1 to an infinite power is 1. JavaScript returns NaN.
function raise(base: number, exponent: number): number {
  if (base === 1) return 1
  if (base === -1 && !Number.isFinite(exponent) && !Number.isNaN(exponent)) return 1
  return base ** exponent
}
