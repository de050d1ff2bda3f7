// Folds samples into buckets, and buckets into windows. The table has one row for each kind of sum that
// range aggregations need. A bucket is a few numbers, so memory grows with series and steps, not with
// entries. Only quantiles and counters keep their samples.

/** One bucket or window: the sample count, and the numbers its fold keeps. */
export interface Cell {
  readonly count: number
  readonly a: number
  readonly b: number
}

/** The buckets of one series, in columns. `a` and `b` are empty if the fold does not use them. */
export interface Buckets {
  readonly count: Float64Array
  readonly a: Float64Array
  readonly b: Float64Array
  /**
   * Bucket → its samples, for folds that keep them. Arrays may be longer than `count`. A sample takes
   * `sampleWidth` numbers: its value, then its time if times matter.
   */
  readonly samples: (Float64Array | undefined)[]
}

export interface Fold {
  /** Columns in addition to the count. */
  readonly width: 0 | 1 | 2
  /** Numbers kept for each sample. */
  readonly sampleWidth: 0 | 1 | 2
  /** Adds a sample. `time` is in nanoseconds since the start of the grid. */
  add(buckets: Buckets, bucket: number, time: number, value: number): void
  /** Adds a line without a sample, for folds that count those. */
  addMissing?(buckets: Buckets, bucket: number): void
  /** Merges two parts of a window. */
  merge(x: Cell, y: Cell): Cell
}

const count: Fold = {
  width: 0,
  sampleWidth: 0,
  add: (buckets, bucket) => {
    buckets.count[bucket]! += 1
  },
  merge: (x, y) => ({ count: x.count + y.count, a: 0, b: 0 }),
}

const sum: Fold = {
  width: 1,
  sampleWidth: 0,
  add: ({ count: counts, a }, bucket, _time, value) => {
    counts[bucket]! += 1
    a[bucket]! += value
  },
  merge: (x, y) => ({ count: x.count + y.count, a: x.a + y.a, b: 0 }),
}

// `a` is the sum of the samples and `b` their count. `count` also includes lines without a sample.
const average: Fold = {
  width: 2,
  sampleWidth: 0,
  add: ({ count: counts, a, b }, bucket, _time, value) => {
    counts[bucket]! += 1
    a[bucket]! += value
    b[bucket]! += 1
  },
  addMissing: ({ count: counts }, bucket) => {
    counts[bucket]! += 1
  },
  merge: (x, y) => ({ count: x.count + y.count, a: x.a + y.a, b: x.b + y.b }),
}

// Any number replaces NaN.
function extreme(isBetter: (x: number, y: number) => boolean): Fold {
  const pick = (x: number, y: number) => (isBetter(y, x) || Number.isNaN(x) ? y : x)
  return {
    width: 1,
    sampleWidth: 0,
    add: ({ count: counts, a }, bucket, _time, value) => {
      a[bucket] = counts[bucket] === 0 ? value : pick(a[bucket]!, value)
      counts[bucket]! += 1
    },
    merge: (x, y) => ({ count: x.count + y.count, a: pick(x.a, y.a), b: 0 }),
  }
}

// Welford's algorithm: `a` is the mean, `b` the sum of squared distances from it.
const moments: Fold = {
  width: 2,
  sampleWidth: 0,
  add: ({ count: counts, a, b }, bucket, _time, value) => {
    const n = counts[bucket]! + 1
    const delta = value - a[bucket]!
    counts[bucket] = n
    a[bucket]! += delta / n
    b[bucket]! += delta * (value - a[bucket]!)
  },
  merge: (x, y) => {
    const n = x.count + y.count
    const delta = y.a - x.a
    return {
      count: n,
      a: x.a + (delta * y.count) / n,
      b: x.b + y.b + (delta * delta * x.count * y.count) / n,
    }
  },
}

// `a` is the value, `b` its time. At equal times the sample added first wins.
function edge(isBefore: (x: number, y: number) => boolean): Fold {
  return {
    width: 2,
    sampleWidth: 0,
    add: ({ count: counts, a, b }, bucket, time, value) => {
      if (counts[bucket] === 0 || isBefore(time, b[bucket]!)) {
        a[bucket] = value
        b[bucket] = time
      }
      counts[bucket]! += 1
    },
    merge: (x, y) => {
      const kept = isBefore(y.b, x.b) ? y : x
      return { count: x.count + y.count, a: kept.a, b: kept.b }
    },
  }
}

const values: Fold = {
  width: 0,
  sampleWidth: 1,
  add: (buckets, bucket, _time, value) => {
    const at = buckets.count[bucket]!++
    samplesWithRoom(buckets, bucket, at + 1)[at] = value
  },
  merge: count.merge,
}

const timedValues: Fold = {
  width: 0,
  sampleWidth: 2,
  add: (buckets, bucket, time, value) => {
    const at = 2 * buckets.count[bucket]!++
    const list = samplesWithRoom(buckets, bucket, at + 2)
    list[at] = value
    list[at + 1] = time
  },
  merge: count.merge,
}

/** Samples a bucket has space for at first. */
const firstRoom = 16

function samplesWithRoom({ samples }: Buckets, bucket: number, least: number): Float64Array {
  const list = samples[bucket]
  if (list && list.length >= least) return list
  const larger = new Float64Array(list ? 2 * list.length : firstRoom)
  if (list) larger.set(list)
  samples[bucket] = larger
  return larger
}

export const folds = {
  count,
  sum,
  average,
  min: extreme((x, y) => x < y),
  max: extreme((x, y) => x > y),
  moments,
  first: edge((x, y) => x < y),
  last: edge((x, y) => x > y),
  values,
  timedValues,
} as const
export type FoldName = keyof typeof folds

const none = new Float64Array(0)
const noSamples: (Float64Array | undefined)[] = []

/** Creates the empty buckets of a series. */
export function createBuckets(fold: Fold, bucketCount: number): Buckets {
  return {
    count: new Float64Array(bucketCount),
    a: fold.width > 0 ? new Float64Array(bucketCount) : none,
    b: fold.width > 1 ? new Float64Array(bucketCount) : none,
    samples:
      fold.sampleWidth > 0
        ? new Array<Float64Array | undefined>(bucketCount).fill(undefined)
        : noSamples,
  }
}

/** Merges buckets that another scan found for the same series into these. */
export function mergeBuckets(fold: Fold, into: Buckets, from: Buckets): void {
  for (let i = 0; i < from.count.length; i++) {
    if (from.count[i] === 0) continue
    if (fold.sampleWidth > 0) into.samples[i] = joinSamples(fold, { into, from }, i)
    if (into.count[i] === 0) setCell(into, i, cellAt(from, i))
    else setCell(into, i, fold.merge(cellAt(into, i), cellAt(from, i)))
  }
}

function joinSamples(
  fold: Fold,
  { into, from }: { readonly into: Buckets; readonly from: Buckets },
  bucket: number,
): Float64Array | undefined {
  const added = keptSamples(fold, from, bucket)
  const own = keptSamples(fold, into, bucket)
  if (own.length === 0) return added
  const joined = new Float64Array(own.length + added.length)
  joined.set(own)
  joined.set(added, own.length)
  return joined
}

/** Returns the samples of a bucket, without unused space. */
export function keptSamples(
  { sampleWidth }: Fold,
  { count: counts, samples }: Buckets,
  bucket: number,
): Float64Array {
  return samples[bucket]?.subarray(0, sampleWidth * counts[bucket]!) ?? none
}

export function cellAt({ count: counts, a, b }: Buckets, index: number): Cell {
  return { count: counts[index]!, a: a[index] ?? 0, b: b[index] ?? 0 }
}

function setCell(buckets: Buckets, index: number, cell: Cell): void {
  buckets.count[index] = cell.count
  if (buckets.a.length > 0) buckets.a[index] = cell.a
  if (buckets.b.length > 0) buckets.b[index] = cell.b
}
