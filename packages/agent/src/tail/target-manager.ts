// Turns the jobs of the configuration into tailers: searches for files every sync period and whenever
// a directory changes, starts tailers for new paths, lets go those that no longer match, and polls
// them all.

import { dirname } from 'node:path'
import type { Logger } from 'pino'
import type { ScrapeConfig } from '../config/scrape.ts'
import { compileGlob, type Glob } from '../discovery/glob.ts'
import { labelsFromPath } from '../discovery/pod-path.ts'
import { type FileTarget, staticTargets } from '../discovery/static.ts'
import type { AgentMetrics } from '../metrics.ts'
import { LabelState } from '../pipeline/label-state.ts'
import type { Pipeline } from '../pipeline/pipeline.ts'
import { CompressedTailer } from './compressed-tailer.ts'
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

/** A job with its stages built. */
export interface ManagedJob {
  readonly config: ScrapeConfig
  readonly pipeline: Pipeline
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
  readonly hostname: string
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
}

interface ManagedTarget {
  readonly job: ManagedJob
  readonly target: FileTarget
  readonly glob: Glob
  readonly exclude: Glob | undefined
  readonly tailers: Map<string, TailerSlot>
}

interface TailerSlot {
  readonly tailer: Tailer | CompressedTailer
  readonly labels: ReadonlyMap<string, string>
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
  readonly #targets: ManagedTarget[]
  readonly #watcher: DirectoryWatcher
  readonly #slots = new Map<string, Set<TailerSlot>>()
  /** Slots by where their files lie, for changes that are reported there. */
  readonly #linked = new Map<string, TailerSlot>()
  readonly #hinted = new Set<TailerSlot>()
  readonly #unreadable = new Set<string>()
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
    this.#targets = options.jobs.flatMap(job => this.#targetsOf(job))
    this.#watcher = new DirectoryWatcher({
      onChange: path => this.#hint(path),
      logger: options.logger,
    })
    options.metrics.targetsActive.inc(this.#targets.length)
    options.known.beginSearches(options.lane)
    this.firstSync = this.sync()
    this.#syncTimer = setInterval(() => void this.sync(), options.syncPeriodMs)
    this.#pollTimer = setInterval(() => this.#pollDue(), options.minPollMs)
  }

  #targetsOf(job: ManagedJob): ManagedTarget[] {
    const { hostname, metrics } = this.#options
    const targets = staticTargets(job.config.staticConfigs, {
      rules: job.config.relabelRules,
      hostname,
      onFailure: reason => metrics.targetsFailed.inc({ reason }),
    })
    return targets.flatMap(target => {
      try {
        const glob = compileGlob(target.path)
        const exclude = target.pathExclude ? compileGlob(target.pathExclude) : undefined
        return [{ job, target, glob, exclude, tailers: new Map<string, TailerSlot>() }]
      } catch (error) {
        // Only a relabelled pattern gets here; written ones are checked with the configuration.
        const fields = {
          job: job.config.jobName,
          path: target.path,
          error: (error as Error).message,
        }
        this.#options.logger.error(fields, 'Target is not read: its path is not a valid glob')
        metrics.targetsFailed.inc({ reason: 'error' })
        return []
      }
    })
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
    return this.#targets.flatMap(({ job, tailers }) =>
      [...tailers.values()]
        .filter(({ tailer }) => tailer.openCount > 0)
        .map(({ tailer, labels }) => ({
          job: job.config.jobName,
          path: tailer.path,
          labels: Object.fromEntries(labels),
          readOffset: tailer.readOffset,
        })),
    )
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
      for (const target of this.#targets) await this.#syncTarget(target, directories)
      this.#options.known.searched(this.#options.lane, beganMs)
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
    const found = await target.glob.find({
      onDirectory: path => directories.add(path),
      onUnreadable: (path, error) => this.#reportUnreadable(path, error),
    })
    if (this.#isStopped) return
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
    const pathLabels = config.addsPathLabels ? labelsFromPath(path) : new Map<string, string>()
    const labels = new Map([...target.target.labels, ...pathLabels, ['filename', path]])
    const state = new LabelState(labels)
    this.backlog.files++
    const { limiter } = this.#options
    const canPause = pipeline.canPause || limiter !== undefined
    const pausedUntilMs = () =>
      Math.max(pipeline.pausedUntilMs(nowMs()), limiter?.pausedUntilMs(nowMs()) ?? 0)
    const context: TailerContext = {
      ...{ known, journal, scheduler, held, logger, nowMs },
      scope: this.#scopeOf(target),
      encoding: config.encoding,
      openConsumer: origin => pipeline.open(origin, state),
      finishOrigin: origin => pipeline.finish(origin),
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
    const tailer = decompression
      ? new CompressedTailer(path, context, decompression)
      : new Tailer(path, context)
    const slot = {
      ...{ tailer, labels, nextPollMs: 0, pollEveryMs: this.#options.minPollMs },
      ...{ hintedMs: nowMs(), isDeaf: false },
    }
    target.tailers.set(path, slot)
    const slots = this.#slots.get(path) ?? new Set()
    this.#slots.set(path, slots.add(slot))
    this.#poll(slot)
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
    for (const { job } of this.#targets) job.pipeline.tick(nowMs)
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
    this.#options.metrics.targetsActive.dec(this.#targets.length)
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
