// The arithmetic of single numbers, as binary operations have it.

import type { BinaryOp } from './binary-operators.ts'

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
