// The windows of a range aggregation, cut into buckets: a sample falls into one bucket, and each window
// is a run of buckets, so that folding costs the same however much the windows overlap.

import type { StepGrid } from '../log-source.ts'

/** Buckets of time between all the places where a window of the grid begins or ends. */
export interface Windows {
  readonly bucketCount: number
  readonly windowCount: number
  /** First bucket of a window, and the last (inclusive). */
  firstOf(window: number): number
  lastOf(window: number): number
  /** Bucket of a time in nanoseconds since the grid's start; -1 where no window has it. */
  bucketOf(time: number): number
  /** Last time of a bucket. */
  endOf(bucket: number): number
}

/** Cuts the windows `(T - range, T]` for all T of a grid. */
export function createWindows(grid: StepGrid, rangeNs: bigint): Windows {
  const range = Number(rangeNs)
  const windowCount = range > 0 ? grid.count : 0
  if (grid.count === 1 || windowCount === 0) {
    return {
      bucketCount: windowCount,
      windowCount,
      firstOf: window => window,
      lastOf: window => window,
      bucketOf: time => (windowCount > 0 && time > -range && time <= 0 ? 0 : -1),
      endOf: () => 0,
    }
  }
  const step = Number(grid.stepNs)
  const wholeSteps = Math.floor(range / step)
  const rest = range - wholeSteps * step
  const lastStep = grid.count - 1
  // Step k has the times ((k - 1) * step, k * step].
  const stepOf = (time: number) => {
    let k = Math.ceil(time / step)
    // The quotient may be rounded over a border.
    if ((k - 1) * step >= time) k--
    else if (k * step < time) k++
    return k
  }
  if (rest === 0) {
    return {
      bucketCount: windowCount + wholeSteps - 1,
      windowCount,
      firstOf: window => window,
      lastOf: window => window + wholeSteps - 1,
      bucketOf: time => {
        const k = stepOf(time)
        return k > lastStep || k <= -wholeSteps ? -1 : k + wholeSteps - 1
      },
      endOf: bucket => (bucket - wholeSteps + 1) * step,
    }
  }
  // Each step has two parts: windows begin between them. Of the oldest step only the second part
  // belongs to a window.
  return {
    bucketCount: 2 * (windowCount + wholeSteps),
    windowCount,
    firstOf: window => 2 * window + 1,
    lastOf: window => 2 * (window + wholeSteps) + 1,
    bucketOf: time => {
      const k = stepOf(time)
      if (k > lastStep || k < -wholeSteps) return -1
      const isSecond = time > k * step - rest
      if (!isSecond && (k === -wholeSteps || wholeSteps === 0)) return -1
      return 2 * (k + wholeSteps) + (isSecond ? 1 : 0)
    },
    endOf: bucket => {
      const end = (Math.floor(bucket / 2) - wholeSteps) * step
      return bucket % 2 === 1 ? end : end - rest
    },
  }
}
