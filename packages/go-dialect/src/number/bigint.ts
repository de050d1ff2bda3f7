// Math.min and Math.max take no bigints.

/** The smaller of two whole numbers. */
export function minBigint(a: bigint, b: bigint): bigint {
  if (b < a) return b
  return a
}

/** The larger of two whole numbers. */
export function maxBigint(a: bigint, b: bigint): bigint {
  if (b > a) return b
  return a
}
