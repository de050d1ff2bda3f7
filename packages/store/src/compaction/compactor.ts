// Decides when segments are merged, lets a worker thread do it, and swaps old for new in one catalog
// transaction. Old objects are deleted once no query reads them.

import { Worker } from 'node:worker_threads'
import type { LabelSet } from '@skald/wire'
import { parseLabelSet } from '@skald/wire'
import type { Logger } from 'pino'
import type { Catalog, CatalogSegment } from '../catalog/catalog.ts'
import {
  compactCheckIntervalMs,
  compactFailureDelayMs,
  compactLevel0Bytes,
  compactLevel0Segments,
  level0PortionBytes,
} from '../limits.ts'
import { catalogPartsOf } from '../segment/catalog-parts.ts'
import { segmentName } from '../segment/name.ts'
import type { SegmentIndex } from '../segment-index.ts'
import { type Choice, chooseLevel0, chooseRun, isLevel0Due } from './choose.ts'
import type { DeleteSweep } from './delete-sweep.ts'
import type { MergeAnswer, MergeJob, MergeWorkerData } from './merge-worker.ts'
import type { Retention } from './retention.ts'

export interface CompactorOptions {
  readonly catalog: Catalog
  readonly segments: SegmentIndex
  readonly logger: Logger
  readonly clock: { now(): number }
  readonly nextSequence: () => number
  readonly worker: MergeWorkerData
  /** Bytes that the disk has for a merge; all it needs where it is not told. */
  readonly room?: (merge: { readonly isLevel0: boolean }) => Promise<number>
  /** Absent where entries are kept for ever. */
  readonly retention?: Retention
  /** Absent where nothing is asked to be deleted. */
  readonly deletes?: DeleteSweep
}

/** Runs merges one after the other. */
export class Compactor {
  readonly #options: CompactorOptions
  readonly #timer: NodeJS.Timeout
  #worker: Worker | undefined
  #running: Promise<boolean> | undefined
  #isClosed = false
  #quietUntilMs = 0
  #runs = 0
  #mayMergeRuns = true
  /** Outputs that were not entered, and whose objects may be there. */
  #leftovers: readonly string[] = []
  #lacksRoom = false
  /** Commits since the last look. */
  #commits = 0
  #committedBytes = 0

  constructor(options: CompactorOptions) {
    this.#options = options
    this.#timer = setInterval(() => this.wake(), compactCheckIntervalMs)
    this.#timer.unref()
  }

  /** Merges done since the start. */
  get runs(): number {
    return this.#runs
  }

  get isRunning(): boolean {
    return this.#running !== undefined
  }

  /** Counts a commit and looks for work when enough have gathered; the timer sees to the rest. */
  wakeAfter(bytes: number): void {
    this.#committedBytes += bytes
    this.#commits++
    if (this.#committedBytes >= compactLevel0Bytes || this.#commits >= compactLevel0Segments)
      this.wake()
  }

  /** Looks whether something is to be merged. */
  wake(): void {
    if (this.#running || this.#isClosed) return
    if (this.#options.clock.now() < this.#quietUntilMs) return
    // Its failures are logged where they happen.
    void this.#start({ force: false })
  }

  /** Merges level 0 now, whatever its size, and then all that is due. */
  async flush(): Promise<void> {
    while (this.#running !== undefined) await this.#running
    let merged = true
    while (merged && !this.#isClosed) merged = await this.#start({ force: true })
  }

  #start(options: { force: boolean }): Promise<boolean> {
    const run = this.#runOnce(options).catch((error: Error) => {
      // Closing ends the thread, be a merge under way or not.
      if (this.#isClosed) return false
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
    const { catalog, segments, clock, nextSequence, retention, deletes } = this.#options
    const { room = async () => Number.POSITIVE_INFINITY } = this.#options
    await this.#discardLeftovers()
    const lingering = await segments.deleteDropped()
    if (retention?.isDue) await retention.apply()
    this.#committedBytes = 0
    this.#commits = 0
    const swept = await deletes?.next()
    const isDue = force || swept === 'level0' || isLevel0Due(await catalog.level0(), clock.now())
    const level0Room = isDue ? await room({ isLevel0: true }) : 0
    const choice =
      (isDue
        ? chooseLevel0(await catalog.listParts('level0'), Math.min(level0Room, level0PortionBytes))
        : undefined) ??
      (swept === 'level0' ? undefined : swept) ??
      (await retention?.next()) ??
      (this.#mayMergeRuns ? chooseRun(await catalog.listParts('compacted')) : undefined)
    // Runs come about by merges only.
    this.#mayMergeRuns = choice !== undefined
    if (!choice || this.#isClosed) return false
    if (await this.#replacedLinger(choice, lingering)) return false
    if (!(await this.#hasRoom(choice, room))) return false
    const outputs = choice.outputs.map(() => segmentName(nextSequence(), choice.level))
    this.#leftovers = outputs
    const answer = await this.#merge(choice, outputs)
    if (answer.kind === 'failed') {
      // A disk that is full has room again one day; what is damaged stays damaged.
      if (choice === swept && answer.code !== 'ENOSPC') deletes?.giveUp(choice)
      throw new Error(answer.message)
    }
    if (answer.kind === 'unchanged') {
      this.#leftovers = []
      deletes?.keep(choice)
      return true
    }
    await this.#replace(choice, answer.outputs)
    this.#runs++
    return true
  }

  /**
   * Deletes what a merge that failed has left. Nothing is merged before: an output of which the catalog does
   * not know may lie on the disk only as long as all of its inputs do, or nobody can tell that it is none.
   */
  async #discardLeftovers(): Promise<void> {
    if (this.#leftovers.length === 0) return
    const { catalog, segments } = this.#options
    await catalog.settle()
    await segments.discard(this.#leftovers)
    this.#leftovers = []
  }

  /**
   * Tells whether objects that an input replaced are still there. They have to go first: without a catalog
   * the input is all that says that they do not count.
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

  /** Tells whether the disk has room for the outputs of a merge, which are no larger than its inputs. */
  async #hasRoom(choice: Choice, room: NonNullable<CompactorOptions['room']>): Promise<boolean> {
    const { catalog, logger } = this.#options
    const inputs = new Set(choice.inputs)
    let neededBytes = 0
    let isLevel0 = false
    for (const { name, sizeBytes, level } of await catalog.listSegments()) {
      if (!inputs.has(name)) continue
      neededBytes += sizeBytes
      isLevel0 ||= level === 0
    }
    // A rewrite frees space; all other merges only put in order what is there.
    const freeBytes = await room({ isLevel0: isLevel0 || choice.isRewrite === true })
    const hasRoom = freeBytes >= neededBytes
    if (!hasRoom && !this.#lacksRoom) {
      logger.warn(
        { neededBytes, freeBytes },
        'segments are not merged: the disk has too little room',
      )
    }
    this.#lacksRoom = !hasRoom
    return hasRoom
  }

  #merge(choice: Choice, names: readonly string[]): Promise<MergeAnswer> {
    const { worker: workerData, deletes } = this.#options
    const { inputs, outputs, level, sequence, isRewrite = false, expired = [] } = choice
    const job: MergeJob = {
      inputs,
      isRewrite,
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
    this.#worker ??= this.#startWorker(workerData)
    const worker = this.#worker
    return new Promise((resolve, reject) => {
      const settle = () => {
        worker.off('message', onMessage)
        worker.off('error', onError)
        worker.off('exit', onExit)
      }
      const onMessage = (answer: MergeAnswer) => {
        settle()
        resolve(answer)
      }
      const onError = (error: Error) => {
        settle()
        this.#worker = undefined
        reject(error)
      }
      const onExit = () => onError(new Error('the compaction thread ended'))
      worker.on('message', onMessage)
      worker.on('error', onError)
      worker.on('exit', onExit)
      worker.postMessage(job)
    })
  }

  /** Starts a thread; one that ends, at work or idle, is replaced with the next job. */
  #startWorker(workerData: MergeWorkerData): Worker {
    const worker = new Worker(new URL('./merge-worker.ts', import.meta.url), { workerData })
    worker.unref()
    const forget = () => {
      if (this.#worker === worker) this.#worker = undefined
    }
    worker.on('exit', forget)
    worker.on('error', error => {
      forget()
      this.#options.logger.error({ err: error }, 'the compaction thread failed')
    })
    return worker
  }

  async #replace(
    choice: Choice,
    outputs: Extract<MergeAnswer, { kind: 'merged' }>['outputs'],
  ): Promise<void> {
    const { catalog, segments, clock, logger } = this.#options
    const labels = new Map<string, LabelSet>()
    const labelsOf = (text: string) => {
      let found = labels.get(text)
      if (!found) {
        found = parseLabelSet(text)
        labels.set(text, found)
      }
      return found
    }
    const entered = outputs.map(
      ({ name, sizeBytes, footer }): CatalogSegment => ({
        name,
        level: footer.level,
        sequence: footer.sequence,
        sizeBytes,
        createdMs: clock.now(),
        parts: catalogPartsOf(footer, labelsOf),
      }),
    )
    await catalog.addSegments(entered, choice.inputs)
    this.#leftovers = []
    await segments.drop(choice.inputs)
    logger.debug({ inputs: choice.inputs.length, outputs: outputs.length }, 'segments merged')
  }

  /** Lets a running merge be; ends the thread. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearInterval(this.#timer)
    await this.#worker?.terminate()
    await this.#running
  }
}
