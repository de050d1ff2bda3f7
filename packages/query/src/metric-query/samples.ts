// Functions over all samples of a window. The samples of a series are put in order once, and windows,
// which only move on, are runs of them.

import type { Buckets } from './folds.ts'
import type { Windows } from './windows.ts'

/** Samples of one series by time, and how many of them lie before each bucket. */
export interface OrderedSamples {
  /** Nanoseconds since any fixed instant. */
  readonly times: Float64Array
  readonly values: Float64Array
  /** Bucket → index of its first sample; one more entry for the end. */
  readonly starts: Uint32Array
}

/** Gives the samples from one index to another (left out), which never move back. */
export type OverSamples = (from: number, to: number) => number

/** Orders the samples that buckets have kept. */
export function orderSamples({ samples }: Buckets): OrderedSamples {
  const starts = new Uint32Array(samples.length + 1)
  for (const [i, list] of samples.entries()) starts[i + 1] = starts[i]! + (list?.length ?? 0) / 2
  const times = new Float64Array(starts.at(-1)!)
  const values = new Float64Array(times.length)
  let at = 0
  for (const list of samples) {
    if (!list) continue
    const order = Array.from({ length: list.length / 2 }, (_, i) => i * 2)
    order.sort((a, b) => list[a]! - list[b]!)
    for (const i of order) {
      times[at] = list[i]!
      values[at] = list[i + 1]!
      at++
    }
  }
  return { times, values, starts }
}

/** Visits the windows that have samples with the run of them. */
export function visitWindows(
  windows: Windows,
  { starts }: OrderedSamples,
  visit: (window: number, from: number, to: number) => void,
): void {
  for (let window = 0; window < windows.windowCount; window++) {
    const from = starts[windows.firstOf(window)]!
    const to = starts[windows.lastOf(window) + 1]!
    if (to > from) visit(window, from, to)
  }
}

/**
 * Quantile by linear interpolation between ranks; beyond 0 and 1 it is an infinity, and NaN comes before
 * all numbers. Counts of the samples in the window by rank stand in a binary indexed tree, so moving
 * the window by a sample costs the logarithm of their number.
 */
export function quantileOver(q: number, { values }: OrderedSamples): OverSamples {
  if (Number.isNaN(q)) return () => Number.NaN
  if (q < 0) return () => Number.NEGATIVE_INFINITY
  if (q > 1) return () => Number.POSITIVE_INFINITY
  const isLess = (x: number, y: number) => x < y || (Number.isNaN(x) && !Number.isNaN(y))
  const byRank = Uint32Array.from(values.keys()).sort((i, j) => {
    if (isLess(values[i]!, values[j]!)) return -1
    return isLess(values[j]!, values[i]!) ? 1 : i - j
  })
  const rankOf = new Uint32Array(values.length)
  for (const [rank, i] of byRank.entries()) rankOf[i] = rank
  const counts = createRankCounts(values.length)
  let first = 0
  let end = 0
  return (from, to) => {
    for (; end < to; end++) counts.add(rankOf[end]!, 1)
    for (; first < from; first++) counts.add(rankOf[first]!, -1)
    const place = q * (to - from - 1)
    const lower = Math.floor(place)
    const upper = Math.min(to - from - 1, lower + 1)
    const weight = place - lower
    const low = values[byRank[counts.find(lower)]!]!
    const high = values[byRank[counts.find(upper)]!]!
    return low * (1 - weight) + high * weight
  }
}

// A binary indexed tree over ranks.
function createRankCounts(size: number): {
  add(rank: number, change: number): void
  find(place: number): number
} {
  const tree = new Int32Array(size + 1)
  const top = 2 ** Math.floor(Math.log2(Math.max(1, size)))
  return {
    add: (rank, change) => {
      for (let i = rank + 1; i <= size; i += i & -i) tree[i]! += change
    },
    // Rank of the sample with a number of others in front of it.
    find: place => {
      let rank = 0
      let left = place
      for (let step = top; step > 0; step >>= 1) {
        if (rank + step <= size && tree[rank + step]! <= left) {
          rank += step
          left -= tree[rank]!
        }
      }
      return rank
    },
  }
}

/**
 * Rate of a counter per second, as Prometheus extrapolates it: resets are added up, and the increase is
 * stretched where the window begins before the first sample. As in Loki the two times are in different
 * units (samples in microseconds, the range in seconds), so it is hardly ever stretched.
 */
export function rateCounterOver(
  rangeSeconds: number,
  { times, values }: OrderedSamples,
): OverSamples {
  // Sums of what was lost by resets, up to each sample.
  const lost = new Float64Array(values.length)
  for (let i = 1; i < values.length; i++) {
    const isReset = values[i]! < values[i - 1]!
    lost[i] = lost[i - 1]! + (isReset ? values[i - 1]! : 0)
  }
  return (from, to) => {
    const last = to - 1
    if (last === from) return 0
    const first = values[from]!
    const increase = values[last]! - first + (lost[last]! - lost[from]!)
    const sampled = (times[last]! - times[from]!) / 1000
    const average = sampled / (last - from)
    let toStart = Math.trunc(rangeSeconds * 1000) / 1000
    if (increase > 0 && first >= 0) toStart = Math.min(toStart, sampled * (first / increase))
    const stretched = sampled + (toStart < average * 1.1 ? toStart : average / 2)
    return (increase * (stretched / sampled)) / rangeSeconds
  }
}
