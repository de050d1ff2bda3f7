// Manages the scan threads: one per core, shared by all queries. A query has at most one task
// running in each thread, so queries take turns and none waits for another one to finish.

import { availableParallelism } from 'node:os'
import { setFlagsFromString } from 'node:v8'
import {
  type BoardSeat,
  createLimitBoard,
  type Leaf,
  type LeafResult,
  mergeLeafResults,
} from '@skald/query'
import type { SegmentRange } from '../bucket/cached-segments.ts'
import type { DeleteRule } from '../deletes/delete-rule.ts'
import {
  bucketAheadBytes,
  countedBlocksLeast,
  filteredSegmentsLeast,
  freshThreadBytes,
  scanThreadsMax,
} from '../limits.ts'
import type { LeaseData } from '../memory/lease.ts'
import type { LeafPass } from '../memory/query-gate.ts'
import type { NeededKeys } from '../segment/filter/need-keys.ts'
import { errorOfThread } from '../threads/thread.ts'
import type { CountJob } from './add-counts.ts'
import { HeldGroups, type HoldRanges } from './held-groups.ts'
import type {
  BlockGroup,
  CountAnswer,
  CountedSegment,
  FilterAnswer,
  FilteredSegment,
  ScanAnswer,
  ScanRequest,
  ScanWorkerData,
} from './messages.ts'
import { ScanThread } from './scan-thread.ts'
import { TaskQueue } from './task-queue.ts'

/** Input of a scan. Put first the blocks that are most likely to end the scan early. */
export interface ScanJob {
  readonly leaf: Leaf
  readonly labelsTexts: readonly string[]
  readonly groups: readonly BlockGroup[]
  /** The rules that the blocks refer to. */
  readonly deletes?: readonly DeleteRule[]
  /** Memory of the leaf. Absent: unlimited. */
  readonly pass?: Pick<LeafPass, 'lease' | 'makeRoom'> | undefined
}

export interface ScanPoolOptions {
  /** Most bytes of the heap of a thread. Absent: V8's default. */
  readonly heapBytes?: number | undefined
  /** Brings what a thread is going to read. Absent if all segments are local. */
  readonly hold?: HoldRanges | undefined
}

/**
 * Runs scans on the threads. A thread starts when a scan first needs it. That costs some 50 ms
 * once, and a store that only ingests needs 50 MB less.
 */
export class ScanPool {
  readonly #data: ScanWorkerData
  readonly #threads: (ScanThread | undefined)[]
  readonly #options: ScanPoolOptions
  #nextScan = 1

  constructor(
    data: ScanWorkerData,
    threads = Math.min(availableParallelism(), scanThreadsMax),
    options: ScanPoolOptions = {},
  ) {
    this.#data = data
    this.#options = options
    this.#threads = Array.from({ length: threads }, () => undefined)
  }

  get threadCount(): number {
    return this.#threads.length
  }

  /**
   * Ends threads that no scan uses and whose heap has grown by this much, or that are still busy with a scan that
   * was cancelled. The next scans start new ones.
   */
  async replaceLarge(leastBytes: number): Promise<void> {
    await Promise.all(
      this.#threads.map(async (thread, index) => {
        if (!thread?.isUnused) return
        const bytes = await thread.weigh()
        if (bytes !== undefined && bytes < leastBytes + freshThreadBytes) return
        // A scan may have begun meanwhile.
        if (!thread.isUnused || this.#threads[index] !== thread) return
        this.#threads[index] = undefined
        await thread.close()
      }),
    )
  }

  /**
   * Scans the groups and merges the results of the threads.
   * @throws the scanner's error, with its `code`; the signal's reason when it aborts.
   */
  async run(job: ScanJob, signal: AbortSignal): Promise<LeafResult> {
    signal.throwIfAborted()
    const scan = this.#nextScan++
    const queue = new TaskQueue(job.groups)
    const count = Math.max(1, Math.min(this.#threads.length, queue.tasksLeast))
    const { leaf } = job
    const board = leaf.kind === 'logs' && count > 1 ? createLimitBoard(leaf, count) : undefined
    const opened: ScanThread[] = []
    const start = (index: number) => {
      const thread = this.#thread((scan + index) % this.#threads.length)
      opened.push(thread)
      const seat = board && { board, index }
      return runOnThread(thread, { scan, job, queue, cancelled, seat, held })
    }
    const { hold } = this.#options
    const held = hold && new HeldGroups(hold)
    // Shared memory, because a thread receives no messages while it scans.
    const cancelled = new Int32Array(new SharedArrayBuffer(4))
    const { promise: aborted, reject } = Promise.withResolvers<never>()
    const onAbort = () => reject(signal.reason as Error)
    signal.addEventListener('abort', onAbort, { once: true })
    const started = performance.now()
    try {
      // The first blocks often have all entries of a log query, so one thread begins alone.
      const first = start(0)
      const needsMore = board === undefined || (await Promise.race([first.isWanted, aborted]))
      const others = needsMore ? Array.from({ length: count - 1 }, (_, i) => start(i + 1)) : []
      const all = [first, ...others].map(({ result }) => result)
      const results = await Promise.race([Promise.all(all), aborted])
      return merge(leaf, results, started)
    } catch (error) {
      Atomics.store(cancelled, 0, 1)
      for (const thread of opened) thread.forget(scan)
      throw error
    } finally {
      held?.end()
      signal.removeEventListener('abort', onAbort)
    }
  }

  /**
   * Asks the filters of segments which blocks cannot have the keys. Returns one answer for each
   * segment.
   * @throws the system's error, for example ENOENT; the signal's reason when it aborts.
   */
  async askFilters(
    segments: readonly FilteredSegment[],
    keys: readonly NeededKeys[],
    signal: AbortSignal,
  ): Promise<FilterAnswer[]> {
    if (!this.#options.hold) return this.#askFilters(segments, keys, signal)
    const wanted = segments.flatMap(({ segment, filters }) =>
      filters.map(({ offsetBytes, storedBytes: length }) => ({ segment, offsetBytes, length })),
    )
    return this.#holding(wanted, () => this.#askFilters(segments, keys, signal))
  }

  async #askFilters(
    segments: readonly FilteredSegment[],
    keys: readonly NeededKeys[],
    signal: AbortSignal,
  ): Promise<FilterAnswer[]> {
    const perThread = Math.ceil(segments.length / this.#threads.length)
    const share = Math.max(perThread, filteredSegmentsLeast)
    const asked: Promise<readonly FilterAnswer[]>[] = []
    for (let from = 0; from < segments.length; from += share) {
      const scan = this.#nextScan++
      const thread = this.#thread(scan % this.#threads.length)
      const part = segments.slice(from, from + share)
      asked.push(askThread(thread, { kind: 'filter', scan, segments: part, keys }))
    }
    const answers = await Promise.all(asked)
    signal.throwIfAborted()
    return answers.flat()
  }

  /** Runs some work while ranges are on the disk. */
  async #holding<T>(wanted: readonly SegmentRange[], work: () => Promise<T>): Promise<T> {
    const release = await this.#options.hold!(wanted)
    try {
      return await work()
    } finally {
      release()
    }
  }

  /**
   * Adds up the counts of blocks, in several threads if there are many. Returns one answer for each segment,
   * and the results of the threads.
   * @throws the counter's error, with its `code`; the system's error; the signal's reason when it aborts.
   */
  async addCounts(job: LeasedCountJob, signal: AbortSignal): Promise<CountAnswers> {
    if (!this.#options.hold) return this.#addCounts(job, signal)
    const wanted = job.segments.flatMap(({ segment, records }) =>
      records.map(({ offsetBytes, storedBytes: length }) => ({ segment, offsetBytes, length })),
    )
    return this.#holding(wanted, () => this.#addCounts(job, signal))
  }

  async #addCounts(
    { segments, ...job }: LeasedCountJob,
    signal: AbortSignal,
  ): Promise<CountAnswers> {
    let blocks = 0
    for (const one of segments) blocks += one.blocks.length
    const share = Math.max(Math.ceil(blocks / this.#threads.length), countedBlocksLeast)
    const asked: Promise<Extract<ScanAnswer, { kind: 'counted' }>>[] = []
    for (let from = 0; from < segments.length; ) {
      const part: CountedSegment[] = []
      for (let taken = 0; from < segments.length && taken < share; from++) {
        part.push(segments[from]!)
        taken += segments[from]!.blocks.length
      }
      const scan = this.#nextScan++
      const thread = this.#thread(scan % this.#threads.length)
      asked.push(
        askForCounts(thread, { kind: 'count', scan, lease: undefined, ...job, segments: part }),
      )
    }
    const answers = await Promise.all(asked)
    signal.throwIfAborted()
    return {
      answers: answers.flatMap(answer => answer.answers),
      results: answers.map(({ result }) => result),
    }
  }

  #thread(index: number): ScanThread {
    if (!this.#threads[index]) countBuffersWithHeap()
    this.#threads[index] ??= new ScanThread(
      { data: this.#data, heapBytes: this.#options.heapBytes },
      ended => {
        // The next scan starts a new thread.
        if (this.#threads[index] === ended) this.#threads[index] = undefined
      },
    )
    return this.#threads[index]
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map(thread => thread?.close()))
  }
}

/**
 * Makes V8 weigh buffers together with the heap. By default every few dozen megabytes of buffers
 * trigger a full mark of a thread's heap, and a scan decompresses a megabyte at a time: a third of
 * its CPU went into that (335 MB: 690 ms before, 490 after). Not set at process start, because
 * ingest is faster without it.
 */
function countBuffersWithHeap(): void {
  setFlagsFromString('--external-memory-accounted-in-global-limit')
}

async function askThread(
  thread: ScanThread,
  request: Extract<ScanRequest, { kind: 'filter' }>,
): Promise<readonly FilterAnswer[]> {
  const answer = await thread.ask(request)
  if (answer.kind === 'failed') throw errorOfThread(answer.error)
  if (answer.kind !== 'filtered') throw new Error(`a scan thread answered ${answer.kind} to filter`)
  return answer.answers
}

async function askForCounts(
  thread: ScanThread,
  request: Extract<ScanRequest, { kind: 'count' }>,
): Promise<Extract<ScanAnswer, { kind: 'counted' }>> {
  const answer = await thread.ask(request)
  if (answer.kind === 'failed') throw errorOfThread(answer.error)
  if (answer.kind !== 'counted') throw new Error(`a scan thread answered ${answer.kind} to count`)
  return answer
}

/** Merges the results of the threads of a scan that began at `started`, and adds its times. */
function merge(leaf: Leaf, results: readonly LeafResult[], started: number): LeafResult {
  const scanned = performance.now()
  const merged = mergeLeafResults(leaf, results)
  const stats = {
    ...merged.stats,
    scanThreads: results.length,
    scanCpuMostMs: Math.max(...results.map(result => result.stats.scanCpuMostMs)),
    scanMs: scanned - started,
    mergeMs: performance.now() - scanned,
  }
  return { ...merged, stats }
}

/** A job with the memory of its leaf. Absent: unlimited. */
interface LeasedCountJob extends CountJob {
  readonly lease?: LeaseData | undefined
}

/** What counts told, and the results of the threads. */
interface CountAnswers {
  /** One for each segment. */
  readonly answers: readonly CountAnswer[]
  readonly results: readonly LeafResult[]
}

interface RunningScan {
  readonly scan: number
  readonly job: ScanJob
  readonly queue: TaskQueue
  readonly cancelled: Int32Array
  readonly seat: BoardSeat | undefined
  readonly held: HeldGroups | undefined
}

/** A scan on one thread. */
interface ThreadRun {
  /** Resolves after the first task: whether later blocks may matter. False if the scan fails. */
  readonly isWanted: Promise<boolean>
  readonly result: Promise<LeafResult>
}

function runOnThread(thread: ScanThread, running: RunningScan): ThreadRun {
  const { promise: isWanted, resolve } = Promise.withResolvers<boolean>()
  const result = scanTasks(thread, running, resolve).finally(() => resolve(false))
  // Whoever waits for the result gets its error. Until the first task is done, nobody does.
  result.catch(() => undefined)
  return { isWanted, result }
}

async function scanTasks(
  thread: ScanThread,
  { scan, job, queue, cancelled, seat, held }: RunningScan,
  onTask: (isWanted: boolean) => void,
): Promise<LeafResult> {
  const { leaf, labelsTexts, deletes = [], pass } = job
  const lease = pass?.lease
  thread.send({ kind: 'open', scan, leaf, labelsTexts, deletes, seat, cancelled, lease })
  for (let groups = queue.next(); groups; groups = queue.next()) {
    const next = queue.nextSpan
    const taken = held?.take(groups)
    // A log query mostly ends before it has read all that it could.
    if (leaf.kind !== 'logs') held?.fetch(queue.ahead(bucketAheadBytes))
    const release = await taken
    if (Atomics.load(cancelled, 0) === 1) throw new Error('the scan was cancelled')
    const answer = await thread.ask({ kind: 'scan', scan, groups, next })
    release?.()
    if (answer.kind === 'failed') throw errorOfThread(answer.error)
    if (answer.kind !== 'scanned') throw new Error(`a scan thread answered ${answer.kind} to scan`)
    const { isWanted, isShort, left } = answer
    if (left > 0) queue.giveBack(groups.slice(-left))
    onTask(isWanted)
    if (!isWanted) break
    if (isShort) await pass?.makeRoom()
  }
  const answer = await thread.ask({ kind: 'finish', scan })
  if (answer.kind === 'failed') throw errorOfThread(answer.error)
  if (answer.kind !== 'found') throw new Error(`a scan thread answered ${answer.kind} to finish`)
  return answer.result
}
