// Limits how much may wait for each tail client and for all together, so that slow clients take
// bounded memory.

import { tailQueueBytesLeast, tailQueueBytesMax, tailQueuesBytesMax } from '../limits.ts'

/** Counts what waits for all tail clients of a store. */
export class TailBudget {
  #bytes = 0

  /**
   * Reserves bytes for a client that already has `waitingBytes`. Returns false if the limit is
   * reached.
   */
  take(bytes: number, waitingBytes: number): boolean {
    const own = waitingBytes + bytes
    // A single entry may always wait, whatever its size.
    const mayWait =
      waitingBytes === 0 ||
      own <= tailQueueBytesLeast ||
      (own <= tailQueueBytesMax && this.#bytes + bytes <= tailQueuesBytesMax)
    if (mayWait) this.#bytes += bytes
    return mayWait
  }

  /** Counts bytes that must wait in any case. */
  force(bytes: number): void {
    this.#bytes += bytes
  }

  /** Frees bytes that no longer wait. */
  give(bytes: number): void {
    this.#bytes -= bytes
  }
}
