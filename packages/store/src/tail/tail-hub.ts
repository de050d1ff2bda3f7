// Where commits meet live queries: starts the tail thread when the first client comes, tells it of every
// durable segment, and passes on to clients what it finds.

import { hash } from 'node:crypto'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { SegmentInfo } from '../catalog/catalog.ts'
import { tailBacklogCommitsMax } from '../limits.ts'
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
  /** Where `tails.json` is: which tails are open. */
  readonly dataDir: string
  /** All segments at the start, oldest sequence first, before anything is merged. */
  readonly stored: readonly SegmentInfo[]
}

/** A receiver's place at a query. */
export interface Subscribed {
  /** Whether it is given first what it missed since the store was stopped or killed. */
  readonly isResumed: boolean
  /**
   * Settles when the receiver was given what was committed up to the call. If the store is killed from then
   * on, it may be resumed.
   */
  caughtUp(): Promise<void>
  /** Ends it. */
  leave(): void
}

interface Place {
  readonly subscription: number
  readonly receiver: TailReceiver
  /** Its name in the record; `undefined` for one that is not resumed. */
  readonly recordKey: string | undefined
  state: 'coming' | 'noted' | 'left'
}

/** What a place is given of commits of before; none where it only has to catch up. */
interface Replay {
  readonly place: Place
  /** Lets the segments be deleted. */
  readonly release: () => Promise<void>
  readonly onEnd: () => void
}

interface Subscription {
  readonly id: number
  readonly key: string
  /** Receiver → the first commit whose entries it is given. */
  readonly receivers: Map<TailReceiver, number>
}

type TailThread = Thread<TailRequest, TailAnswer>

/** Clients that are sent a batch before others have their turn: about a millisecond. */
const receiversAtOnce = 50

/** The live queries of a store. */
export class TailHub {
  readonly #options: TailHubOptions
  readonly #record: TailRecord
  readonly #missed: MissedCommits
  readonly #byKey = new Map<string, Subscription>()
  readonly #byId = new Map<number, Subscription>()
  /** Segments that the thread has still to read → what lets them be deleted. */
  readonly #unread = new Map<string, () => Promise<void>>()
  readonly #replays = new Map<number, Replay>()
  /** What the thread has found and finished, until all have it. */
  readonly #found: { readonly thread: TailThread; readonly answer: TailAnswer }[] = []
  #thread: TailThread | undefined
  /** Of subscriptions and replays. */
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
   * Hands the receiver every entry that the query lets through, of all commits from now on.
   *
   * @param mayResume whether a query that the process before left open goes on where that one ended.
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
    const recordKey = mayResume ? hash('sha256', key, 'base64url') : undefined
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

  /** Where the place's query was open before, it is given first what it missed. */
  #resume(place: Place): boolean {
    const sent = place.recordKey === undefined ? undefined : this.#record.claim(place.recordKey)
    const commits = sent === undefined ? undefined : this.#missed.since(sent)
    if (!commits) return false
    this.#replay(place, commits)
    return true
  }

  /** The thread comes to it after the commits of before, and before those of later. */
  #replay(place: Place, commits: readonly MissedCommit[], onEnd = () => {}): void {
    const replay = this.#nextId++
    const release = this.#options.segments.acquire(commits.map(({ segment }) => segment))
    this.#replays.set(replay, { place, release, onEnd })
    this.#send({ kind: 'replay', replay, subscription: place.subscription, commits })
  }

  /** The place has all that was committed: it may be resumed by the next process. */
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

  /** Takes note of a durable segment of level 0. */
  commit(segment: string, sizeBytes: number): void {
    this.#missed.add(segment, sizeBytes)
    if (this.#byId.size === 0) {
      this.#noteSent(segment)
      return
    }
    const isLate = this.#unread.size >= tailBacklogCommitsMax
    this.#unread.set(segment, this.#options.segments.acquire([segment]))
    this.#send({ kind: 'commit', number: this.#nextCommit++, segment, sizeBytes, isLate })
  }

  /** The tails that are open now are for the next process, with all that they are not sent yet. */
  interrupt(): void {
    this.#record.end()
  }

  /** Ends the thread; receivers are told nothing. */
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
    const thread: TailThread = new Thread(new URL('./tail-worker.ts', import.meta.url), {
      data: this.#options.worker,
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
        // Its failures are logged where they happen.
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
    this.#options.logger.error({ segment, reason: error }, 'tails miss the entries of a segment')
  }

  /** Hands out what was found. Pushes come in between: a thousand clients take their time. */
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
          // At once: what a kill finds sent and not noted is sent again.
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
      if (++count % receiversAtOnce === 0) await setImmediate()
    }
  }

  #noteSent(segment: string): void {
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
