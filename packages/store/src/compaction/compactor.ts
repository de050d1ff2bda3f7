// Decides when to merge segments, has a worker thread do it, and swaps old for new in one catalog
// transaction. Old objects are deleted once no query reads them.

import type { Logger } from 'pino'
import type { Catalog, CatalogSegment, MergeTicket } from '../catalog/catalog.ts'
import { CatalogUnavailableError, ChangeRefusedError } from '../errors.ts'
import {
  compactCheckIntervalMs,
  compactFailureDelayMs,
  compactLevel0Bytes,
  compactLevel0Segments,
  takenInRowMax,
} from '../limits.ts'
import type { ObjectInfo } from '../objects/object-store.ts'
import { segmentName } from '../segment/name.ts'
import type { SegmentIndex } from '../segment-index.ts'
import { errorOfThread, Thread } from '../threads/thread.ts'
import type { Choice } from './choose.ts'
import type { DeleteSweep, SweepStep } from './delete-sweep.ts'
import { MergeChooser } from './merge-chooser.ts'
import type { MergeAnswer, MergeJob } from './merge-job.ts'
import { MergePace } from './merge-pace.ts'
import type { MergeWorkerData } from './merge-worker.ts'
import type { Retention } from './retention.ts'
import type { SpaceRetention } from './space-retention.ts'
import { UnreadableSegments } from './unreadable-segments.ts'

/** What merges need of a bucket. */
export interface MergeBucket {
  /** Brings segments onto the disk, and keeps them there until the returned function is called. */
  holdWhole(names: readonly string[]): Promise<() => void>
  /** Uploads the outputs of a merge. Resolves once the inputs may go, however long that takes. */
  publish(segments: readonly ObjectInfo[], signal: AbortSignal): Promise<void>
  /** Has a damaged segment read from the bucket again. Returns false if that cannot help. */
  renew(segment: string): Promise<boolean>
}

/** A merge under way. */
interface BegunMerge {
  /** Names of what it writes. */
  readonly outputs: readonly string[]
  readonly ticket: MergeTicket | undefined
  readonly swept: SweepStep | undefined
}

type MergeThread = Thread<MergeJob, MergeAnswer>

export interface CompactorOptions {
  readonly catalog: Catalog
  readonly segments: SegmentIndex
  readonly logger: Logger
  readonly clock: { now(): number }
  readonly nextSequence: () => number
  readonly worker: MergeWorkerData
  /** Runs merges in the place of the thread. */
  readonly merge?: (job: MergeJob) => Promise<MergeAnswer>
  /** Absent if all segments are in local files. */
  readonly bucket?: MergeBucket | undefined
  /**
   * Returns whether retention and deletes are this process's work now, and whether others may have done it
   * meanwhile. Merges are everybody's. Absent if there are no others.
   */
  readonly turn?: (() => 'mine' | 'new' | 'no') | undefined
  /** Called for each segment that is set aside because it is damaged, or missing. */
  readonly onDamage?: (segment: string) => void
  /** Returns the bytes that a merge may write. Unlimited if absent. */
  readonly room?: (merge: { readonly isLevel0: boolean }) => Promise<number>
  /** Absent if entries are kept forever. */
  readonly retention?: Retention
  /** Absent if neither size nor free space matters. */
  readonly space?: Pick<SpaceRetention, 'apply' | 'level0DueBytes'>
  /** Absent if delete requests are not allowed. */
  readonly deletes?: DeleteSweep
}

/** Runs one merge at a time. */
export class Compactor {
  readonly #options: CompactorOptions
  readonly #timer: NodeJS.Timeout
  readonly #unreadable: UnreadableSegments
  readonly #pace: MergePace
  readonly #chooser: MergeChooser
  #thread: MergeThread | undefined
  /** Of the job under way. */
  #waiting: PromiseWithResolvers<MergeAnswer> | undefined
  #running: Promise<boolean> | undefined
  #isClosed = false
  readonly #closing = new AbortController()
  #quietUntilMs = 0
  #runs = 0
  /** Whether others may have processed delete requests since this process last looked at them. */
  #isTurnNew = false
  /** Choices in a row that another process was faster to begin. */
  #takenInRow = 0
  /** Of the last merge that began. */
  #inputs: readonly string[] = []
  /** Outputs that are not in the catalog but may exist as objects. */
  #leftovers: readonly string[] = []
  #lacksRoom = false
  /** Commits since the last check. */
  #commits = 0
  #committedBytes = 0

  constructor(options: CompactorOptions) {
    this.#options = options
    this.#unreadable = new UnreadableSegments(options)
    const isShared = options.turn !== undefined
    this.#pace = new MergePace({ startsSmall: isShared })
    this.#chooser = new MergeChooser({
      ...options,
      ...{ isShared, pace: this.#pace },
      level0Room: async () =>
        (await options.room?.({ isLevel0: true })) ?? Number.POSITIVE_INFINITY,
    })
    this.#timer = setInterval(() => this.wake(), compactCheckIntervalMs)
    this.#timer.unref()
  }

  /** Merges completed since the start. */
  get runs(): number {
    return this.#runs
  }

  get isRunning(): boolean {
    return this.#running !== undefined
  }

  /** Counts a commit and starts a check once enough have accumulated. Otherwise the timer will. */
  wakeAfter(bytes: number): void {
    this.#committedBytes += bytes
    this.#commits++
    if (this.#committedBytes >= compactLevel0Bytes || this.#commits >= compactLevel0Segments)
      this.wake()
  }

  /** Notes merges of other processes. What they have written may be worth merging. */
  noteMerges(): void {
    this.#chooser.noteMerges()
  }

  /** Starts a check for work, unless one is running. */
  wake(): void {
    if (this.#running || this.#isClosed) return
    if (this.#isQuiet) return
    // Errors are logged where they occur.
    void this.#start({ force: false })
  }

  /** Merges level 0 now, however small, and then everything else that is due. */
  async flush(): Promise<void> {
    while (this.#running !== undefined) await this.#running
    let merged = true
    while (merged && !this.#isClosed) merged = await this.#start({ force: true })
  }

  /**
   * Makes room on a disk that is short of it: lets the work under way finish, or deletes what
   * retention by free space may and merges level 0.
   * @returns true if it did anything, so that there may be room now. Never rejects.
   */
  async makeRoom(): Promise<boolean> {
    while (this.#running !== undefined) {
      if (await this.#running) return true
    }
    if (this.#isClosed || this.#isQuiet) return false
    return await this.#start({ force: true })
  }

  /** True for a while after a merge failed, but no longer if the clock was set back meanwhile. */
  get #isQuiet(): boolean {
    const leftMs = this.#quietUntilMs - this.#options.clock.now()
    return leftMs > 0 && leftMs <= compactFailureDelayMs
  }

  #start(options: { force: boolean }): Promise<boolean> {
    const run = this.#runOnce(options).catch(async (error: Error) => {
      // Closing terminates the thread, even during a merge.
      if (this.#isClosed) return false
      this.#pace.restart()
      const { code, segment } = error as Error & { code?: string; segment?: string }
      if (error instanceof ChangeRefusedError || error instanceof CatalogUnavailableError) {
        // What was merged stays in use. The next look chooses from what is there then.
        this.#options.logger.info({ reason: error.message }, 'a merge was not entered')
        return false
      }
      if (code === 'CORRUPTION' && (await this.#renew([segment ?? '']))) return true
      // Without the segment, there may be more to do.
      if (await this.#unreadable.leaveOut(error, this.#inputs)) return true
      this.#quietUntilMs = this.#options.clock.now() + compactFailureDelayMs
      this.#options.logger.error({ err: error }, 'compaction failed, old segments stay in use')
      return false
    })
    this.#running = run.then(merged => {
      this.#running = undefined
      if (merged && !options.force) this.wake()
      return merged
    })
    return this.#running
  }

  async #runOnce({ force }: { force: boolean }): Promise<boolean> {
    const { catalog, segments, retention, space, deletes } = this.#options
    const { room = async () => Number.POSITIVE_INFINITY, turn = () => 'mine' } = this.#options
    const whose = turn()
    const hasUpkeep = whose !== 'no'
    this.#isTurnNew ||= whose === 'new'
    // What others have done until the turn came.
    if ((await catalog.refresh()) !== undefined) return false
    if (this.#isTurnNew) {
      this.#isTurnNew = false
      this.#chooser.noteMerges()
      deletes?.reset()
    }
    await this.#discardLeftovers()
    const lingering = await segments.deleteDropped()
    if (hasUpkeep && retention?.isDue) await retention.apply()
    const hasDeleted = (hasUpkeep && (await space?.apply({ isUrgent: force }))) || false
    this.#committedBytes = 0
    this.#commits = 0
    const swept = hasUpkeep ? await deletes?.next() : undefined
    const choice = await this.#chooser.next({ isForced: force, hasUpkeep, swept })
    if (!choice || this.#isClosed) return hasDeleted
    if (await this.#replacedLinger(choice, lingering)) return hasDeleted
    if (!(await this.#hasRoom(choice, room))) return hasDeleted
    const outputs = choice.outputs.map(() =>
      segmentName(this.#options.nextSequence(), choice.level),
    )
    // Before the rules of deletes are read.
    const ticket = await catalog.beginMerge({ inputs: choice.inputs, outputs })
    if (ticket === 'taken') return this.#mayChooseAgain()
    this.#takenInRow = 0
    this.#leftovers = outputs
    this.#inputs = choice.inputs
    try {
      return await this.#runMerge(choice, { outputs, ticket, swept })
    } finally {
      // Either it was entered, or it never will be.
      if (ticket) await catalog.giveUpMerge(ticket)
    }
  }

  /** Returns true if there may be another choice at once. Otherwise the timer looks again. */
  #mayChooseAgain(): boolean {
    this.#takenInRow = (this.#takenInRow + 1) % (takenInRowMax + 1)
    return this.#takenInRow > 0
  }

  /** Runs a merge, and enters what it wrote. Returns true if there may be more to do. */
  async #runMerge(choice: Choice, { outputs, ticket, swept }: BegunMerge): Promise<boolean> {
    const { deletes } = this.#options
    const answer = await this.#mergeHeld(choice, outputs)
    if (answer.kind === 'failed') {
      const error = errorOfThread(answer.error)
      // A full or broken disk may work again. What is damaged is left out next time.
      const isLasting = answer.error.syscall === undefined && !this.#unreadable.isAbout(error)
      if (choice === swept && isLasting) deletes?.giveUp(choice)
      if (choice.isLift && isLasting) this.#chooser.giveUpLift(choice)
      throw error
    }
    if (answer.kind === 'unchanged') {
      this.#leftovers = []
      deletes?.keep(choice)
      return true
    }
    // The outputs lack blocks that the bucket may still have. They are leftovers now.
    if (await this.#renew(answer.damaged.map(({ segment }) => segment))) return true
    // First of all, because the replacement deletes the inputs.
    for (const { segment, damage } of answer.damaged) {
      await this.#unreadable.keepBlocksOf(segment, damage)
    }
    await this.#options.bucket?.publish(answer.outputs, this.#closing.signal)
    await this.#replace(choice, answer.outputs, ticket)
    this.#runs++
    this.#pace.grow()
    return true
  }

  /**
   * Deletes the leftovers of a failed merge. No merge starts before that. An output that the
   * catalog does not know may exist only as long as all of its inputs do; later nobody could tell
   * that it is a leftover.
   */
  async #discardLeftovers(): Promise<void> {
    if (this.#leftovers.length === 0) return
    const { catalog, segments } = this.#options
    await catalog.settle()
    // A shared catalog may have entered them without an answer.
    const known = new Set((await catalog.listSegments()).map(({ name }) => name))
    await segments.discard(this.#leftovers.filter(name => !known.has(name)))
    this.#leftovers = []
  }

  /**
   * Returns true if objects that an input replaced still exist. They must go before the input does:
   * if the catalog were lost, only the input would show that they no longer count.
   */
  async #replacedLinger(choice: Choice, lingering: ReadonlySet<string>): Promise<boolean> {
    if (lingering.size === 0) return false
    const { catalog, segments } = this.#options
    const inputs = new Set(choice.inputs)
    for (const { name, sizeBytes, level } of await catalog.listSegments()) {
      if (level === 0 || !inputs.has(name)) continue
      const { replaces } = await segments.footer(name, sizeBytes)
      if (replaces.some(replaced => lingering.has(replaced))) return true
    }
    return false
  }

  /**
   * Returns true if the disk has room for the outputs of a merge. Compaction makes level 0 smaller.
   * Segments of version 1 get filters, which take less than an eighth.
   */
  async #hasRoom(choice: Choice, room: NonNullable<CompactorOptions['room']>): Promise<boolean> {
    const { catalog, logger } = this.#options
    const inputs = new Set(choice.inputs)
    let neededBytes = 0
    let isLevel0 = false
    for (const { name, sizeBytes, level } of await catalog.listSegments()) {
      if (!inputs.has(name)) continue
      neededBytes += level === 0 ? sizeBytes : Math.ceil(sizeBytes * 1.125)
      isLevel0 ||= level === 0
    }
    // A rewrite frees space, so it may use the reserve like a merge of level 0. Other merges only
    // reorganize.
    const freeBytes = await room({ isLevel0: isLevel0 || choice.isRewrite === true })
    const hasRoom = freeBytes >= neededBytes
    if (!hasRoom && !this.#lacksRoom) {
      logger.warn({ neededBytes, freeBytes }, 'cannot merge segments: not enough free disk space')
    }
    this.#lacksRoom = !hasRoom
    return hasRoom
  }

  /** Returns true if damaged segments will be read from the bucket again. */
  async #renew(names: readonly string[]): Promise<boolean> {
    let isRenewed = false
    for (const name of names) {
      if (await this.#options.bucket?.renew(name)) isRenewed = true
    }
    return isRenewed
  }

  /** Merges while the inputs are on the disk, even if another process has replaced them meanwhile. */
  async #mergeHeld(choice: Choice, names: readonly string[]): Promise<MergeAnswer> {
    const { segments, bucket } = this.#options
    const letGo = segments.acquire(choice.inputs)
    try {
      const release = await bucket?.holdWhole(choice.inputs)
      try {
        return await this.#merge(choice, names)
      } finally {
        release?.()
      }
    } finally {
      await letGo()
    }
  }

  #merge(choice: Choice, names: readonly string[]): Promise<MergeAnswer> {
    const { worker: workerData, deletes, merge } = this.#options
    const { inputs, outputs, level, sequence, isRewrite = false, expired = [], sequences } = choice
    const job: MergeJob = {
      inputs,
      isRewrite,
      ...(sequences && { sequences }),
      outputs: outputs.map(({ tenant, day }, i) => ({
        tenant,
        day,
        level,
        sequence,
        replaces: inputs,
        deletes: deletes?.rulesOf(tenant) ?? [],
        expired,
        name: names[i]!,
      })),
    }
    if (merge) return merge(job)
    this.#thread ??= this.#startThread(workerData)
    const waiting = Promise.withResolvers<MergeAnswer>()
    this.#waiting = waiting
    this.#thread.send(job)
    return waiting.promise
  }

  /** Starts a thread. If it ends, busy or idle, the next job starts a new one. */
  #startThread(data: MergeWorkerData): MergeThread {
    const thread: MergeThread = new Thread(new URL('./merge-worker.ts', import.meta.url), {
      data,
      onAnswer: answer => this.#waiting?.resolve(answer),
      onEnd: error => {
        if (this.#thread === thread) this.#thread = undefined
        if (error) this.#options.logger.error({ err: error }, 'the compaction thread failed')
        this.#waiting?.reject(error ?? new Error('the compaction thread ended'))
      },
    })
    return thread
  }

  async #replace(
    choice: Choice,
    outputs: Extract<MergeAnswer, { kind: 'merged' }>['outputs'],
    ticket: MergeTicket | undefined,
  ): Promise<void> {
    const { catalog, segments, clock, logger } = this.#options
    const createdMs = clock.now()
    const entered = outputs.map((output): CatalogSegment => ({ ...output, createdMs }))
    await catalog.addSegments(entered, choice.inputs, ticket)
    this.#leftovers = []
    await segments.drop(choice.inputs)
    logger.debug({ inputs: choice.inputs.length, outputs: outputs.length }, 'segments merged')
  }

  /** Ends the thread and abandons a running merge. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearInterval(this.#timer)
    this.#closing.abort(new Error('the store stops'))
    await this.#thread?.close()
    await this.#running
  }
}
