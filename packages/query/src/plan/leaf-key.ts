// The identity of a leaf: equal keys have equal results over the same data.

import type { Leaf } from './log-source.ts'

/** Writes a leaf as a text that is equal for equal leaves only. */
export function leafKey(leaf: Leaf): string {
  return JSON.stringify(leaf, exactValue)
}

// JSON writes infinities, NaN and -0 as other values. In one place of a leaf all values have one type, so
// that a text never meets a number there.
function exactValue(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value !== 'number') return value
  return Number.isFinite(value) && !Object.is(value, -0)
    ? value
    : Object.is(value, -0)
      ? '-0'
      : `${value}`
}
