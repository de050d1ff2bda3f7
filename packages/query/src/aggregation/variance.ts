// The population variance.

/** Returns the variance of values. A single value has none, even if it is infinite or NaN. */
export function variance(values: readonly number[]): number {
  let mean = values[0]!
  let squares = 0
  for (let i = 1; i < values.length; i++) {
    const delta = values[i]! - mean
    mean += delta / (i + 1)
    squares += delta * (values[i]! - mean)
  }
  return squares / values.length
}
