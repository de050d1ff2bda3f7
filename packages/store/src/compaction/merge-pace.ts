// How much merges take at a time. Where a process may be killed at any time, they are small at first, so that
// some end before the next kill; each that ends lets the next one take twice as much.

import { mergeShareLeast } from '../limits.ts'
import { type MergeBounds, mergeBoundsMax } from './choose.ts'

/** The pace of a compactor. */
export class MergePace {
  readonly #least: number
  #share: number

  constructor({ startsSmall }: { readonly startsSmall: boolean }) {
    this.#least = startsSmall ? mergeShareLeast : 1
    this.#share = this.#least
  }

  /** What the next merge may take. */
  get bounds(): MergeBounds {
    const { inputs, level0Bytes, runBytes } = mergeBoundsMax
    return {
      inputs: Math.floor(inputs * this.#share),
      level0Bytes: Math.floor(level0Bytes * this.#share),
      runBytes: Math.floor(runBytes * this.#share),
    }
  }

  /** Lets the next merge take more, after one that ended or if there was too little to do. Returns false at the most. */
  grow(): boolean {
    if (this.#share === 1) return false
    this.#share = Math.min(1, this.#share * 2)
    return true
  }

  /** Begins small again, after a merge that failed. */
  restart(): void {
    this.#share = this.#least
  }
}
