// Turns the configured jobs into tailers. Searches for files at every sync period and whenever a directory
// changes, starts tailers for new paths, releases those that no longer match, and polls them all.

import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DirectoryWatcher } from '../files/directory-watcher.ts'
import { compileGlob, SharedListings } from '../files/glob.ts'
import { linkPlaces } from '../files/link-places.ts'
import { hintMs, linkDirectoriesMax, settlePollMs } from '../limits.ts'
import type { LabelState } from '../line/label-state.ts'
import { RepeatedTask } from '../repeated-task.ts'
import type { FileTarget } from '../targets/file-target.ts'
import { compareTargets, isStream } from '../targets/file-target.ts'
import type { ManagedJob } from './managed-job.ts'
import {
  type FoundFileStatus,
  filesOf,
  labelsOf,
  type ManagedTarget,
  statusOf,
  type TailerSlot,
  type TargetStatus,
} from './managed-target.ts'
import { openTailer, type TailerEnvironment, type TailerOwner } from './open-tailer.ts'
import { PollPace } from './poll-pace.ts'

export interface TargetManagerOptions extends TailerEnvironment {
  readonly jobs: readonly ManagedJob[]
  readonly syncPeriodMs: number
  readonly readsFilesOnce: boolean
  readonly minPollMs: number
  readonly maxPollMs: number
}

/** Backlog at startup: the size of the files when they were found, and how much of it has been read. */
export interface Backlog {
  files: number
  bytesTotal: number
  bytesRead: number
}

/** Runs the tailers of all targets of one lane. */
export class TargetManager {
  readonly #options: TargetManagerOptions
  #targets: ManagedTarget[] = []
  /** Unsubscribes from the targets of each job. */
  readonly #jobs = new Map<ManagedJob, () => void>()
  readonly #watcher: DirectoryWatcher
  readonly #slots = new Map<string, Set<TailerSlot>>()
  /** Slots by the places of their links and files, where changes are reported. */
  readonly #linked = new Map<string, Set<TailerSlot>>()
  readonly #pace: PollPace<TailerSlot>
  readonly #hinted = new Set<TailerSlot>()
  readonly #unreadable = new Set<string>()
  #listings = new SharedListings()
  readonly backlog: Backlog = { files: 0, bytesTotal: 0, bytesRead: 0 }
  readonly #pollTimer: NodeJS.Timeout | undefined
  readonly #syncTimer: NodeJS.Timeout | undefined
  #hintTimer: NodeJS.Timeout | undefined
  readonly #searching = new RepeatedTask(
    () => this.#syncAll(),
    () => this.#isStopped,
  )
  #isStopped = false
  /** Resolves after the first search. */
  readonly firstSync: Promise<void>

  constructor(options: TargetManagerOptions) {
    this.#options = options
    this.#pace = new PollPace({ ...options, nowMs: options.nowMs() })
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

  /** Adds a job. */
  addJob(job: ManagedJob): void {
    this.#addJob(job)
    void this.sync()
  }

  /**
   * Removes a job: stops reading, waits up to `limitMs` until what was read is accepted, and closes its
   * files. Positions stay, and lines that were not accepted are read again later.
   */
  async removeJob(job: ManagedJob, limitMs: number): Promise<void> {
    this.#jobs.get(job)?.()
    this.#jobs.delete(job)
    const mine = this.#targets.filter(target => target.job === job)
    this.#targets = this.#targets.filter(target => target.job !== job)
    const slots = mine.flatMap(({ tailers }) => [...tailers.values()])
    for (const target of mine) target.isGone = true
    for (const { tailer } of slots) tailer.halt()
    // A running search may still know these targets.
    await this.#searching.running
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

  /** Makes a job read the targets that discovery has now. */
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
      // Only a relabelled pattern can fail here; others are checked with the configuration.
      const fields = { job: job.config.jobName, path: target.path, error: (error as Error).message }
      logger.error(fields, 'Target is not read: its path is not a valid glob')
      metrics.targetsFailed.inc({ reason: 'error' })
      return []
    }
  }

  /** Keeps the files and changes the labels of their future lines. */
  #relabel(managed: ManagedTarget, target: FileTarget): void {
    managed.target = target
    for (const slot of managed.tailers.values()) {
      const labels = labelsOf(managed, slot.tailer.path)
      // Keep reading a file even if the new rules would drop it.
      if (!labels || (labels.text === slot.labels.text && !target.container)) continue
      slot.labels = labels
      slot.tailer.renewConsumers()
    }
  }

  /** Number of open files. */
  get openCount(): number {
    let count = 0
    for (const { tailers } of this.#targets) {
      for (const { tailer } of tailers.values()) count += tailer.openCount
    }
    return count
  }

  /** Lists the files being read. */
  files(): FoundFileStatus[] {
    return this.#targets.flatMap(filesOf)
  }

  /** Lists the targets with their files. */
  targets(): TargetStatus[] {
    return this.#targets.map(statusOf)
  }

  /** Searches for files. A request during a search triggers another one after it. */
  sync(): Promise<void> {
    return this.#searching.request()
  }

  async #syncAll(): Promise<void> {
    const beganMs = this.#options.wallMs()
    const directories = new Set<string>()
    this.#listings = new SharedListings(this.#listings)
    for (const target of [...this.#targets]) {
      if (target.isGone) this.#syncGone(target)
      else await this.#syncTarget(target, directories)
    }
    this.#targets = this.#targets.filter(({ isGone, tailers }) => !isGone || tailers.size > 0)
    // Files of unknown targets have not been searched for.
    const isComplete = [...this.#jobs.keys()].every(({ targets }) => targets.isComplete)
    if (isComplete) this.#options.known.searched(this.#options.lane, beganMs)
    this.#followLinks(directories)
    if (!this.#isStopped) this.#watch(directories)
    this.#options.metrics.setFilesActive(this.openCount)
  }

  /** Finds the links of all paths, and adds the directories where they can change. */
  #followLinks(directories: Set<string>): void {
    this.#linked.clear()
    const linkDirectories = new Set<string>()
    for (const slot of this.#allSlots()) {
      const { path, foundAt } = slot.tailer
      if (foundAt === undefined || foundAt === path) continue
      if (slot.links?.foundAt !== foundAt) {
        slot.links = { foundAt, places: linkPlaces(path) ?? [foundAt] }
      }
      for (const place of slot.links.places) {
        this.#linked.set(place, (this.#linked.get(place) ?? new Set()).add(slot))
        if (place === foundAt) directories.add(dirname(place))
        else linkDirectories.add(dirname(place))
      }
    }
    for (const directory of [...linkDirectories].slice(0, linkDirectoriesMax)) {
      directories.add(directory)
    }
  }

  #watch(directories: ReadonlySet<string>): void {
    const started = this.#watcher.watch(directories)
    if (started.size === 0) return
    // Another listing finds what entered a directory between its listing and its watch, and another check
    // what changed there.
    this.#searching.want()
    const nowMs = this.#options.nowMs()
    for (const slot of this.#allSlots()) {
      if (placesOf(slot).some(place => started.has(dirname(place)))) this.#pace.hasten(slot, nowMs)
    }
  }

  *#allSlots(): Iterable<TailerSlot> {
    for (const slots of this.#slots.values()) yield* slots
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
    const scope = this.#jobScope(target)
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

  #jobScope(target: ManagedTarget): string {
    const { lane, readsFilesOnce } = this.#options
    return readsFilesOnce ? lane : `${lane}/${target.job.config.jobName}`
  }

  /**
   * Returns the scope, within which a file is read only once. A path in two targets of a job is read for
   * each if their labels differ; each then has its own scope, in the order of the targets.
   */
  #scopeOf(target: ManagedTarget, path: string, labels: LabelState): string {
    const scope = this.#jobScope(target)
    if (this.#options.readsFilesOnce) return scope
    const others = [...(this.#slots.get(path) ?? [])].filter(slot => {
      return slot.managed.job === target.job && !slot.managed.isGone
    })
    const same = others.find(slot => slot.labels.text === labels.text)
    if (same) return same.scope
    const taken = new Set(others.map(slot => slot.scope))
    let free = scope
    for (let n = 2; taken.has(free); n++) free = `${scope}#${n}`
    return free
  }

  #addTailer(target: ManagedTarget, path: string): void {
    const labels = labelsOf(target, path)
    if (!labels) return
    const scope = this.#scopeOf(target, path, labels)
    const owner: TailerOwner = {
      scope,
      labels: () => slot.labels,
      onBacklog: bytes => {
        this.backlog.bytesTotal += bytes
      },
      onRead: bytes => {
        this.backlog.bytesRead += bytes
      },
    }
    const slot: TailerSlot = {
      tailer: openTailer(target, path, { owner, environment: this.#options }),
      ...{ managed: target, scope, labels, links: undefined },
      ...this.#pace.newState(this.#options.nowMs()),
    }
    this.backlog.files++
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
    this.#pace.remove(slot)
  }

  /**
   * Handles a change of a path or of a name in a directory: checks it now, or searches if it is unknown.
   */
  #hint(path: string): void {
    if (this.#isStopped) return
    const slots = this.#slots.get(path)
    for (const slot of slots ?? []) {
      this.#hinted.add(slot)
      // The search ran between the two steps of a rotation: the path may be back.
      if (slot.tailer.isLeaving) this.#searching.want()
    }
    const linked = this.#linked.get(path)
    for (const slot of linked ?? []) {
      this.#hinted.add(slot)
      if (path === slot.links?.foundAt) continue
      // A link on the way leads elsewhere now.
      slot.links = undefined
      this.#searching.want()
    }
    if (!slots && !linked) {
      const isNew = this.#targets.some(
        ({ glob, exclude }) => glob.matches(path) && !exclude?.matches(path),
      )
      if (isNew || this.#targets.some(({ glob }) => glob.mayMatchBelow(path))) {
        this.#searching.want()
      }
    }
    this.#hintTimer ??= setTimeout(() => this.#checkHinted(), hintMs)
  }

  #checkHinted(): void {
    this.#hintTimer = undefined
    const nowMs = this.#options.nowMs()
    for (const slot of this.#hinted) {
      // A busy file's turn comes later.
      if (!this.#pace.hinted(slot, nowMs)) continue
      this.#hinted.delete(slot)
      this.#poll(slot)
    }
    if (this.#hinted.size > 0) this.#hintTimer = setTimeout(() => this.#checkHinted(), hintMs)
    if (this.#searching.isWanted) void this.sync()
  }

  #pollDue(): void {
    const nowMs = this.#options.nowMs()
    for (const { pipeline } of this.#jobs.keys()) pipeline.tick(nowMs)
    for (const slot of this.#pace.takeDue(nowMs)) this.#poll(slot)
    this.#options.scheduler.pump()
  }

  #poll(slot: TailerSlot): void {
    const hasChanged = slot.tailer.poll()
    const { isAlias } = slot.tailer
    const nowMs = this.#options.nowMs()
    const reportsAll = () => this.#reportsAll(slot)
    this.#pace.checked(slot, { nowMs, hasChanged, isAlias, reportsAll })
  }

  /** Returns true if the watches report every change of a file, and of every link on the way to it. */
  #reportsAll(slot: TailerSlot): boolean {
    const { path, foundAt, mayChangeUnseen } = slot.tailer
    if (foundAt === undefined || mayChangeUnseen) return false
    if (foundAt !== path && foundAt !== slot.links?.foundAt) return false
    return placesOf(slot).every(place => this.#watcher.reportsAll(dirname(place)))
  }

  /** Stops searching and polling, then closes all files. Reads must have ended. */
  async stop(): Promise<void> {
    this.#isStopped = true
    clearInterval(this.#pollTimer)
    clearInterval(this.#syncTimer)
    clearTimeout(this.#hintTimer)
    for (const unsubscribe of this.#jobs.values()) unsubscribe()
    this.#watcher.close()
    await this.#searching.running
  }

  /** Closes all files. */
  close(): void {
    for (const { tailers } of this.#targets) {
      for (const { tailer } of tailers.values()) tailer.close()
    }
  }
}

/** Returns a path and the places of its links and its file. */
function placesOf({ tailer, links }: TailerSlot): readonly string[] {
  return links ? [tailer.path, ...links.places] : [tailer.path]
}
