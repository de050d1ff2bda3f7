// Back-pressure: how much of pushes may be in memory at once, from the first byte of a body to the
// answer. What does not fit is refused with 503 and Retry-After before it is read, so memory does not
// grow however many clients push.

import { PushRejectedError } from '../errors.ts'
import { pendingPushBytesMax } from '../limits.ts'

/** Bodies are compressed; this is what their lines may take in memory, roughly. */
const assumedExpansion = 4

/** What a body of unknown length is taken for, and the least any push counts. */
const leastBodyBytes = 16 * 1024

interface BudgetHolder {
  releaseBudget?: () => void
}

/** Counts pushes in memory. */
export class PushBudget {
  #bytes = 0
  /** Pushes that are still being received or decoded. */
  readonly #arriving = new Set<object>()

  get bytes(): number {
    return this.#bytes
  }

  get arriving(): number {
    return this.#arriving.size
  }

  /**
   * Lets a push of so many bytes in; one push is always let in.
   *
   * @returns what gives its share back; calling it again does nothing.
   * @throws PushRejectedError 503 when too much is under way.
   */
  enter(bodyBytes: number): () => void {
    const share = Math.max(bodyBytes, leastBodyBytes) * assumedExpansion
    if (this.#bytes > 0 && this.#bytes + share > pendingPushBytesMax) {
      throw new PushRejectedError(
        `too many pushes under way: ${this.#bytes} bytes of ${pendingPushBytesMax} in use, retry after a second`,
        { status: 503, retryAfterSeconds: 1 },
      )
    }
    this.#bytes += share
    let isHeld = true
    const release = () => {
      if (!isHeld) return
      isHeld = false
      this.#arriving.delete(release)
      this.#bytes -= share
    }
    this.#arriving.add(release)
    return release
  }

  /** Says that a push is decoded and waits for its commit. */
  decoded(holder: BudgetHolder): void {
    if (holder.releaseBudget) this.#arriving.delete(holder.releaseBudget)
  }
}
