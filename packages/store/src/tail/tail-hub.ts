// Where commits meet live queries: starts the tail thread when the first client comes, tells it of every
// durable segment, and passes on to clients what it finds.

import { setImmediate } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { Logger } from 'pino'
import { tailBacklogCommitsMax } from '../limits.ts'
import type { SegmentIndex } from '../segment-index.ts'
import type { TailAnswer, TailQuery, TailRequest, TailWorkerData } from './messages.ts'
import { TailBatch } from './tail-batch.ts'

/** Takes what a live query finds. */
export interface TailReceiver {
  receive(batch: TailBatch): void
  /** Nothing more will come. */
  fail(reason: string): void
}

export interface TailHubOptions {
  readonly segments: Pick<SegmentIndex, 'acquire'>
  readonly logger: Logger
  readonly worker: TailWorkerData
}

type FoundAnswer = Extract<TailAnswer, { kind: 'entries' }>

interface Subscription {
  readonly id: number
  readonly key: string
  /** Receiver → the first commit whose entries it is given. */
  readonly receivers: Map<TailReceiver, number>
}

/** Clients that are sent a batch before others have their turn: about a millisecond. */
const receiversAtOnce = 50

/** The live queries of a store. */
export class TailHub {
  readonly #options: TailHubOptions
  readonly #byKey = new Map<string, Subscription>()
  readonly #byId = new Map<number, Subscription>()
  /** Segments that the thread has still to read → what lets them be deleted. */
  readonly #unread = new Map<string, () => Promise<void>>()
  /** What the thread has found, until all have it. */
  readonly #found: { readonly worker: Worker; readonly answer: FoundAnswer }[] = []
  #worker: Worker | undefined
  #nextId = 1
  #nextCommit = 1

  constructor(options: TailHubOptions) {
    this.#options = options
  }

  /**
   * Hands the receiver every entry that the query lets through, of all commits from now on.
   *
   * @returns what ends it.
   */
  subscribe(query: TailQuery, receiver: TailReceiver): () => void {
    const key = JSON.stringify([query.tenant, query.form, query.logql])
    let subscription = this.#byKey.get(key)
    if (!subscription) {
      subscription = { id: this.#nextId++, key, receivers: new Map() }
      this.#byKey.set(key, subscription)
      this.#byId.set(subscription.id, subscription)
      this.#send({ kind: 'open', subscription: subscription.id, query })
    }
    const { id, receivers } = subscription
    receivers.set(receiver, this.#nextCommit)
    return () => {
      if (!receivers.delete(receiver) || receivers.size > 0) return
      if (!this.#byId.delete(id)) return
      this.#byKey.delete(key)
      this.#send({ kind: 'close', subscription: id })
    }
  }

  /** Takes note of a durable segment of level 0. */
  commit(segment: string, sizeBytes: number): void {
    if (this.#byId.size === 0) return
    const isLate = this.#unread.size >= tailBacklogCommitsMax
    this.#unread.set(segment, this.#options.segments.acquire([segment]))
    this.#send({ kind: 'commit', number: this.#nextCommit++, segment, sizeBytes, isLate })
  }

  /** Ends the thread; receivers are told nothing. */
  async close(): Promise<void> {
    this.#byId.clear()
    this.#byKey.clear()
    await this.#worker?.terminate()
    await this.#releaseAll()
  }

  #send(request: TailRequest): void {
    this.#worker ??= this.#startWorker()
    this.#worker.postMessage(request)
  }

  #startWorker(): Worker {
    const worker = new Worker(new URL('./tail-worker.ts', import.meta.url), {
      workerData: this.#options.worker,
    })
    worker.unref()
    worker.on('message', (answer: TailAnswer) => this.#take(answer, worker))
    worker.on('error', error => {
      this.#options.logger.error({ err: error }, 'the tail thread failed')
    })
    worker.on('exit', () => {
      if (this.#worker !== worker) return
      this.#worker = undefined
      const receivers = [...this.#byId.values()].flatMap(subscription => [
        ...subscription.receivers.keys(),
      ])
      this.#byId.clear()
      this.#byKey.clear()
      // Its failures are logged where they happen.
      void this.#releaseAll()
      for (const receiver of receivers) receiver.fail('the tail ended: see the log of the store')
    })
    return worker
  }

  #take(answer: TailAnswer, worker: Worker): void {
    if (answer.kind === 'entries') {
      this.#found.push({ worker, answer })
      if (this.#found.length === 1) void this.#deliver()
      return
    }
    const { segment, error } = answer
    if (error !== undefined) {
      this.#options.logger.error({ segment, reason: error }, 'tails miss the entries of a segment')
    }
    void this.#unread.get(segment)?.()
    this.#unread.delete(segment)
  }

  /** Hands out what was found. Pushes come in between: a thousand clients take their time. */
  async #deliver(): Promise<void> {
    for (let next = this.#found[0]; next; next = this.#found[0]) {
      const { worker, answer } = next
      const batch = new TailBatch(answer.entries)
      let count = 0
      for (const [receiver, firstCommit] of this.#byId.get(answer.subscription)?.receivers ?? []) {
        if (answer.commit < firstCommit) continue
        receiver.receive(batch)
        if (++count % receiversAtOnce === 0) await setImmediate()
      }
      this.#found.shift()
      worker.postMessage({ kind: 'taken' } satisfies TailRequest)
    }
  }

  async #releaseAll(): Promise<void> {
    const releases = [...this.#unread.values()]
    this.#unread.clear()
    for (const release of releases) await release()
  }
}
