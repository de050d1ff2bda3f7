import fc from 'fast-check'
import { test } from 'tap'
import { createBuckets } from '../../src/aggregation/folds.ts'
import { aggregateWindows, foldOf } from '../../src/aggregation/range-aggregation.ts'
import { createWindows } from '../../src/aggregation/windows.ts'
import { parseLogql } from '../../src/syntax/parser.ts'
import type { RangeAggregation } from '../../src/syntax-tree/ast.ts'

interface Sample {
  readonly time: number
  readonly value: number
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
const variance = (values: readonly number[]) => {
  const mean = sum(values) / values.length
  return sum(values.map(value => (value - mean) ** 2)) / values.length
}

// Each function over the samples of a window, in the plainest way.
const plain: Readonly<Record<string, (samples: readonly Sample[], rangeS: number) => number>> = {
  count_over_time: samples => samples.length,
  sum_over_time: samples => sum(samples.map(s => s.value)),
  avg_over_time: samples => sum(samples.map(s => s.value)) / samples.length,
  min_over_time: samples => Math.min(...samples.map(s => s.value)),
  max_over_time: samples => Math.max(...samples.map(s => s.value)),
  first_over_time: samples => samples[0]!.value,
  last_over_time: samples => samples.at(-1)!.value,
  stdvar_over_time: samples => variance(samples.map(s => s.value)),
  stddev_over_time: samples => Math.sqrt(variance(samples.map(s => s.value))),
  rate: (samples, rangeS) => samples.length / rangeS,
  quantile_over_time: samples => {
    const sorted = samples.map(s => s.value).sort((a, b) => a - b)
    const place = 0.3 * (sorted.length - 1)
    const low = Math.floor(place)
    const high = Math.min(sorted.length - 1, low + 1)
    return sorted[low]! * (1 - (place - low)) + sorted[high]! * (place - low)
  },
  rate_counter: (samples, rangeS) => {
    if (samples.length < 2) return 0
    let increase = samples.at(-1)!.value - samples[0]!.value
    for (const [i, { value }] of samples.entries()) {
      if (i > 0 && value < samples[i - 1]!.value) increase += samples[i - 1]!.value
    }
    const sampled = (samples.at(-1)!.time - samples[0]!.time) / 1000
    let toStart = rangeS
    if (increase > 0) toStart = Math.min(toStart, sampled * (samples[0]!.value / increase))
    const average = sampled / (samples.length - 1)
    const stretched = sampled + (toStart < average * 1.1 ? toStart : average / 2)
    return (increase * (stretched / sampled)) / rangeS
  },
}

function exprOf(op: string, rangeS: number): RangeAggregation {
  const needsUnwrap = op !== 'count_over_time' && op !== 'rate'
  const parameter = op === 'quantile_over_time' ? '0.3,' : ''
  const unwrap = needsUnwrap ? '| unwrap x' : ''
  return parseLogql(`${op}(${parameter}{a="b"} ${unwrap}[${rangeS}s])`) as RangeAggregation
}

test('Range aggregations in buckets equal those over the samples of each window', async t => {
  const samples = fc.uniqueArray(
    fc.record({ time: fc.integer({ min: -40, max: 60 }), value: fc.nat(20) }),
    { selector: sample => sample.time, maxLength: 40 },
  )
  const size = fc.integer({ min: 1, max: 25 })
  fc.assert(
    fc.property(
      fc.constantFrom(...Object.keys(plain)),
      samples,
      size,
      size,
      fc.integer({ min: 1, max: 8 }),
      (op, list, rangeS, stepS, count) => {
        const expr = exprOf(op, rangeS)
        const grid = { startNs: 0n, stepNs: BigInt(stepS) * 1_000_000_000n, count }
        const windows = createWindows(grid, expr.rangeNs)
        const fold = foldOf(expr)
        const buckets = createBuckets(fold, windows.bucketCount)
        for (const { time, value } of list) {
          const bucket = windows.bucketOf(time * 1e9)
          if (bucket >= 0) fold.add(buckets, bucket, time * 1e9, value)
        }
        const series = aggregateWindows(expr, windows, { labels: [], buckets })
        const ordered = list.toSorted((a, b) => a.time - b.time)
        for (let step = 0; step < count; step++) {
          const end = step * stepS
          const inside = ordered
            .filter(({ time }) => time > end - rangeS && time <= end)
            .map(({ time, value }) => ({ time: time * 1e9, value }))
          if ((series.present[step] === 1) !== inside.length > 0) return false
          if (inside.length === 0) continue
          const want = plain[op]!(inside, rangeS)
          if (Math.abs(series.values[step]! - want) > 1e-9 * Math.max(1, Math.abs(want)))
            return false
        }
        return true
      },
    ),
    { numRuns: 2_000, seed: 17 },
  )
  t.pass('no difference')
})
