// The memory that queries have reserved, counted by all threads together. It lies in shared memory, because a
// scan thread receives no messages while it scans.

import { QueryMemoryError } from '../errors.ts'
import { ledgerSoftShare } from '../limits.ts'

/** The numbers of a ledger, in this order, in KiB so that they fit into 32 bits. */
const fields = { reserved: 0, bound: 1 } as const

/** A ledger as data, to be passed to threads. */
export interface LedgerData {
  readonly numbers: Int32Array<SharedArrayBuffer>
  /** `max_memory`, for messages. */
  readonly maxBytes: number
}

/** Creates an empty ledger, in which queries have `queryBytes`. */
export function createLedger(queryBytes: number, maxBytes: number): LedgerData {
  const numbers = new Int32Array(new SharedArrayBuffer(4 * Object.keys(fields).length))
  numbers[fields.bound] = kibOf(queryBytes)
  return { numbers, maxBytes }
}

/** Counts what is reserved. */
export class MemoryLedger {
  readonly #numbers: LedgerData['numbers']
  readonly #maxBytes: number

  constructor({ numbers, maxBytes }: LedgerData) {
    this.#numbers = numbers
    this.#maxBytes = maxBytes
  }

  get reservedKib(): number {
    return Atomics.load(this.#numbers, fields.reserved)
  }

  /** Nobody reserves more than this. */
  get boundKib(): number {
    return Atomics.load(this.#numbers, fields.bound)
  }

  set boundKib(kib: number) {
    Atomics.store(this.#numbers, fields.bound, kib)
  }

  /**
   * Returns true if queries have taken more than they should. What remains up to the bound is for those that grow
   * while one of them is being ended.
   */
  get isOver(): boolean {
    return this.reservedKib > this.boundKib * ledgerSoftShare
  }

  /** Returns true if a query may begin that needs this much. */
  hasRoom(kib: number): boolean {
    return this.reservedKib + kib <= this.boundKib * ledgerSoftShare
  }

  /** Reserves memory in any case. */
  force(kib: number): void {
    Atomics.add(this.#numbers, fields.reserved, kib)
  }

  /** Reserves memory. Returns false, and changes nothing, if there is none left. */
  take(kib: number): boolean {
    if (Atomics.add(this.#numbers, fields.reserved, kib) + kib <= this.boundKib) return true
    Atomics.sub(this.#numbers, fields.reserved, kib)
    return false
  }

  give(kib: number): void {
    Atomics.sub(this.#numbers, fields.reserved, kib)
  }

  /** Returns the error for a query that gets no memory. `why` says what happened, in words for its client. */
  refusal(why: string): QueryMemoryError {
    return new QueryMemoryError(why, this.#maxBytes)
  }
}

/** Rounds up to KiB. */
export function kibOf(bytes: number): number {
  return Math.ceil(bytes / 1024)
}
