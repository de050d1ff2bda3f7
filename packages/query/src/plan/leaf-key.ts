// The identity of a leaf: leaves with equal keys have equal results over the same data.

import type { Leaf } from './log-source.ts'

/** Returns a text that is equal only for equal leaves. */
export function leafKey(leaf: Leaf): string {
  return JSON.stringify(leaf, exactValue)
}

// JSON changes infinities, NaN and -0. All values at one place of a leaf have the same type, so these texts
// cannot clash with strings.
function exactValue(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value !== 'number') return value
  return Number.isFinite(value) && !Object.is(value, -0)
    ? value
    : Object.is(value, -0)
      ? '-0'
      : `${value}`
}
