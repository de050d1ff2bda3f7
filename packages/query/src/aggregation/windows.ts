// The windows of a range aggregation, cut into buckets: a sample falls into one bucket, and each window
// is a run of buckets, so that folding costs the same however much the windows overlap.

import type { StepGrid } from '../blocks/block-view.ts'

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

// Classes, for the engine forgets what it has compiled for functions that are made anew for each query.

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
}

// Step k has the times ((k - 1) * step, k * step].
function stepOf(time: number, step: number): number {
  const k = Math.ceil(time / step)
  // The quotient may be rounded over a border.
  if ((k - 1) * step >= time) return k - 1
  return k * step < time ? k + 1 : k
}

/** The range is a number of steps: a bucket is a step. */
class WholeWindows implements Windows {
  readonly bucketCount: number
  readonly windowCount: number
  readonly #step: number
  readonly #lastStep: number
  readonly #stepCount: number

  constructor({ stepNs, rangeNs, windowCount, lastStep }: Steps) {
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
}

/**
 * Windows begin within a step, so each step has two parts. Of the oldest step only the second part
 * belongs to a window.
 */
class SplitWindows implements Windows {
  readonly bucketCount: number
  readonly windowCount: number
  readonly #step: number
  readonly #lastStep: number
  readonly #wholeSteps: number
  readonly #rest: number

  constructor({ stepNs, rangeNs, windowCount, lastStep }: Steps) {
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
}
