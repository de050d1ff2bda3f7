// How much may wait for tail clients, each and together: a slow client costs bounded memory.

import { tailQueueBytesLeast, tailQueueBytesMax, tailQueuesBytesMax } from '../limits.ts'

/** Counts what waits for all tail clients of a store. */
export class TailBudget {
  #bytes = 0

  /** Lets so many bytes more wait for a client that has `waitingBytes` already; false for no. */
  take(bytes: number, waitingBytes: number): boolean {
    const own = waitingBytes + bytes
    // A single entry of any size can be waited for.
    const mayWait =
      waitingBytes === 0 ||
      own <= tailQueueBytesLeast ||
      (own <= tailQueueBytesMax && this.#bytes + bytes <= tailQueuesBytesMax)
    if (mayWait) this.#bytes += bytes
    return mayWait
  }

  /** Counts bytes that have to wait in any case. */
  force(bytes: number): void {
    this.#bytes += bytes
  }

  /** Takes back what waits no more. */
  give(bytes: number): void {
    this.#bytes -= bytes
  }
}
