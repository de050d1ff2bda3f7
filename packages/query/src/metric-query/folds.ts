// How samples fold into buckets, and buckets into windows: one row of a table for each kind of sum that
// range aggregations need. A bucket is a few numbers, so memory grows with series and steps and not
// with entries; only quantiles and counters keep their samples.

/** Numbers of one bucket or window: count of samples, and what the fold makes of them. */
export interface Cell {
  readonly count: number
  readonly a: number
  readonly b: number
}

/** Buckets of one series in columns. `a` and `b` are empty where the fold has no use for them. */
export interface Buckets {
  readonly count: Float64Array
  readonly a: Float64Array
  readonly b: Float64Array
  /** Bucket → times and values, alternating, for folds that keep samples. */
  readonly samples: (number[] | undefined)[]
}

export interface Fold {
  /** Columns beside the count. */
  readonly width: 0 | 1 | 2
  readonly keepsSamples: boolean
  /** Adds a sample; time is in nanoseconds since the grid's start. */
  add(buckets: Buckets, bucket: number, time: number, value: number): void
  /** Adds a line that gave no sample, for folds to which it matters. */
  addMissing?(buckets: Buckets, bucket: number): void
  /** Folds two parts of a window into one. */
  merge(x: Cell, y: Cell): Cell
}

const count: Fold = {
  width: 0,
  keepsSamples: false,
  add: (buckets, bucket) => {
    buckets.count[bucket]! += 1
  },
  merge: (x, y) => ({ count: x.count + y.count, a: 0, b: 0 }),
}

const sum: Fold = {
  width: 1,
  keepsSamples: false,
  add: ({ count: counts, a }, bucket, _time, value) => {
    counts[bucket]! += 1
    a[bucket]! += value
  },
  merge: (x, y) => ({ count: x.count + y.count, a: x.a + y.a, b: 0 }),
}

// `a` is the sum of the samples, `b` their count; `count` has lines without a sample as well.
const average: Fold = {
  width: 2,
  keepsSamples: false,
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

// NaN gives way to any number.
function extreme(isBetter: (x: number, y: number) => boolean): Fold {
  const pick = (x: number, y: number) => (isBetter(y, x) || Number.isNaN(x) ? y : x)
  return {
    width: 1,
    keepsSamples: false,
    add: ({ count: counts, a }, bucket, _time, value) => {
      a[bucket] = counts[bucket] === 0 ? value : pick(a[bucket]!, value)
      counts[bucket]! += 1
    },
    merge: (x, y) => ({ count: x.count + y.count, a: pick(x.a, y.a), b: 0 }),
  }
}

// Welford: `a` is the mean, `b` the sum of squared distances from it.
const moments: Fold = {
  width: 2,
  keepsSamples: false,
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

// `a` is the value, `b` its time. Among equal times the sample that came first stays.
function edge(isBefore: (x: number, y: number) => boolean): Fold {
  return {
    width: 2,
    keepsSamples: false,
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

const samples: Fold = {
  width: 0,
  keepsSamples: true,
  add: (buckets, bucket, time, value) => {
    buckets.count[bucket]! += 1
    const list = buckets.samples[bucket]
    if (list) list.push(time, value)
    else buckets.samples[bucket] = [time, value]
  },
  merge: count.merge,
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
  samples,
} as const
export type FoldName = keyof typeof folds

const none = new Float64Array(0)

/** Makes the empty buckets of a series. */
export function createBuckets(fold: Fold, bucketCount: number): Buckets {
  return {
    count: new Float64Array(bucketCount),
    a: fold.width > 0 ? new Float64Array(bucketCount) : none,
    b: fold.width > 1 ? new Float64Array(bucketCount) : none,
    samples: fold.keepsSamples ? new Array<number[] | undefined>(bucketCount).fill(undefined) : [],
  }
}

/** Folds the buckets of the same series from another scan into these. */
export function mergeBuckets(fold: Fold, into: Buckets, from: Buckets): void {
  for (let i = 0; i < from.count.length; i++) {
    if (from.count[i] === 0) continue
    if (into.count[i] === 0) setCell(into, i, cellAt(from, i))
    else setCell(into, i, fold.merge(cellAt(into, i), cellAt(from, i)))
    const list = from.samples[i]
    if (list) into.samples[i] = [...(into.samples[i] ?? []), ...list]
  }
}

export function cellAt({ count: counts, a, b }: Buckets, index: number): Cell {
  return { count: counts[index]!, a: a[index] ?? 0, b: b[index] ?? 0 }
}

function setCell(buckets: Buckets, index: number, cell: Cell): void {
  buckets.count[index] = cell.count
  if (buckets.a.length > 0) buckets.a[index] = cell.a
  if (buckets.b.length > 0) buckets.b[index] = cell.b
}
