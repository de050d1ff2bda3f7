// Limits how much may wait for each tail client and for all together, so that slow clients take
// bounded memory.

import { tailQueueBytesLeast, tailQueueBytesMax, tailQueuesBytesMax } from '../limits.ts'

/** Counts what waits for all tail clients of a store. */
export class TailBudget {
  readonly #bytesMax: number
  readonly #isShort: () => boolean
  #bytes = 0

  /**
   * @param bytesMax What may wait for all clients together.
   * @param isShort Returns true while the process is short of memory. Then each client has only the minimum.
   */
  constructor(bytesMax = tailQueuesBytesMax, isShort = () => false) {
    this.#bytesMax = bytesMax
    this.#isShort = isShort
  }

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
      (own <= Math.min(tailQueueBytesMax, this.#bytesMax / 4) &&
        this.#bytes + bytes <= this.#bytesMax &&
        !this.#isShort())
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
