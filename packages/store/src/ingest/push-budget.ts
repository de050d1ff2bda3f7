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
  /** What gives a share back → how much it is. */
  readonly #shares = new Map<object, number>()

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
    this.#checkRoom(this.#bytes, share)
    this.#bytes += share
    const release = () => {
      this.#arriving.delete(release)
      this.#bytes -= this.#shares.get(release) ?? 0
      this.#shares.delete(release)
    }
    this.#shares.set(release, share)
    this.#arriving.add(release)
    return release
  }

  /**
   * Says how large a body became when it was decompressed: what is more than was assumed is counted.
   *
   * @throws PushRejectedError 503 when others leave no room for it.
   */
  unpacked({ releaseBudget }: BudgetHolder, bytes: number): void {
    const share = releaseBudget && this.#shares.get(releaseBudget)
    if (releaseBudget === undefined || share === undefined || bytes <= share) return
    this.#checkRoom(this.#bytes - share, bytes)
    this.#bytes += bytes - share
    this.#shares.set(releaseBudget, bytes)
  }

  /** @param others Bytes that other pushes hold; one push alone always has room. */
  #checkRoom(others: number, share: number): void {
    if (others === 0 || others + share <= pendingPushBytesMax) return
    throw new PushRejectedError(
      `too many pushes under way: ${others} bytes of ${pendingPushBytesMax} in use, retry after a second`,
      { status: 503, retryAfterSeconds: 1 },
    )
  }

  /** Says that a push is decoded and waits for its commit. */
  decoded(holder: BudgetHolder): void {
    if (holder.releaseBudget) this.#arriving.delete(holder.releaseBudget)
  }
}
