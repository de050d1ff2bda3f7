// The binary operators of metric queries.

import type { CompareOp } from '../pipeline/compare-numbers.ts'

/** How tightly an operator binds; the highest binds first. Only `^` groups to the right. */
export const binaryPrecedences = {
  or: 1,
  and: 2,
  unless: 2,
  '==': 3,
  '!=': 3,
  '>': 3,
  '>=': 3,
  '<': 3,
  '<=': 3,
  '+': 4,
  '-': 4,
  '*': 5,
  '/': 5,
  '%': 5,
  '^': 6,
} as const
export type BinaryOp = keyof typeof binaryPrecedences

export function isBinaryOp(text: string): text is BinaryOp {
  return Object.hasOwn(binaryPrecedences, text)
}

const setOps = new Set<BinaryOp>(['or', 'and', 'unless'])
const comparisons = new Set<BinaryOp>(['==', '!=', '>', '>=', '<', '<='] satisfies CompareOp[])

export function isSetOp(op: BinaryOp): boolean {
  return setOps.has(op)
}

export function isComparison(op: BinaryOp): op is CompareOp {
  return comparisons.has(op)
}
