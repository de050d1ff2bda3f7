// Functions over all samples of a window.

/** A value and its time in nanoseconds since any fixed instant. */
export interface Sample {
  readonly time: number
  readonly value: number
}

/** Quantile by linear interpolation between ranks; beyond 0 and 1 it is an infinity. */
export function quantile(q: number, values: readonly number[]): number {
  if (values.length === 0 || Number.isNaN(q)) return Number.NaN
  if (q < 0) return Number.NEGATIVE_INFINITY
  if (q > 1) return Number.POSITIVE_INFINITY
  const sorted = Float64Array.from(values).sort()
  const rank = q * (sorted.length - 1)
  const lower = Math.floor(rank)
  const upper = Math.min(sorted.length - 1, lower + 1)
  const weight = rank - lower
  return sorted[lower]! * (1 - weight) + sorted[upper]! * weight
}

/**
 * Rate of a counter per second: resets are added up, and the increase is stretched to the window where
 * the first or last sample is near its border, as Prometheus does. The window counts from the first
 * sample's time minus the range to the last sample's.
 */
export function rateCounter(samples: readonly Sample[], rangeSeconds: number): number {
  const first = samples[0]
  const last = samples.at(-1)
  if (!first || !last || samples.length < 2) return 0
  let increase = last.value - first.value
  let previous = first.value
  for (const { value } of samples) {
    if (value < previous) increase += previous
    previous = value
  }
  // Times of samples count in whole milliseconds.
  const milliseconds = (time: number) => Math.floor(time / 1e6)
  const sampled = (milliseconds(last.time) - milliseconds(first.time)) / 1000
  const average = sampled / (samples.length - 1)
  let toStart = rangeSeconds
  const toEnd = 0
  if (increase > 0 && first.value >= 0) {
    toStart = Math.min(toStart, sampled * (first.value / increase))
  }
  const threshold = average * 1.1
  const stretched =
    sampled +
    (toStart < threshold ? toStart : average / 2) +
    (toEnd < threshold ? toEnd : average / 2)
  return (increase * (stretched / sampled)) / rangeSeconds
}
