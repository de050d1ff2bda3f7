// Spans of time and the windows that include them, compared with looking at every single time.

import { test } from 'tap'
import { createWindows, cutSpan } from '../../src/aggregation/windows.ts'

/** What `bucketOfSpan` should return: looks at each time of the span. */
function lookAtAll(bucketOf: (time: number) => number, after: number, last: number): number {
  const buckets = new Set<number>()
  for (let time = after + 1; time <= last; time++) buckets.add(bucketOf(time))
  const [only] = buckets
  return buckets.size === 1 ? only! : cutSpan
}

test('a span is in one bucket, in no window, or cut', t => {
  let checked = 0
  const seen = new Set<string>()
  for (const [stepNs, rangeNs, count] of [
    ...[[1, 7, 1] as const, [5, 5, 4] as const, [5, 15, 3] as const, [5, 3, 4] as const],
    ...[[5, 12, 3] as const, [6, 1, 3] as const, [7, 7, 1] as const, [4, 6, 5] as const],
  ]) {
    const grid = { startNs: 100n, stepNs: BigInt(stepNs), count }
    const windows = createWindows(grid, BigInt(rangeNs))
    const from = -rangeNs - 3
    const to = stepNs * count + 3
    for (let after = from; after < to; after++) {
      for (let last = after + 1; last <= to; last++) {
        const expected = lookAtAll(time => windows.bucketOf(time), after, last)
        const found = windows.bucketOfSpan(after, last)
        if (found !== expected) t.fail(`step ${stepNs}, range ${rangeNs}: ${after} to ${last}`)
        seen.add(found === cutSpan ? 'cut' : found < 0 ? 'outside' : 'inside')
        checked++
      }
    }
    for (let bucket = 0; bucket < windows.bucketCount; bucket++) {
      const last = windows.endOf(bucket)
      if (windows.bucketOf(last) !== bucket) continue
      t.equal(windows.bucketOf(windows.startOf(bucket) + 1), bucket, 'the first time of a bucket')
      t.not(windows.bucketOf(windows.startOf(bucket)), bucket, 'the time before it')
    }
  }
  t.ok(checked > 1000)
  t.same([...seen].sort(), ['cut', 'inside', 'outside'])
  const never = createWindows({ startNs: 0n, stepNs: 5n, count: 3 }, 0n)
  t.equal(never.bucketOfSpan(-10, 10), -1, 'windows without any time')
  t.end()
})
