// Cuts the windows of a range aggregation into buckets. Each sample belongs to one bucket and each window is
// a run of buckets, so folding costs the same however much the windows overlap.

import type { StepGrid } from '../blocks/block-view.ts'

/** Time buckets, split wherever a window of the grid begins or ends. */
export interface Windows {
  readonly bucketCount: number
  readonly windowCount: number
  /** First and last bucket of a window, both inclusive. */
  firstOf(window: number): number
  lastOf(window: number): number
  /**
   * Returns the bucket of a time in nanoseconds since the start of the grid, or -1 if no window includes it.
   */
  bucketOf(time: number): number
  /** Returns the last time in a bucket, and the time right before its first one. */
  endOf(bucket: number): number
  startOf(bucket: number): number
  /**
   * Returns the bucket that includes all times after `after`, up to and including `last`: -1 if no window
   * includes any of them, and `cutSpan` if they are not all in one bucket.
   */
  bucketOfSpan(after: number, last: number): number
}

/** The answer of `bucketOfSpan` if a bucket begins or ends within the span. */
export const cutSpan = -2

/** Creates the windows `(T - range, T]` for every T of a grid. */
export function createWindows(grid: StepGrid, rangeNs: bigint): Windows {
  const range = Number(rangeNs)
  const windowCount = range > 0 ? grid.count : 0
  if (grid.count === 1 || windowCount === 0) return new SingleWindow(windowCount, range)
  const steps = {
    stepNs: Number(grid.stepNs),
    rangeNs: range,
    windowCount,
    lastStep: grid.count - 1,
  }
  return range % steps.stepNs === 0 ? new WholeWindows(steps) : new SplitWindows(steps)
}

interface Steps {
  readonly stepNs: number
  readonly rangeNs: number
  readonly windowCount: number
  readonly lastStep: number
}

// These are classes because V8 discards the compiled code of closures that each query creates again.

class SingleWindow implements Windows {
  readonly bucketCount: number
  readonly windowCount: number
  readonly #range: number

  constructor(windowCount: number, range: number) {
    this.bucketCount = windowCount
    this.windowCount = windowCount
    this.#range = range
  }

  firstOf(window: number): number {
    return window
  }

  lastOf(window: number): number {
    return window
  }

  bucketOf(time: number): number {
    return this.windowCount > 0 && time > -this.#range && time <= 0 ? 0 : -1
  }

  endOf(): number {
    return 0
  }

  startOf(): number {
    return -this.#range
  }

  bucketOfSpan(after: number, last: number): number {
    if (this.bucketOf(last) === 0) return after >= -this.#range ? 0 : cutSpan
    const isOutside = this.windowCount === 0 || after >= 0 || last <= -this.#range
    return isOutside ? -1 : cutSpan
  }
}

// Step k covers the times ((k - 1) * step, k * step].
function stepOf(time: number, step: number): number {
  const k = Math.ceil(time / step)
  // Rounding can move the quotient across a boundary.
  if ((k - 1) * step >= time) return k - 1
  return k * step < time ? k + 1 : k
}

/** Returns whether any window `(T - range, T]` includes a time after `after`, up to and including `last`. */
function touchesWindow({ stepNs, rangeNs, lastStep }: Steps, after: number, last: number): boolean {
  const k = stepOf(after, stepNs)
  // The first step after `after`, and not before the first of the grid.
  const step = Math.max(0, after === k * stepNs ? k + 1 : k)
  return step <= lastStep && step * stepNs - rangeNs < last
}

/** The range is a whole number of steps: each step is one bucket. */
class WholeWindows implements Windows {
  readonly bucketCount: number
  readonly windowCount: number
  readonly #steps: Steps
  readonly #step: number
  readonly #lastStep: number
  readonly #stepCount: number

  constructor(steps: Steps) {
    const { stepNs, rangeNs, windowCount, lastStep } = steps
    this.#steps = steps
    this.#step = stepNs
    this.#lastStep = lastStep
    this.#stepCount = rangeNs / stepNs
    this.windowCount = windowCount
    this.bucketCount = windowCount + this.#stepCount - 1
  }

  firstOf(window: number): number {
    return window
  }

  lastOf(window: number): number {
    return window + this.#stepCount - 1
  }

  bucketOf(time: number): number {
    const k = stepOf(time, this.#step)
    return k > this.#lastStep || k <= -this.#stepCount ? -1 : k + this.#stepCount - 1
  }

  endOf(bucket: number): number {
    return (bucket - this.#stepCount + 1) * this.#step
  }

  startOf(bucket: number): number {
    return (bucket - this.#stepCount) * this.#step
  }

  bucketOfSpan(after: number, last: number): number {
    return bucketOfSpan(this, this.#steps, after, last)
  }
}

function bucketOfSpan(windows: Windows, steps: Steps, after: number, last: number): number {
  const bucket = windows.bucketOf(last)
  if (bucket >= 0) return windows.startOf(bucket) <= after ? bucket : cutSpan
  return touchesWindow(steps, after, last) ? cutSpan : -1
}

/**
 * Windows begin within a step, so each step has two parts. Only the second part of the oldest step is in a
 * window.
 */
class SplitWindows implements Windows {
  readonly bucketCount: number
  readonly windowCount: number
  readonly #steps: Steps
  readonly #step: number
  readonly #lastStep: number
  readonly #wholeSteps: number
  readonly #rest: number

  constructor(steps: Steps) {
    const { stepNs, rangeNs, windowCount, lastStep } = steps
    this.#steps = steps
    this.#step = stepNs
    this.#lastStep = lastStep
    this.#wholeSteps = Math.floor(rangeNs / stepNs)
    this.#rest = rangeNs - this.#wholeSteps * stepNs
    this.windowCount = windowCount
    this.bucketCount = 2 * (windowCount + this.#wholeSteps)
  }

  firstOf(window: number): number {
    return 2 * window + 1
  }

  lastOf(window: number): number {
    return 2 * (window + this.#wholeSteps) + 1
  }

  bucketOf(time: number): number {
    const wholeSteps = this.#wholeSteps
    const k = stepOf(time, this.#step)
    if (k > this.#lastStep || k < -wholeSteps) return -1
    const isSecond = time > k * this.#step - this.#rest
    if (!isSecond && (k === -wholeSteps || wholeSteps === 0)) return -1
    return 2 * (k + wholeSteps) + (isSecond ? 1 : 0)
  }

  endOf(bucket: number): number {
    const end = (Math.floor(bucket / 2) - this.#wholeSteps) * this.#step
    return bucket % 2 === 1 ? end : end - this.#rest
  }

  startOf(bucket: number): number {
    const end = (Math.floor(bucket / 2) - this.#wholeSteps) * this.#step
    return end - (bucket % 2 === 1 ? this.#rest : this.#step)
  }

  bucketOfSpan(after: number, last: number): number {
    return bucketOfSpan(this, this.#steps, after, last)
  }
}
