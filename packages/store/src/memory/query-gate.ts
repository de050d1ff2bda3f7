// Keeps queries from taking the memory that pushes need. A leaf of a query reserves what it will need before it
// scans. While there is less, leaves wait for each other; a leaf that grows beyond its reservation takes more, and
// when nothing is left, the newest of those ends with an error. Pushes never wait here.

import {
  leafShareMax,
  memoryAloneBytes,
  memoryCheckMs,
  memoryGrowthBytes,
  memorySettleMs,
  planningMax,
  queryQueueMax,
  queryQueueMs,
  resultCopies,
} from '../limits.ts'
import { FairQueue } from './fair-queue.ts'
import { Lease, type LeaseData } from './lease.ts'
import { kibOf, type LedgerData, MemoryLedger } from './ledger.ts'
import type { MemoryReader } from './pressure.ts'

export interface QueryGateOptions {
  readonly ledger: LedgerData
  /** What queries and answers may take at most. */
  readonly queryBytes: number
  /** Of the process. */
  readonly memory: MemoryReader
  /** Frees what can be freed. Called while the process is short of memory. */
  readonly relieve?: () => Promise<void>
  /** Called for each leaf that is refused or ended. */
  readonly onRefused?: () => void
}

/** A leaf on its way through the gate. */
export interface LeafPass {
  /** Aborts when nobody waits for the leaf any more, or when the gate ends it. */
  readonly signal: AbortSignal
  /** For the scan threads of the leaf. */
  readonly lease: LeaseData
  /** What the leaf uses, with the copies of its result. */
  readonly usedBytes: number
  /**
   * Checks that this much could be reserved, before it is taken.
   * @throws QueryMemoryError
   */
  checkRoom(bytes: number): void
  /**
   * Waits until there is memory for the leaf. Call it before scanning. Further calls do nothing.
   * @throws QueryMemoryError; the signal's reason.
   */
  reserve(bytes: number): Promise<void>
  /**
   * Decides which query ends because all of them have grown too much. Call it when a thread says so.
   * @throws QueryMemoryError if it is this one.
   */
  makeRoom(): Promise<void>
}

/** A leaf that waits for something. */
interface Waiting {
  readonly sinceMs: number
  readonly admit: () => void
  readonly refuse: (error: Error) => void
}

/** A leaf that waits for its reservation. */
interface Reserving extends Waiting {
  readonly kib: number
}

/** A leaf that has its reservation. */
interface Running {
  readonly lease: Lease
  readonly controller: AbortController
  /** Resident memory of the process when the leaf began. */
  readonly startBytes: number
  readonly ended: Promise<void>
}

/** Lets leaves of queries run while there is memory for them. One may always run. */
export class QueryGate {
  readonly #options: QueryGateOptions
  readonly #ledger: MemoryLedger
  /** Leaves that wait to be planned. Planning finds blocks, and takes memory too. */
  readonly #queue = new FairQueue<Waiting>()
  /** Leaves that are being planned, or wait for their reservation. */
  #planningCount = 0
  readonly #reserving: Reserving[] = []
  /** In the order of their beginning. */
  readonly #running: Running[] = []
  #timer: NodeJS.Timeout | undefined
  #endedAtMs = Number.NEGATIVE_INFINITY
  #relieving: Promise<void> | undefined

  constructor(options: QueryGateOptions) {
    this.#options = options
    this.#ledger = new MemoryLedger(options.ledger)
  }

  /** Leaves that wait for memory. */
  get waitingCount(): number {
    return this.#queue.size + this.#reserving.length
  }

  /** What queries and answers have reserved. */
  get reservedBytes(): number {
    return this.#ledger.reservedKib * 1024
  }

  /**
   * Runs a leaf: `work` plans it, reserves memory, and scans.
   * @throws QueryMemoryError when it waited too long, too many wait, or it was ended; the signal's reason; the
   *   errors of `work`.
   */
  async run<T>(
    tenant: string,
    signal: AbortSignal,
    work: (pass: LeafPass) => Promise<T>,
  ): Promise<T> {
    try {
      return await this.#run(tenant, signal, work)
    } catch (error) {
      // Threads refuse memory too.
      if ((error as { code?: unknown }).code === 'QUERY_MEMORY') this.#options.onRefused?.()
      throw error
    }
  }

  async #run<T>(
    tenant: string,
    signal: AbortSignal,
    work: (pass: LeafPass) => Promise<T>,
  ): Promise<T> {
    this.#boundByRoom()
    await this.#enter(tenant, signal)
    const controller = new AbortController()
    const onAbort = () => controller.abort(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    const pass = new Pass(this.#ledger, controller, {
      checkRoom: bytes => this.#checkRoom(bytes),
      reserve: (lease, ended, bytes) => this.#reserve({ lease, controller, ended, bytes }),
      makeRoom: lease => this.#makeRoom(lease),
    })
    try {
      signal.throwIfAborted()
      return await work(pass)
    } catch (error) {
      // A scan says only that it was cancelled; the reason says why.
      throw controller.signal.aborted ? controller.signal.reason : error
    } finally {
      signal.removeEventListener('abort', onAbort)
      const at = this.#running.findIndex(({ lease }) => lease === pass.ownLease)
      if (at < 0) this.#planningCount--
      else this.#running.splice(at, 1)
      pass.close()
      this.#next()
      this.#stopIdleTimer()
    }
  }

  async #enter(tenant: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#queue.size > 0 || !this.#mayPlan()) {
      await this.#wait(signal, waiting => {
        this.#queue.push(tenant, waiting)
        return () => this.#queue.remove(tenant, waiting)
      })
    } else this.#planningCount++
  }

  /** Waits to be admitted. Whoever admits has already counted the leaf where it now belongs. */
  async #wait(signal: AbortSignal, enqueue: (waiting: Waiting) => () => void): Promise<void> {
    if (this.waitingCount >= queryQueueMax) throw this.#refusal('too many queries wait for it')
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const leave = enqueue({ sinceMs: performance.now(), admit: resolve, refuse: reject })
    const onAbort = () => reject(signal.reason as Error)
    signal.addEventListener('abort', onAbort, { once: true })
    this.#startTimer()
    try {
      await promise
    } catch (error) {
      leave()
      this.#stopIdleTimer()
      throw error
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  async #reserve({
    bytes,
    ...leaf
  }: Omit<Running, 'startBytes'> & { readonly bytes: number }): Promise<void> {
    const kib = Math.min(kibOf(bytes), Math.floor(this.#ledger.boundKib * leafShareMax))
    const begin = () => {
      leaf.lease.reserve(kib)
      this.#planningCount--
      this.#running.push({ ...leaf, startBytes: this.#options.memory.bytes })
      this.#startTimer()
    }
    if (this.#reserving.length === 0 && this.#hasRoom(kib)) {
      begin()
      this.#next()
      return
    }
    await this.#wait(leaf.controller.signal, waiting => {
      const one: Reserving = {
        ...{ ...waiting, kib },
        admit: () => {
          begin()
          waiting.admit()
        },
      }
      this.#reserving.push(one)
      return () => {
        const at = this.#reserving.indexOf(one)
        if (at >= 0) this.#reserving.splice(at, 1)
      }
    })
  }

  #checkRoom(bytes: number): void {
    if (this.#ledger.reservedKib + kibOf(bytes) <= this.#ledger.boundKib) return
    throw this.#refusal('this query needs more than is left')
  }

  async #makeRoom(lease: Lease): Promise<void> {
    while (this.#ledger.isOver) {
      if (this.#running.length <= 1) {
        lease.overdraw()
        return
      }
      // One that keeps to its reservation has been promised this memory.
      const newest = this.#running.findLast(one => one.lease.isGrown)
      if (newest === undefined) return
      this.#end(newest)
      if (newest.lease === lease) throw newest.controller.signal.reason
      await newest.ended
    }
  }

  #end({ controller }: Running): void {
    if (controller.signal.aborted) return
    this.#endedAtMs = performance.now()
    controller.abort(this.#refusal('this query took too much of it'))
  }

  #mayPlan(): boolean {
    if (this.#planningCount === 0) return true
    return this.#planningCount < planningMax && this.#options.memory.pressure === 'none'
  }

  #hasRoom(kib: number): boolean {
    if (this.#running.length === 0) return true
    return this.#ledger.hasRoom(kib) && this.#options.memory.pressure === 'none'
  }

  /** Admits those that can now go on. */
  #next(): void {
    if (this.waitingCount === 0) return
    if (this.#options.memory.pressure !== 'none') {
      // Between two scans, threads can be replaced.
      void this.#relieve().then(() => this.#admit())
    } else this.#admit()
  }

  #admit(): void {
    while (this.#reserving.length > 0 && this.#hasRoom(this.#reserving[0]!.kib)) {
      this.#reserving.shift()!.admit()
    }
    while (this.#queue.size > 0 && this.#mayPlan()) {
      this.#planningCount++
      this.#queue.shift()!.admit()
    }
  }

  #relieve(): Promise<void> {
    const { relieve } = this.#options
    this.#relieving ??= (relieve ? relieve() : Promise.resolve()).finally(() => {
      this.#relieving = undefined
    })
    return this.#relieving
  }

  #check(): void {
    const nowMs = performance.now()
    const { memory } = this.#options
    this.#boundByRoom()
    if (memory.pressure === 'out') this.#endOne(nowMs)
    for (const waiting of [...this.#reserving, ...this.#queue.all]) {
      if (nowMs - waiting.sinceMs < queryQueueMs) continue
      waiting.refuse(this.#refusal(`other queries need it for ${queryQueueMs / 1000} seconds now`))
    }
    if (memory.pressure === 'none') this.#admit()
    else void this.#relieve().then(() => this.#admit())
  }

  /**
   * Lets queries reserve no more than there is room for: other parts of the process may take much too. Of what is
   * reserved, one copy of the results exists by now, and the others are still to come.
   */
  #boundByRoom(): void {
    const { memory, queryBytes } = this.#options
    const least = Math.min(queryBytes, memoryAloneBytes)
    const bytes = Math.max(least, this.reservedBytes / resultCopies + memory.roomBytes)
    this.#ledger.boundKib = kibOf(Math.min(queryBytes, bytes))
  }

  /** Ends the newest leaf if the process has nearly no memory left. The only one goes if it took much. */
  #endOne(nowMs: number): void {
    if (nowMs - this.#endedAtMs < memorySettleMs) return
    const grown = this.#running.findLast(({ lease }) => lease.isGrown)
    const newest = grown ?? this.#running.at(-1)
    if (!newest) return
    const isAlone = this.#running.length === 1
    if (isAlone && this.#options.memory.bytes - newest.startBytes < memoryGrowthBytes) return
    this.#end(newest)
  }

  #refusal(why: string): Error {
    return this.#ledger.refusal(why)
  }

  #startTimer(): void {
    this.#timer ??= setInterval(() => this.#check(), memoryCheckMs).unref()
  }

  #stopIdleTimer(): void {
    if (this.#running.length > 0 || this.waitingCount > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}

interface PassActions {
  readonly checkRoom: (bytes: number) => void
  readonly reserve: (lease: Lease, ended: Promise<void>, bytes: number) => Promise<void>
  readonly makeRoom: (lease: Lease) => Promise<void>
}

class Pass implements LeafPass {
  readonly signal: AbortSignal
  readonly ownLease: Lease
  readonly #actions: PassActions
  readonly #ended = Promise.withResolvers<void>()
  #isReserved = false

  constructor(ledger: MemoryLedger, { signal }: AbortController, actions: PassActions) {
    this.signal = signal
    this.ownLease = new Lease(ledger)
    this.#actions = actions
  }

  get lease(): LeaseData {
    return this.ownLease.data
  }

  get usedBytes(): number {
    return this.ownLease.usedBytes
  }

  checkRoom(bytes: number): void {
    this.#actions.checkRoom(bytes)
  }

  async reserve(bytes: number): Promise<void> {
    if (this.#isReserved) return
    this.#isReserved = true
    await this.#actions.reserve(this.ownLease, this.#ended.promise, bytes)
  }

  makeRoom(): Promise<void> {
    return this.#actions.makeRoom(this.ownLease)
  }

  close(): void {
    this.ownLease.close()
    this.#ended.resolve()
  }
}
