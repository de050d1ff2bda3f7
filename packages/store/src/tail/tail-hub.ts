// Connects commits with live queries: starts the tail thread for the first client, reports every
// durable segment to it, and passes its entries on to clients.

import { hash } from 'node:crypto'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { SegmentInfo } from '../catalog/catalog.ts'
import { tailBacklogCommitsMax, tailReceiversAtOnce } from '../limits.ts'
import { parseSegmentName } from '../segment/name.ts'
import type { SegmentIndex } from '../segment-index.ts'
import { Thread } from '../threads/thread.ts'
import type {
  SegmentError,
  TailAnswer,
  TailQuery,
  TailRequest,
  TailWorkerData,
} from './messages.ts'
import { type MissedCommit, MissedCommits } from './missed-commits.ts'
import { TailBatch } from './tail-batch.ts'
import { TailRecord } from './tail-record.ts'

/** Receives the entries of a live query. */
export interface TailReceiver {
  receive(batch: TailBatch): void
  /** Called when no more entries will come. */
  fail(reason: string): void
}

export interface TailHubOptions {
  readonly segments: Pick<SegmentIndex, 'acquire'>
  readonly logger: Logger
  readonly worker: TailWorkerData
  /** Most bytes of the heap of the thread. Absent: V8's default. */
  readonly heapBytes?: number | undefined
  /** Directory of `tails.json`, the record of open tails. */
  readonly dataDir: string
  /** All segments at the start, oldest sequence first, before any merge. */
  readonly stored: readonly SegmentInfo[]
  /** Whether tails continue after a restart. They cannot if the numbers of commits are not their order. */
  readonly resumes?: boolean
}

/** A receiver's subscription to a query. */
export interface Subscribed {
  /** Whether it first gets what it missed since the store was stopped or killed. */
  readonly isResumed: boolean
  /**
   * Resolves once the receiver has everything committed up to this call. From then on it can be
   * resumed after a kill.
   */
  caughtUp(): Promise<void>
  /** Ends the subscription. */
  leave(): void
}

interface Place {
  readonly subscription: number
  readonly receiver: TailReceiver
  /** Key in the record; `undefined` if the tail is never resumed. */
  readonly recordKey: string | undefined
  state: 'coming' | 'noted' | 'left'
}

/**
 * Sends earlier commits to one receiver. It has no commits if the receiver only has to catch up.
 */
interface Replay {
  readonly place: Place
  /** Allows the segments to be deleted. */
  readonly release: () => Promise<void>
  readonly onEnd: () => void
}

interface Subscription {
  readonly id: number
  readonly key: string
  /** Receiver → the first commit whose entries it gets. */
  readonly receivers: Map<TailReceiver, number>
}

type TailThread = Thread<TailRequest, TailAnswer>

/** The live queries of a store. */
export class TailHub {
  readonly #options: TailHubOptions
  readonly #record: TailRecord
  readonly #missed: MissedCommits
  readonly #byKey = new Map<string, Subscription>()
  readonly #byId = new Map<number, Subscription>()
  /** Segments that the thread must still read → function that allows their deletion. */
  readonly #unread = new Map<string, () => Promise<void>>()
  readonly #replays = new Map<number, Replay>()
  /** Answers of the thread, until they are delivered. */
  readonly #found: { readonly thread: TailThread; readonly answer: TailAnswer }[] = []
  #thread: TailThread | undefined
  /** Next id of a subscription or a replay. */
  #nextId = 1
  #nextCommit = 1

  constructor(options: TailHubOptions) {
    const { segments, logger, dataDir, stored } = options
    this.#options = options
    const sent = stored.at(-1)?.sequence ?? 0
    this.#record = new TailRecord({ path: join(dataDir, 'tails.json'), sent, logger })
    this.#missed = new MissedCommits({ record: this.#record, segments, stored })
  }

  /**
   * Passes the receiver every entry that matches the query, from all commits from now on.
   *
   * @param mayResume Whether a query that the last process left open continues where it ended.
   */
  subscribe(query: TailQuery, receiver: TailReceiver, mayResume = false): Subscribed {
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
    const { resumes = true } = this.#options
    const recordKey = mayResume && resumes ? hash('sha256', key, 'base64url') : undefined
    const place: Place = { subscription: id, receiver, recordKey, state: 'coming' }
    return {
      isResumed: this.#resume(place),
      caughtUp: async () => {
        if (recordKey === undefined) return
        await new Promise<void>(resolve => this.#replay(place, [], resolve))
      },
      leave: () => {
        if (place.state === 'noted') this.#record.close(recordKey!)
        place.state = 'left'
        if (!receivers.delete(receiver) || receivers.size > 0) return
        if (!this.#byId.delete(id)) return
        this.#byKey.delete(key)
        this.#send({ kind: 'close', subscription: id })
      },
    }
  }

  /** If the query was open in the last process, replays what it missed and returns true. */
  #resume(place: Place): boolean {
    const sent = place.recordKey === undefined ? undefined : this.#record.claim(place.recordKey)
    const commits = sent === undefined ? undefined : this.#missed.since(sent)
    if (!commits) return false
    this.#replay(place, commits)
    return true
  }

  /** The thread handles this after all earlier commits and before all later ones. */
  #replay(place: Place, commits: readonly MissedCommit[], onEnd = () => {}): void {
    const replay = this.#nextId++
    const release = this.#options.segments.acquire(commits.map(({ segment }) => segment))
    this.#replays.set(replay, { place, release, onEnd })
    this.#send({ kind: 'replay', replay, subscription: place.subscription, commits })
  }

  /** The receiver now has everything committed so far, so the next process may resume it. */
  #endReplay(replay: number): void {
    const { place, onEnd } = this.#replays.get(replay) ?? {}
    this.#replays.delete(replay)
    if (place?.recordKey !== undefined && place.state === 'coming') {
      place.state = 'noted'
      this.#record.open(place.recordKey)
      if (this.#record.interrupted.length === 0) this.#missed.end()
    }
    onEnd?.()
  }

  /** Whether there are no live queries. */
  get isIdle(): boolean {
    return this.#byId.size === 0
  }

  /**
   * Reports a durable segment of level 0.
   *
   * @param release Called once its file is not needed any more.
   */
  commit(segment: string, sizeBytes: number, release?: () => void): void {
    const { resumes = true } = this.#options
    if (resumes) this.#missed.add(segment, sizeBytes)
    if (this.isIdle) {
      release?.()
      this.#noteSent(segment)
      return
    }
    const isLate = this.#unread.size >= tailBacklogCommitsMax
    const allowDeletion = this.#options.segments.acquire([segment])
    this.#unread.set(segment, async () => {
      release?.()
      await allowDeletion()
    })
    this.#send({ kind: 'commit', number: this.#nextCommit++, segment, sizeBytes, isLate })
  }

  /** Leaves the open tails, with everything not yet sent, to the next process. */
  interrupt(): void {
    this.#record.end()
  }

  /** Ends the thread without notifying receivers. */
  async close(): Promise<void> {
    this.interrupt()
    this.#missed.end()
    this.#byId.clear()
    this.#byKey.clear()
    await this.#thread?.close()
    await this.#releaseAll()
  }

  #send(request: TailRequest): void {
    this.#thread ??= this.#startThread()
    this.#thread.send(request)
  }

  #startThread(): TailThread {
    const { worker, heapBytes } = this.#options
    const thread: TailThread = new Thread(new URL('./tail-worker.ts', import.meta.url), {
      data: worker,
      ...(heapBytes !== undefined && { heapBytes }),
      onAnswer: answer => this.#take(answer, thread),
      onEnd: error => {
        if (error) this.#options.logger.error({ err: error }, 'the tail thread failed')
        if (this.#thread !== thread) return
        this.#thread = undefined
        const receivers = [...this.#byId.values()].flatMap(subscription => [
          ...subscription.receivers.keys(),
        ])
        this.#byId.clear()
        this.#byKey.clear()
        // Errors are logged where they occur.
        void this.#releaseAll()
        for (const receiver of receivers) receiver.fail('the tail ended: see the log of the store')
      },
    })
    return thread
  }

  #take(answer: TailAnswer, thread: TailThread): void {
    if (answer.kind === 'done') {
      const { segment, error } = answer
      if (error !== undefined) this.#tellUnread({ segment, error })
      void this.#unread.get(segment)?.()
      this.#unread.delete(segment)
    } else if (answer.kind === 'replayed') {
      for (const error of answer.errors) this.#tellUnread(error)
      void this.#replays.get(answer.replay)?.release()
    }
    this.#found.push({ thread, answer })
    if (this.#found.length === 1) void this.#deliver()
  }

  #tellUnread({ segment, error }: SegmentError): void {
    this.#options.logger.error(
      { segment, reason: error },
      'live tails missed the entries of a segment',
    )
  }

  /** Delivers the answers. Lets pushes run in between, because a thousand clients take a while. */
  async #deliver(): Promise<void> {
    for (let next = this.#found[0]; next; next = this.#found[0]) {
      const { thread, answer } = next
      switch (answer.kind) {
        case 'done':
          this.#noteSent(answer.segment)
          break
        case 'replayed':
          this.#endReplay(answer.replay)
          break
        case 'missed':
          this.#replays.get(answer.replay)?.place.receiver.receive(new TailBatch(answer.entries))
          thread.send({ kind: 'taken' })
          break
        case 'entries':
          await this.#deliverCommit(answer)
          // Immediately: if a kill comes between sending and noting, the entries are sent again.
          if (answer.served !== undefined) this.#noteSent(answer.served)
          thread.send({ kind: 'taken' })
          break
      }
      this.#found.shift()
    }
  }

  async #deliverCommit(answer: Extract<TailAnswer, { kind: 'entries' }>): Promise<void> {
    const batch = new TailBatch(answer.entries)
    let count = 0
    for (const [receiver, firstCommit] of this.#byId.get(answer.subscription)?.receivers ?? []) {
      if (answer.commit < firstCommit) continue
      receiver.receive(batch)
      if (++count % tailReceiversAtOnce === 0) await setImmediate()
    }
  }

  #noteSent(segment: string): void {
    if (this.#options.resumes === false) return
    const sequence = parseSegmentName(segment)?.sequence
    if (sequence !== undefined) this.#record.sent(sequence)
  }

  async #releaseAll(): Promise<void> {
    const releases = [...this.#unread.values()]
    for (const { release } of this.#replays.values()) releases.push(release)
    this.#unread.clear()
    this.#replays.clear()
    for (const release of releases) await release()
  }
}
