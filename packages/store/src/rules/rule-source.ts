// Lets rules with the same time share the results of their queries: 200 groups of ten rules ask about the same few
// streams.

import { type LeafResult, type LogSource, leafKey } from '@skald/query'
import { sharedLeafMs, sharedLeavesMax } from '../limits.ts'

interface SharedLeaf {
  readonly result: Promise<LeafResult>
  readonly startedMs: number
}

/** The results of leaves that ran lately. They are for instants, so each is small. */
export class SharedLeaves {
  readonly #leaves = new Map<string, SharedLeaf>()

  /** Leaves that were not run again. */
  sharedCount = 0

  /** Wraps the source of a tenant. */
  wrap(tenant: string, source: LogSource): LogSource {
    return {
      select: (leaf, signal) => {
        const key = `${tenant} ${leafKey(leaf)}`
        const nowMs = performance.now()
        const known = this.#leaves.get(key)
        if (known && nowMs - known.startedMs < sharedLeafMs) {
          this.sharedCount++
          return known.result
        }
        const result = source.select(leaf, signal)
        this.#leaves.delete(key)
        this.#leaves.set(key, { result, startedMs: nowMs })
        // Whoever asked gets the error. Others run it again.
        result.catch(() => this.#leaves.delete(key))
        this.#forgetOld(nowMs)
        return result
      },
    }
  }

  #forgetOld(nowMs: number): void {
    for (const [key, { startedMs }] of this.#leaves) {
      if (nowMs - startedMs < sharedLeafMs && this.#leaves.size <= sharedLeavesMax) return
      this.#leaves.delete(key)
    }
  }
}
