// One scan thread, and the scans that wait for its answers.

import { setTimeout as sleep } from 'node:timers/promises'
import { QueryMemoryError, ScanThreadEndedError } from '../errors.ts'
import { threadAnswerMs } from '../limits.ts'
import { isHeapFull, Thread } from '../threads/thread.ts'
import type { ScanAnswer, ScanRequest, ScanWorkerData } from './messages.ts'

interface Waiter {
  readonly resolve: (answer: ScanAnswer) => void
  readonly reject: (error: Error) => void
}

/** The scans take turns: each has at most one task in the thread. */
export class ScanThread {
  readonly #thread: Thread<ScanRequest, ScanAnswer>
  /** In the order in which the thread works. */
  readonly #waiters = new Map<number, Waiter>()
  /** Scans that have a state in the thread. */
  readonly #opened = new Set<number>()
  #onWeighed: ((bytes: number) => void) | undefined

  constructor({ data, heapBytes }: ScanThreadOptions, onEnd: (thread: ScanThread) => void) {
    this.#thread = new Thread(new URL('./worker.ts', import.meta.url), {
      data,
      ...(heapBytes !== undefined && { heapBytes }),
      onAnswer: answer => {
        if (answer.kind === 'weighed') {
          this.#onWeighed?.(answer.bytes)
          return
        }
        if (answer.kind === 'found' || answer.kind === 'failed') this.#opened.delete(answer.scan)
        this.#waiters.get(answer.scan)?.resolve(answer)
        this.#waiters.delete(answer.scan)
      },
      onEnd: error => {
        onEnd(this)
        const waiting = [...this.#waiters.values()]
        this.#waiters.clear()
        for (const [i, { reject }] of waiting.entries()) reject(endError(error, i === 0, data))
      },
    })
  }

  /** True if no scan uses the thread. */
  get isUnused(): boolean {
    return this.#waiters.size === 0 && this.#opened.size === 0
  }

  /** Returns how much memory the thread takes, or `undefined` if it does not answer soon. */
  async weigh(): Promise<number | undefined> {
    const { promise, resolve } = Promise.withResolvers<number>()
    this.#onWeighed = resolve
    this.#thread.send({ kind: 'weigh', scan: 0 })
    return await Promise.race([promise, sleep(threadAnswerMs, undefined, { ref: false })])
  }

  /** Sends a request that gets no answer. */
  send(request: ScanRequest): void {
    if (request.kind === 'open') this.#opened.add(request.scan)
    this.#thread.send(request)
  }

  /** Sends a request and resolves with its answer. */
  ask(request: ScanRequest): Promise<ScanAnswer> {
    return new Promise((resolve, reject) => {
      this.#waiters.set(request.scan, { resolve, reject })
      this.#thread.send(request)
    })
  }

  /** Stops waiting for a scan's answer. */
  forget(scan: number): void {
    this.#waiters.delete(scan)
    this.#opened.delete(scan)
    this.send({ kind: 'cancel', scan })
  }

  async close(): Promise<void> {
    await this.#thread.close()
  }
}

export interface ScanThreadOptions {
  readonly data: ScanWorkerData
  readonly heapBytes: number | undefined
}

/**
 * Returns the error for a scan whose thread ended. If the heap was full, the scan that the thread was working for is
 * the reason; the others can begin again in another thread.
 */
function endError(error: Error | undefined, isWorking: boolean, { ledger }: ScanWorkerData): Error {
  if (error === undefined) return new Error('a scan thread ended')
  if (!isHeapFull(error)) return error
  if (!isWorking) return new ScanThreadEndedError({ cause: error })
  if (!ledger) return error
  return new QueryMemoryError(
    'this query needs more than a scan thread may have',
    ledger.maxBytes,
    { cause: error },
  )
}
