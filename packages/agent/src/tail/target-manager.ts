// Turns the jobs of the configuration into tailers: searches for files every sync period and whenever
// a directory changes, starts tailers for new paths, lets go those that no longer match, and polls
// them all.

import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { ScrapeConfig } from '../config/scrape.ts'
import { compileGlob, type Glob, SharedListings } from '../discovery/glob.ts'
import { compareTargets, type JobTargets } from '../discovery/job-targets.ts'
import { labelsFromPath } from '../discovery/pod-path.ts'
import type { FileTarget } from '../discovery/targets.ts'
import type { AgentMetrics } from '../metrics.ts'
import { ContainerLines } from '../pipeline/container-lines.ts'
import { JsonFileConsumer } from '../pipeline/json-file-consumer.ts'
import { LabelState } from '../pipeline/label-state.ts'
import type { LineOrigin } from '../pipeline/line-origin.ts'
import type { Pipeline } from '../pipeline/pipeline.ts'
import { CompressedTailer } from './compressed-tailer.ts'
import { ContainerStream } from './container-stream.ts'
import { DirectoryWatcher } from './directory-watcher.ts'
import type { HeldFiles } from './held-files.ts'
import type { KnownFiles } from './known-files.ts'
import type { ReadScheduler } from './read-scheduler.ts'
import { Tailer, type TailerContext } from './tailer.ts'
import type { TimeJournal } from './time-journal.ts'

// An idle file is looked at less and less often, down to this, while its directory is watched: the
// watch tells of changes, looking is for those it misses.
const idlePollMaxMs = 5_000
// The same where a change was found that the watch had not told of.
const deafPollMaxMs = 500
// Between a hint and the look, so that a burst of hints costs one look.
const hintMs = 20
// Another path's tailer reads the file: nothing to do here unless that changes.
const aliasPollMs = 2_000
// Between two looks whether the lines of a job that goes are taken.
const settlePollMs = 20

/** A job with its stages built, and what it is to read. */
export interface ManagedJob {
  readonly config: ScrapeConfig
  readonly pipeline: Pipeline
  readonly targets: JobTargets
}

export interface TargetManagerOptions {
  readonly jobs: readonly ManagedJob[]
  /** Name of the client for which files are read; empty where there is one. */
  readonly lane: string
  readonly known: KnownFiles
  readonly journal: TimeJournal
  readonly scheduler: ReadScheduler
  readonly held: HeldFiles
  readonly metrics: AgentMetrics
  readonly logger: Logger
  /** Limit on the lines of all jobs together. */
  readonly limiter: { pausedUntilMs(nowMs: number): number } | undefined
  readonly nowMs: () => number
  readonly syncPeriodMs: number
  readonly readsFilesOnce: boolean
  readonly minPollMs: number
  readonly maxPollMs: number
}

/** A file that is being read, for people to see. */
export interface FoundFileStatus {
  readonly job: string
  readonly path: string
  readonly labels: Readonly<Record<string, string>>
  readonly readOffset: number
  /** Size of the file; absent where it is not known. */
  readonly sizeBytes?: number
}

/** A target and its files, for people to see. */
export interface TargetStatus {
  readonly job: string
  /** Pattern of the paths. */
  readonly path: string
  readonly labels: Readonly<Record<string, string>>
  /** Discovery has it no longer; its files are read to their ends. */
  readonly isGone: boolean
  readonly files: readonly FoundFileStatus[]
}

interface ManagedTarget {
  readonly job: ManagedJob
  target: FileTarget
  readonly glob: Glob
  readonly exclude: Glob | undefined
  readonly tailers: Map<string, TailerSlot>
  /** Discovery no longer has it: its files are read to their ends, and no others. */
  isGone: boolean
}

interface TailerSlot {
  readonly tailer: Tailer | CompressedTailer | ContainerStream
  labels: LabelState
  nextPollMs: number
  pollEveryMs: number
  /** Last time the watch told of a change. */
  hintedMs: number
  /** The watch misses changes of this file, as on network file systems. */
  isDeaf: boolean
}

/** Backlog at the start: what stood in the files when they were found, and how much of it was read. */
export interface Backlog {
  files: number
  bytesTotal: number
  bytesRead: number
}

/** Runs the tailers of all targets of one lane. */
export class TargetManager {
  readonly #options: TargetManagerOptions
  #targets: ManagedTarget[] = []
  /** What ends the subscription to the targets of each job. */
  readonly #jobs = new Map<ManagedJob, () => void>()
  readonly #watcher: DirectoryWatcher
  readonly #slots = new Map<string, Set<TailerSlot>>()
  /** Slots by where their files lie, for changes that are reported there. */
  readonly #linked = new Map<string, TailerSlot>()
  readonly #hinted = new Set<TailerSlot>()
  readonly #unreadable = new Set<string>()
  #listings = new SharedListings()
  readonly backlog: Backlog = { files: 0, bytesTotal: 0, bytesRead: 0 }
  readonly #pollTimer: NodeJS.Timeout | undefined
  readonly #syncTimer: NodeJS.Timeout | undefined
  #hintTimer: NodeJS.Timeout | undefined
  #syncing: Promise<void> | undefined
  #isSyncWanted = false
  #isStopped = false
  /** Settles after the first search. */
  readonly firstSync: Promise<void>

  constructor(options: TargetManagerOptions) {
    this.#options = options
    for (const job of options.jobs) this.#addJob(job)
    this.#watcher = new DirectoryWatcher({
      onChange: path => this.#hint(path),
      logger: options.logger,
    })
    options.known.beginSearches(options.lane)
    this.firstSync = this.sync()
    this.#syncTimer = setInterval(() => void this.sync(), options.syncPeriodMs)
    this.#pollTimer = setInterval(() => this.#pollDue(), options.minPollMs)
  }

  /** Takes a further job on. */
  addJob(job: ManagedJob): void {
    this.#addJob(job)
    void this.sync()
  }

  /**
   * Lets a job go: reads nothing more of it, waits until what was read is taken, but no longer than
   * `limitMs`, and gives its files back. Positions stay, what was not taken will be read again.
   */
  async removeJob(job: ManagedJob, limitMs: number): Promise<void> {
    this.#jobs.get(job)?.()
    this.#jobs.delete(job)
    const mine = this.#targets.filter(target => target.job === job)
    this.#targets = this.#targets.filter(target => target.job !== job)
    const slots = mine.flatMap(({ tailers }) => [...tailers.values()])
    for (const target of mine) target.isGone = true
    for (const { tailer } of slots) tailer.halt()
    // A search that is under way knows these targets still.
    await this.#syncing
    const untilMs = this.#options.nowMs() + limitMs
    const isSettled = () => slots.every(({ tailer }) => tailer.isSettled)
    while (!isSettled() && this.#options.nowMs() < untilMs) await sleep(settlePollMs)
    for (const target of mine) {
      for (const [path, slot] of target.tailers) {
        slot.tailer.close()
        this.#removeTailer(target, path, slot)
      }
    }
  }

  #addJob(job: ManagedJob): void {
    this.#retarget(job)
    const unsubscribe = job.targets.subscribe(() => {
      this.#retarget(job)
      void this.sync()
    })
    this.#jobs.set(job, unsubscribe)
  }

  /** Brings what is read of a job in line with what its discovery has now. */
  #retarget(job: ManagedJob): void {
    const mine = this.#targets.filter(target => target.job === job)
    const before = mine.filter(({ isGone }) => !isGone).map(({ target }) => target)
    const { added, removed, relabelled } = compareTargets(before, job.targets.targets)
    const find = (wanted: FileTarget) => mine.find(({ target }) => target === wanted)
    for (const { from, to } of relabelled) this.#relabel(find(from)!, to)
    for (const target of removed) find(target)!.isGone = true
    for (const target of added) {
      const former = mine.find(({ isGone, target: { path, pathExclude } }) => {
        return isGone && path === target.path && pathExclude === target.pathExclude
      })
      if (former) {
        former.isGone = false
        this.#relabel(former, target)
      } else this.#targets.push(...this.#manage(job, target))
    }
  }

  #manage(job: ManagedJob, target: FileTarget): ManagedTarget[] {
    const { metrics, logger } = this.#options
    try {
      const glob = compileGlob(target.path)
      const exclude = target.pathExclude ? compileGlob(target.pathExclude) : undefined
      return [{ job, target, glob, exclude, tailers: new Map(), isGone: false }]
    } catch (error) {
      // Only a relabelled pattern gets here; written ones are checked with the configuration.
      const fields = { job: job.config.jobName, path: target.path, error: (error as Error).message }
      logger.error(fields, 'Target is not read: its path is not a valid glob')
      metrics.targetsFailed.inc({ reason: 'error' })
      return []
    }
  }

  /** The files stay, their lines have other labels from now on. */
  #relabel(managed: ManagedTarget, target: FileTarget): void {
    managed.target = target
    for (const slot of managed.tailers.values()) {
      const labels = this.#labelsOf(managed, slot.tailer.path)
      if (labels.text === slot.labels.text && !target.container) continue
      slot.labels = labels
      slot.tailer.renewConsumers()
    }
  }

  #labelsOf({ job, target }: ManagedTarget, path: string): LabelState {
    // As Promtail: a container's lines have no label of a file.
    if (target.container) return new LabelState(target.labels)
    const pathLabels = job.config.addsPathLabels ? labelsFromPath(path) : new Map<string, string>()
    return new LabelState(new Map([...target.labels, ...pathLabels, ['filename', path]]))
  }

  /** Number of files that are open. */
  get openCount(): number {
    let count = 0
    for (const { tailers } of this.#targets) {
      for (const { tailer } of tailers.values()) count += tailer.openCount
    }
    return count
  }

  /** Lists the files that are being read. */
  files(): FoundFileStatus[] {
    return this.#targets.flatMap(target => filesOf(target))
  }

  /** Lists the targets with their files. */
  targets(): TargetStatus[] {
    return this.#targets.map(managed => {
      const { job, target, isGone } = managed
      const { path, labels } = target
      const { jobName } = job.config
      const files = filesOf(managed)
      return { job: jobName, path, labels: Object.fromEntries(labels), isGone, files }
    })
  }

  /** Searches for files; a search that is asked for during another follows it. */
  sync(): Promise<void> {
    this.#isSyncWanted = true
    this.#syncing ??= this.#syncAll().finally(() => {
      this.#syncing = undefined
    })
    return this.#syncing
  }

  async #syncAll(): Promise<void> {
    while (this.#isSyncWanted && !this.#isStopped) {
      this.#isSyncWanted = false
      const beganMs = this.#options.nowMs()
      const directories = new Set<string>()
      this.#listings = new SharedListings(this.#listings)
      for (const target of [...this.#targets]) {
        if (target.isGone) this.#syncGone(target)
        else await this.#syncTarget(target, directories)
      }
      this.#targets = this.#targets.filter(({ isGone, tailers }) => !isGone || tailers.size > 0)
      // Files of targets that are not known yet have not been searched for.
      const isComplete = [...this.#jobs.keys()].every(({ targets }) => targets.isComplete)
      if (isComplete) this.#options.known.searched(this.#options.lane, beganMs)
      this.#linked.clear()
      for (const [path, slots] of this.#slots) {
        for (const slot of slots) {
          const { foundAt } = slot.tailer
          if (foundAt === undefined || foundAt === path) continue
          this.#linked.set(foundAt, slot)
          directories.add(dirname(foundAt))
        }
      }
      if (!this.#isStopped) this.#watcher.watch(directories)
    }
    this.#options.metrics.filesActive.set(this.openCount)
  }

  async #syncTarget(target: ManagedTarget, directories: Set<string>): Promise<void> {
    const { known } = this.#options
    const found = isStream(target.target)
      ? [target.target.path]
      : await target.glob.find({
          listings: this.#listings,
          onDirectory: path => directories.add(path),
          onUnreadable: (path, error) => this.#reportUnreadable(path, error),
        })
    if (this.#isStopped || target.isGone) return
    const isWanted = (path: string) => !target.exclude?.matches(path)
    const paths = new Set(found.filter(isWanted))
    const scope = this.#scopeOf(target)
    if (target.tailers.size === 0) {
      // Files that were being read and have lost their path since.
      for (const path of known.pathsOf(scope)) {
        const hasPath = target.glob.matches(path) && isWanted(path)
        if (hasPath && !paths.has(path)) this.#addTailer(target, path)
      }
    }
    for (const path of paths) {
      const slot = target.tailers.get(path)
      if (slot) slot.tailer.stay()
      else this.#addTailer(target, path)
    }
    for (const [path, slot] of target.tailers) {
      if (!paths.has(path)) slot.tailer.leave()
      if (slot.tailer.isDone) this.#removeTailer(target, path, slot)
    }
  }

  #syncGone(target: ManagedTarget): void {
    for (const [path, slot] of target.tailers) {
      slot.tailer.leave('for-good')
      if (slot.tailer.isDone) this.#removeTailer(target, path, slot)
    }
  }

  #reportUnreadable(path: string, error: Error): void {
    if (this.#unreadable.has(path)) return
    this.#unreadable.add(path)
    const fields = { path, error: error.message }
    this.#options.logger.warn(fields, 'Cannot read directory, will try again')
  }

  #scopeOf(target: ManagedTarget): string {
    const { lane, readsFilesOnce } = this.#options
    return readsFilesOnce ? lane : `${lane}/${target.job.config.jobName}`
  }

  #addTailer(target: ManagedTarget, path: string): void {
    const { known, journal, scheduler, held, metrics, logger, nowMs } = this.#options
    const { pipeline, config } = target.job
    const { lane } = this.#options
    const labels = this.#labelsOf(target, path)
    this.backlog.files++
    const { limiter } = this.#options
    const canPause = pipeline.canPause || limiter !== undefined
    const pausedUntilMs = () =>
      Math.max(pipeline.pausedUntilMs(nowMs()), limiter?.pausedUntilMs(nowMs()) ?? 0)
    // Of a container's log: what is being put together, by its file.
    const lines = new WeakMap<LineOrigin, ContainerLines>()
    const openLines = (origin: LineOrigin) => {
      const opened = this.#openLines(target, origin)
      lines.set(origin, opened)
      return opened
    }
    const countDamaged = () => metrics.dockerParsingErrors.inc()
    const context: TailerContext = {
      ...{ known, journal, scheduler, held, logger, nowMs },
      scope: this.#scopeOf(target),
      encoding: config.encoding,
      openConsumer: origin =>
        target.target.container
          ? new JsonFileConsumer(openLines(origin), countDamaged)
          : pipeline.open(origin, slot.labels),
      finishOrigin: origin => {
        lines.get(origin)?.finish()
        pipeline.finish(origin)
      },
      countDamaged,
      metrics: metrics.forFile(path),
      countLost: bytes => metrics.lostBytes.inc(bytes),
      countUnheld: bytes => metrics.unheldBytes.inc(bytes),
      countSkippedLine: () => metrics.droppedLines.inc({ reason: 'line_too_long' }),
      mayGoOn: canPause ? () => pausedUntilMs() === 0 : undefined,
      pauseMs: () => Math.max(0, pausedUntilMs() - nowMs()),
      onBacklog: bytes => {
        this.backlog.bytesTotal += bytes
      },
      onRead: bytes => {
        this.backlog.bytesRead += bytes
      },
    }
    const { decompression } = config
    const { container } = target.target
    const tailer =
      container && isStream(target.target)
        ? new ContainerStream(path, context, { log: container.log, openLines, lane })
        : decompression
          ? new CompressedTailer(path, context, decompression)
          : new Tailer(path, context)
    const slot: TailerSlot = {
      ...{ tailer, labels, nextPollMs: 0, pollEveryMs: this.#options.minPollMs },
      ...{ hintedMs: nowMs(), isDeaf: false },
    }
    target.tailers.set(path, slot)
    const slots = this.#slots.get(path) ?? new Set()
    this.#slots.set(path, slots.add(slot))
    this.#poll(slot)
  }

  #openLines({ job, target }: ManagedTarget, origin: LineOrigin): ContainerLines {
    const { stdout, stderr } = target.container!
    return new ContainerLines({
      ...{ origin, pipeline: job.pipeline },
      labels: {
        stdout: stdout && new LabelState(stdout),
        stderr: stderr && new LabelState(stderr),
      },
      onEntry: () => this.#options.metrics.dockerEntries.inc(),
    })
  }

  #removeTailer(target: ManagedTarget, path: string, slot: TailerSlot): void {
    target.tailers.delete(path)
    const slots = this.#slots.get(path)
    slots?.delete(slot)
    if (slots?.size === 0) {
      this.#slots.delete(path)
      this.#options.metrics.forFile(path).remove()
    }
    this.#hinted.delete(slot)
  }

  /** A path changed, or a name in a directory did: look at it now, or search if it is unknown. */
  #hint(path: string): void {
    if (this.#isStopped) return
    const slots = this.#slots.get(path)
    for (const slot of slots ?? []) {
      this.#hinted.add(slot)
      // A search came between the two steps of a rotation: the path may be back.
      if (slot.tailer.isLeaving) this.#isSyncWanted = true
    }
    const linked = this.#linked.get(path)
    if (linked) this.#hinted.add(linked)
    if (!slots && !linked) {
      const isNew = this.#targets.some(
        ({ glob, exclude }) => glob.matches(path) && !exclude?.matches(path),
      )
      if (isNew || this.#targets.some(({ glob }) => glob.mayMatchBelow(path))) {
        this.#isSyncWanted = true
      }
    }
    this.#hintTimer ??= setTimeout(() => {
      this.#hintTimer = undefined
      const hintedMs = this.#options.nowMs()
      for (const slot of this.#hinted) {
        slot.hintedMs = hintedMs
        this.#poll(slot)
      }
      this.#hinted.clear()
      if (this.#isSyncWanted) void this.sync()
    }, hintMs)
  }

  #pollDue(): void {
    const nowMs = this.#options.nowMs()
    for (const { pipeline } of this.#jobs.keys()) pipeline.tick(nowMs)
    for (const slots of this.#slots.values()) {
      for (const slot of slots) if (slot.nextPollMs <= nowMs) this.#poll(slot)
    }
    this.#options.scheduler.pump()
  }

  #poll(slot: TailerSlot): void {
    const { minPollMs, maxPollMs, nowMs } = this.#options
    const hasChanged = slot.tailer.poll()
    // A change, and no word of it since the last look at the file.
    if (hasChanged && nowMs() - slot.hintedMs > slot.pollEveryMs + minPollMs) slot.isDeaf = true
    const idleMax = Math.max(maxPollMs, slot.isDeaf ? deafPollMaxMs : idlePollMaxMs)
    if (slot.tailer.isAlias) slot.pollEveryMs = Math.max(maxPollMs, aliasPollMs)
    else if (hasChanged) slot.pollEveryMs = minPollMs
    else slot.pollEveryMs = Math.min(slot.pollEveryMs * 2, idleMax)
    slot.nextPollMs = nowMs() + slot.pollEveryMs
  }

  /** Ends searching and polling, then gives the descriptors back. Reads must have ended. */
  async stop(): Promise<void> {
    this.#isStopped = true
    clearInterval(this.#pollTimer)
    clearInterval(this.#syncTimer)
    clearTimeout(this.#hintTimer)
    for (const unsubscribe of this.#jobs.values()) unsubscribe()
    await this.#watcher.close()
    await this.#syncing
  }

  /** Gives all descriptors back. */
  close(): void {
    for (const { tailers } of this.#targets) {
      for (const { tailer } of tailers.values()) tailer.close()
    }
  }
}

/** Tells whether a target is read through Docker's API and not from a file. */
function isStream({ container }: FileTarget): boolean {
  return container !== undefined && container.log.path === undefined
}

function filesOf({ job, tailers }: ManagedTarget): FoundFileStatus[] {
  return [...tailers.values()]
    .filter(({ tailer }) => tailer.openCount > 0)
    .map(({ tailer, labels }) => ({
      job: job.config.jobName,
      path: tailer.path,
      labels: Object.fromEntries(labels.entries()),
      readOffset: tailer.readOffset,
      ...(tailer.sizeBytes === undefined ? {} : { sizeBytes: tailer.sizeBytes }),
    }))
}
