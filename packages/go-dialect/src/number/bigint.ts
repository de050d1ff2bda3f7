// Minimum and maximum for bigints, which Math.min and Math.max do not accept.

/** Returns the smaller of two bigints. */
export function minBigint(a: bigint, b: bigint): bigint {
  if (b < a) return b
  return a
}

/** Returns the larger of two bigints. */
export function maxBigint(a: bigint, b: bigint): bigint {
  if (b > a) return b
  return a
}
