// Functions over all samples of a window. The samples of a series are gathered once, and windows, which
// only move on, are runs of them.

import { type Buckets, folds, keptSamples } from './folds.ts'
import { pickRank } from './pick-rank.ts'
import type { Windows } from './windows.ts'

/** Samples of one series, and how many of them lie before each bucket. */
interface GatheredSamples {
  /** In the order of buckets; within a bucket in no certain one. */
  readonly values: Float64Array
  /** Bucket → index of its first sample; one more entry for the end. */
  readonly starts: Uint32Array
}

/** The same, each bucket's in the order of time. */
interface OrderedSamples extends GatheredSamples {
  /** Nanoseconds since any fixed instant. */
  readonly times: Float64Array
}

/** A function over windows of gathered samples. */
export interface OverSamples {
  readonly starts: Uint32Array
  /** Gives the samples from one index to another (left out), which never move back. */
  readonly resultOf: (from: number, to: number) => number
}

/** Bucket → samples before it. */
function startsOf({ count }: Buckets): Uint32Array {
  const starts = new Uint32Array(count.length + 1)
  for (let i = 0; i < count.length; i++) starts[i + 1] = starts[i]! + count[i]!
  return starts
}

function gatherValues(buckets: Buckets): GatheredSamples {
  const starts = startsOf(buckets)
  const values = new Float64Array(starts.at(-1)!)
  for (let i = 0; i < buckets.count.length; i++) {
    values.set(keptSamples(folds.values, buckets, i), starts[i])
  }
  return { values, starts }
}

function orderSamples(buckets: Buckets): OrderedSamples {
  const starts = startsOf(buckets)
  const times = new Float64Array(starts.at(-1)!)
  const values = new Float64Array(times.length)
  for (let i = 0; i < buckets.count.length; i++) {
    const list = keptSamples(folds.timedValues, buckets, i)
    const order = orderOf(list)
    const start = starts[i]!
    for (let sample = 0; sample < list.length / 2; sample++) {
      const from = order ? order[sample]! : 2 * sample
      values[start + sample] = list[from]!
      times[start + sample] = list[from + 1]!
    }
  }
  return { times, values, starts }
}

// Places of samples in the order of their times; `undefined` where they ascend already, as those of one
// stream do.
function orderOf(list: Float64Array): Uint32Array | undefined {
  let i = 3
  while (i < list.length && list[i]! >= list[i - 2]!) i += 2
  if (i >= list.length) return undefined
  const order = Uint32Array.from({ length: list.length / 2 }, (_, index) => index * 2)
  return order.sort((a, b) => list[a + 1]! - list[b + 1]! || a - b)
}

/** Visits the windows that have samples with the run of them. */
export function visitWindows(
  windows: Windows,
  starts: Uint32Array,
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
 * all numbers. Windows that lie apart are searched one by one; with the first that overlaps the one
 * before, ranks of all samples are made, so that a sample is not moved once for each window that it is in.
 */
export function quantileOver(q: number, buckets: Buckets): OverSamples {
  const { values, starts } = gatherValues(buckets)
  return { starts, resultOf: quantileOf(q, values) }
}

function quantileOf(q: number, values: Float64Array): OverSamples['resultOf'] {
  if (Number.isNaN(q)) return () => Number.NaN
  if (q < 0) return () => Number.NEGATIVE_INFINITY
  if (q > 1) return () => Number.POSITIVE_INFINITY
  let ranked: PickSample | undefined
  let end = 0
  return (from, to) => {
    if (from < end) ranked ??= pickByRank(values)
    end = to
    const pick = ranked ? ranked(from, to) : pickFrom(values.slice(from, to))
    const place = q * (to - from - 1)
    const lower = Math.floor(place)
    const upper = Math.min(to - from - 1, lower + 1)
    const weight = place - lower
    return pick(lower) * (1 - weight) + pick(upper) * weight
  }
}

type PickSample = (from: number, to: number) => (place: number) => number

function pickFrom(values: Float64Array): (place: number) => number {
  let nanCount = 0
  for (let i = 0; i < values.length; i++) {
    if (!Number.isNaN(values[i])) continue
    values[i] = values[nanCount]!
    values[nanCount++] = Number.NaN
  }
  return place => (place < nanCount ? Number.NaN : pickRank(values, nanCount, place))
}

// Counts of the samples in the window by rank stand in a binary indexed tree, so moving the window by a
// sample costs the logarithm of their number.
function pickByRank(values: Float64Array): PickSample {
  const isLess = (x: number, y: number) => x < y || (Number.isNaN(x) && !Number.isNaN(y))
  const byRank = Uint32Array.from(values.keys()).sort((i, j) => {
    if (isLess(values[i]!, values[j]!)) return -1
    return isLess(values[j]!, values[i]!) ? 1 : i - j
  })
  const rankOf = new Uint32Array(values.length)
  for (let rank = 0; rank < byRank.length; rank++) rankOf[byRank[rank]!] = rank
  const counts = createRankCounts(values.length)
  let first = 0
  let end = 0
  return (from, to) => {
    for (; end < to; end++) counts.add(rankOf[end]!, 1)
    for (; first < from; first++) counts.add(rankOf[first]!, -1)
    return place => values[byRank[counts.find(place)]!]!
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
export function rateCounterOver(rangeSeconds: number, buckets: Buckets): OverSamples {
  const samples = orderSamples(buckets)
  return { starts: samples.starts, resultOf: rateOf(rangeSeconds, samples) }
}

function rateOf(rangeSeconds: number, { times, values }: OrderedSamples): OverSamples['resultOf'] {
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
