// What one leaf of a query has reserved in the ledger, and what it uses. The main thread opens and closes a lease,
// and all threads that scan for the leaf use it.

import type { MemoryMeter } from '@skald/query'
import { leaseCountedBytes, leaseGrowthKib, resultCopies } from '../limits.ts'
import { kibOf, type LedgerData, MemoryLedger } from './ledger.ts'

/** The numbers of a lease, in this order. Sizes are in KiB. */
const fields = { reserved: 0, used: 1, isClosed: 2, mayOverdraw: 3, isGrown: 4 } as const

/** A lease as data, to be passed to threads. */
export type LeaseData = Int32Array<SharedArrayBuffer>

/** The main thread's side of a lease. */
export class Lease {
  readonly data: LeaseData = new Int32Array(new SharedArrayBuffer(4 * Object.keys(fields).length))
  readonly #ledger: MemoryLedger

  constructor(ledger: MemoryLedger) {
    this.#ledger = ledger
  }

  /** What the leaf uses, or used before the lease was closed. */
  get usedBytes(): number {
    return Atomics.load(this.data, fields.used) * 1024
  }

  /** Returns true if the leaf needed more than it had reserved before it began. */
  get isGrown(): boolean {
    return Atomics.load(this.data, fields.isGrown) === 1
  }

  reserve(kib: number): void {
    this.#ledger.force(kib)
    Atomics.add(this.data, fields.reserved, kib)
  }

  /** Lets the leaf take what is kept back for the case that several grow. */
  overdraw(): void {
    Atomics.store(this.data, fields.mayOverdraw, 1)
  }

  /** Returns everything to the ledger. Threads that still use the lease get an error. */
  close(): void {
    Atomics.store(this.data, fields.isClosed, 1)
    this.#ledger.give(Atomics.exchange(this.data, fields.reserved, 0))
  }
}

/** A scan thread's side of a lease: counts what its scanner keeps. */
export class LeaseMeter implements MemoryMeter {
  readonly #lease: LeaseData
  readonly #ledger: MemoryLedger
  /** Bytes not yet counted in the lease. */
  #pending = 0

  constructor(lease: LeaseData, ledger: LedgerData) {
    this.#lease = lease
    this.#ledger = new MemoryLedger(ledger)
  }

  /** Returns true if the leaf should stop until the main thread has found out which query ends. */
  get isShort(): boolean {
    return (
      this.#ledger.isOver &&
      Atomics.load(this.#lease, fields.isGrown) === 1 &&
      Atomics.load(this.#lease, fields.mayOverdraw) === 0
    )
  }

  takeResult(bytes: number): void {
    this.takeOwn(bytes * resultCopies)
  }

  takeOwn(bytes: number): void {
    this.#pending += bytes
    if (this.#pending >= leaseCountedBytes || this.#pending <= -leaseCountedBytes) this.flush()
  }

  /**
   * Counts everything in the lease.
   *
   * @throws QueryMemoryError
   */
  flush(): void {
    const kib = this.#pending > 0 ? kibOf(this.#pending) : Math.trunc(this.#pending / 1024)
    this.#pending -= kib * 1024
    const used = Atomics.add(this.#lease, fields.used, kib) + kib
    const missing = used - Atomics.load(this.#lease, fields.reserved)
    if (missing > 0) this.#grow(missing)
  }

  #grow(missing: number): void {
    const kib = Math.ceil(missing / leaseGrowthKib) * leaseGrowthKib
    if (!this.#ledger.take(kib)) {
      throw this.#ledger.refusal('this query needs more than is left')
    }
    Atomics.store(this.#lease, fields.isGrown, 1)
    Atomics.add(this.#lease, fields.reserved, kib)
    if (Atomics.load(this.#lease, fields.isClosed) === 0) return
    // Whoever comes second returns what came after the first.
    this.#ledger.give(Atomics.exchange(this.#lease, fields.reserved, 0))
    throw this.#ledger.refusal('this query was ended')
  }
}
