// Follows one path: opens what it leads to, keeps reading what it led to before, and notices a change from
// one to the other. A renamed file is read until nothing has been added for a while, because its writer may
// not have switched yet. `generations.ts` knows the reading order of the files, `path-history.ts` the place
// of files that are not open.

import { type BigIntStats, statSync } from 'node:fs'
import type { Clocks } from '../clocks.ts'
import { identityKey } from '../files/file-identity.ts'
import {
  detachedLingerMs,
  dropDeletedEveryMs,
  rotatedLingerMs,
  unclaimedMs,
  unfinishedMs,
} from '../limits.ts'
import type { LineOrigin } from '../line/line-origin.ts'
import type { LineConsumer } from '../pipeline/pipeline.ts'
import type { TextEncoding } from './encoding.ts'
import { type FileReports, fileEvents } from './file-events.ts'
import { type Generation, Generations, type GenerationsContext } from './generations.ts'
import { type FileToRead, PathHistory } from './path-history.ts'
import { type ReadOutcome, TailedFile } from './tailed-file.ts'
import type { TimeJournal } from './time-journal.ts'

/** What a tailer needs from the agent. */
export interface TailerContext extends GenerationsContext, FileReports, Clocks {
  readonly scope: string
  readonly journal: TimeJournal
  /** Makes the consumer of the path's lines. */
  readonly openConsumer: (origin: LineOrigin) => LineConsumer
  readonly encoding: TextEncoding | undefined
  /**
   * Notes a file that disappeared together with its directory, with the bytes of it that were not read.
   * `undefined` for a file that is there again.
   */
  readonly awaitLost: (id: string, bytes: number | undefined) => void
  /** Counts a file that was overwritten in place. */
  readonly countRewritten: () => void
  /** Counts a malformed record in a container's log. */
  readonly countDamaged: () => void
  /** Returns true if the pipeline accepts a further line now. */
  readonly mayGoOn: (() => boolean) | undefined
  /** Returns the milliseconds until it does. */
  readonly pauseMs: () => number
  readonly onBacklog: (bytes: number) => void
  readonly onRead: (bytes: number) => void
}

/** Follows a path through renames, truncation, deletion and recreation. */
export class Tailer {
  readonly path: string
  readonly #context: TailerContext
  readonly #history: PathHistory
  readonly #generations: Generations
  #problem: string | undefined
  #isStarted = false
  #isLeaving = false
  #isHalted = false
  /** Since when nobody has read the path's file although another path's tailer should. */
  #unclaimedMs: number | undefined
  /** True if another path's tailer reads the file that this path leads to. */
  #isAlias = false
  /** True if the path's file has other names, whose directories may not be watched. */
  #hasOtherNames = false
  /** When to search again for closed files, after a rotation. */
  #dropDeletedMs = 0

  constructor(path: string, context: TailerContext) {
    this.path = path
    this.#context = context
    const { scope, known, logger, countLost, awaitLost } = context
    const report = (problem: string) => this.#report(problem)
    const onLost = (bytes: number) => countLost({ kind: 'deleted', bytes })
    this.#history = new PathHistory({
      path,
      scope,
      known,
      logger,
      report,
      onLost,
      onAway: awaitLost,
    })
    this.#generations = new Generations(path, this.#history, context)
  }

  /** Number of files being read for this path. */
  get openCount(): number {
    return this.#generations.count
  }

  get isAlias(): boolean {
    return this.#isAlias
  }

  /** True if there is nothing left to read or wait for. */
  get isDone(): boolean {
    return this.#isLeaving && this.#generations.count === 0 && !this.#history.isWaiting
  }

  /** The place of the path's file, with links resolved. */
  get foundAt(): string | undefined {
    return this.#generations.current?.file.record.foundAt
  }

  /** True if a watch of the file's directory may miss changes of the file. */
  get mayChangeUnseen(): boolean {
    return this.#hasOtherNames
  }

  /** Size of the path's file. */
  get sizeBytes(): number | undefined {
    return this.#generations.current?.file.size()
  }

  get readOffset(): number {
    return this.#generations.current?.file.readOffset ?? 0
  }

  /** True if the last search did not find the path. */
  get isLeaving(): boolean {
    return this.#isLeaving
  }

  /**
   * Marks the path as no longer wanted: reads its files to their ends and opens no new ones. Use `for-good`
   * if the path may still lead to its file: that file is released too, once nothing has been added for a
   * while.
   */
  leave(how: 'when-gone' | 'for-good' = 'when-gone'): void {
    this.#isLeaving = true
    const { current } = this.#generations
    if (how === 'when-gone' || !current) return
    this.#detach(current, 'rotated', this.#context.nowMs())
  }

  /** Gives lines read from now on new consumers, with other labels. */
  renewConsumers(): void {
    for (const { file } of this.#generations) {
      if (file.renewConsumer()) this.#context.finishOrigin(file.origin)
    }
  }

  /** Marks the path as wanted again. */
  stay(): void {
    this.#isLeaving = false
  }

  /** Stops reading. Lines already read continue. */
  halt(): void {
    this.#isHalted = true
  }

  /** True if nothing is being read, and every line read was accepted or given up. */
  get isSettled(): boolean {
    for (const { file } of this.#generations) {
      if (file.isBusy || file.origin.hasUnsettled) return false
    }
    return true
  }

  /** Checks the path and all open files. Returns true if anything happened. */
  poll(): boolean {
    if (this.#isHalted) return false
    const nowMs = this.#context.nowMs()
    if (!this.#isStarted) {
      this.#isStarted = true
      for (const file of this.#history.resume()) this.#add(file, nowMs)
    }
    const stats = this.#stat()
    let hasChanged = false
    if (stats !== 'unreadable') {
      this.#hasOtherNames = stats !== undefined && stats.nlink > 1n
      hasChanged = this.#followPath(stats, nowMs)
    }
    // The path still leads to its current file, so this is that file's size.
    const pathSize = stats && stats !== 'unreadable' && !hasChanged ? Number(stats.size) : undefined
    for (const generation of this.#generations) {
      const { role, seenSize, isPaused } = generation
      const isSteady = role === 'current' && !isPaused && stats && stats !== 'unreadable'
      if (isSteady && Number(stats.size) === seenSize) continue
      if (this.#look(generation, nowMs, role === 'current' ? pathSize : undefined)) {
        hasChanged = true
      }
    }
    return hasChanged
  }

  #stat(): BigIntStats | undefined | 'unreadable' {
    try {
      const stats = statSync(this.path, { bigint: true, throwIfNoEntry: false })
      if (!stats || stats.isFile()) {
        // Opening it shows whether it is readable.
        if (stats && this.#generations.current) this.#report(undefined)
        return stats
      }
      this.#report('it is not a regular file')
      return undefined
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      // Part of the path is not a directory, or links form a loop: treat it as missing.
      if (code === 'ENOTDIR' || code === 'ELOOP') return undefined
      this.#report(message)
      return 'unreadable'
    }
  }

  /** Logs a problem when it appears or changes. */
  #report(problem: string | undefined): void {
    if (problem !== undefined && problem !== this.#problem) {
      this.#context.logger.warn(
        { path: this.path, error: problem },
        'Cannot read file, will try again',
      )
    }
    this.#problem = problem
  }

  #followPath(stats: BigIntStats | undefined, nowMs: number): boolean {
    if (this.#history.isWaiting && this.#openNew(nowMs) === 'later') return true
    const { current } = this.#generations
    const key = stats && identityKey(stats)
    if (current && key === current.file.key) {
      const { mtimeNs, size } = stats!
      if (mtimeNs === current.seenMtimeNs && Number(size) === current.seenSize) return false
      const isReadNext = Number(size) > current.seenSize
      if (current.file.isTruncated({ isReadNext })) return this.#restartTruncated(current, nowMs)
      if (!current.file.isBusy) current.seenMtimeNs = mtimeNs
      return false
    }
    const hadCurrent = current !== undefined
    if (current) this.#retire(current, nowMs)
    if (!stats || this.#isLeaving) return hadCurrent
    return this.#openPath(stats, nowMs) || hadCurrent
  }

  /** Handles a path that leads elsewhere: the file was rotated away, or only a link to it was removed. */
  #retire(generation: Generation, nowMs: number): void {
    const { file } = generation
    const isStillThere = this.#isAt(file.record.foundAt, file.key)
    this.#detach(generation, isStillThere ? 'detached' : 'rotated', nowMs)
    if (!isStillThere) this.#generations.noteNewPlaces()
    if (nowMs < this.#dropDeletedMs) return
    this.#dropDeletedMs = nowMs + dropDeletedEveryMs
    this.#generations.dropDeleted()
  }

  #detach(generation: Generation, role: 'detached' | 'rotated', nowMs: number): void {
    generation.role = role
    generation.changedMs = nowMs
    this.#generations.request(generation)
    this.#generations.hold(generation)
  }

  #isAt(path: string, key: string): boolean {
    try {
      const stats = statSync(path, { bigint: true, throwIfNoEntry: false })
      return stats !== undefined && identityKey(stats) === key
    } catch {
      // Unreadable counts as gone.
      return false
    }
  }

  /** Opens what the path leads to, after any files that were rotated away unseen. */
  #openPath(stats: BigIntStats, nowMs: number): boolean {
    const { known, scope } = this.#context
    let claimant = known.claimant(scope, stats)
    for (const generation of this.#generations) {
      if (generation.file !== claimant) continue
      // A closed file's inode may belong to another file now.
      const isOpen = this.#generations.reopen(generation)
      claimant = known.claimant(scope, stats)
      if (!isOpen || generation.file !== claimant) break
      this.#generations.makeCurrent(generation)
      return true
    }
    if (claimant || this.#isAnothers(stats, nowMs)) {
      this.#isAlias = true
      if (claimant) this.#unclaimedMs = undefined
      return false
    }
    this.#isAlias = false
    this.#unclaimedMs = undefined
    return this.#openNew(nowMs) !== 'unusable'
  }

  /** Opens files that came unseen, then the path's file. Reports whether the latter is open now. */
  #openNew(nowMs: number): 'open' | 'later' | 'unusable' {
    let isOpen = false
    for (const file of this.#history.latest()) {
      this.#add(file, nowMs)
      isOpen = file.role === 'current'
    }
    if (isOpen) return 'open'
    return this.#history.isWaiting ? 'later' : 'unusable'
  }

  /**
   * Returns true if the file should be left to another path's tailer, which read it before a restart, or
   * whose alias this path was until now. That applies only for a limited time.
   */
  #isAnothers(stats: BigIntStats, nowMs: number): boolean {
    const { known, scope } = this.#context
    const record = known.find(scope, stats)
    const isReadThere =
      record !== undefined &&
      record.path !== this.path &&
      !record.isFinished &&
      this.#isAt(record.path, identityKey(stats))
    if (!isReadThere && !this.#isAlias) return false
    this.#unclaimedMs ??= nowMs
    return nowMs - this.#unclaimedMs < unclaimedMs
  }

  #add({ record, opened, gzipPath, role }: FileToRead, nowMs: number): void {
    const { journal, openConsumer, encoding } = this.#context
    record.isFinished = false
    this.#context.awaitLost(record.id, undefined)
    const file: TailedFile = new TailedFile({
      ...{ record, opened, journal, openConsumer, encoding },
      ...(gzipPath === undefined ? {} : { gzipPath }),
      events: fileEvents(this.#context, this.path, () => file),
    })
    const generation: Generation = {
      ...{ file, role, isDrained: false, isFlushed: false, changedMs: nowMs },
      ...{ seenSize: -1, seenSizeMost: -1, seenMtimeNs: -1n, drainedSize: -1, isPaused: false },
      unheldBytes: 0,
      read: buffer => this.#read(generation, buffer),
      release: () => this.#generations.release(generation),
    }
    this.#generations.add(generation)
    this.#report(undefined)
    const { foundAt, offset } = record
    this.#context.logger.debug({ path: this.path, foundAt, offset, role }, 'File opened')
    this.#context.onBacklog(Math.max(0, file.initialSize - file.initialOffset))
  }

  /** Handles a truncated file: unread content may be in a copy, and the file starts over. */
  #restartTruncated(generation: Generation, nowMs: number): boolean {
    this.#moveToCopy(generation, nowMs)
    return this.#openNew(nowMs) !== 'unusable'
  }

  /** Handles a file with other content: continues in a copy of the old content, or drops it. */
  #moveToCopy(generation: Generation, nowMs: number): void {
    const { file } = generation
    if (this.#history.moveToCopy(file)) {
      generation.role = 'rotated'
      generation.changedMs = nowMs
      this.#generations.request(generation)
      this.#generations.hold(generation)
      return
    }
    const isRewritten = generation.role === 'current'
    if (isRewritten) this.#context.countRewritten()
    if (isRewritten && file.size() >= file.readOffset) {
      const fields = { path: this.path, offset: file.readOffset }
      const message =
        'File was overwritten in place without a copy: it is read from the start, and earlier unread lines are lost'
      this.#context.logger.warn(fields, message)
    }
    this.#generations.lose(generation, {
      kind: 'truncated',
      bytes: Math.max(0, generation.seenSizeMost - file.readOffset),
      why: 'File was truncated before it was read to its end',
    })
  }

  /** Checks whether an open file has grown or is finished. `knownSize` saves asking for the size. */
  #look(generation: Generation, nowMs: number, knownSize?: number): boolean {
    const { file, role } = generation
    if (!file.isOpen && !this.#isReopenedToEnd(generation, nowMs)) return true
    const size = file.isGzip ? file.size() : (knownSize ?? file.size())
    const hasGrown = size !== generation.seenSize || generation.isPaused
    if (hasGrown) {
      generation.seenSize = size
      generation.seenSizeMost = Math.max(generation.seenSizeMost, size)
      // If the file disappears while the agent is down, its size says how much was lost.
      this.#context.known.saveLater()
      generation.changedMs = nowMs
      generation.isFlushed = false
      this.#generations.request(generation)
    }
    this.#context.metrics.setBytes({ read: file.readOffset, size })
    if (role === 'current') return hasGrown
    if (!this.#isAtEnd(generation)) return true
    const quietMs = nowMs - generation.changedMs
    const limitMs = lingerMsOf(generation)
    if (quietMs >= Math.min(unfinishedMs, limitMs) && !generation.isFlushed) {
      if (!file.consumeUnfinishedLine()) {
        // Retry lines that there was no room for.
        this.#generations.request(generation)
        return true
      }
      generation.isFlushed = true
      this.#context.finishOrigin(file.origin)
    }
    if (quietMs >= limitMs && generation.isFlushed && isSettled(generation)) {
      file.record.isFinished = true
      this.#generations.drop(generation)
    }
    return true
  }

  /**
   * Requests a turn for an unread closed file. Reopens a drained, quiet and settled one for a last check,
   * and returns true if it is open.
   */
  #isReopenedToEnd(generation: Generation, nowMs: number): boolean {
    if (!generation.isDrained) {
      this.#generations.request(generation)
      return false
    }
    const isQuiet = nowMs - generation.changedMs >= lingerMsOf(generation)
    return isQuiet && isSettled(generation) && this.#generations.reopen(generation)
  }

  #isAtEnd({ file, isDrained }: Generation): boolean {
    return isDrained && !file.isBusy
  }

  async #read(generation: Generation, buffer: Buffer): Promise<ReadOutcome> {
    const { file } = generation
    if (this.#isHalted) return 'end'
    if (this.#generations.hasOlderLines(generation)) return 'busy'
    if (file.origin.isHeldUp) {
      this.#goOnLater(generation)
      return 'paused'
    }
    if (!this.#generations.reopen(generation)) return 'end'
    const before = file.readOffset
    // Whether a current file is read to its end depends on no size.
    const size = generation.role === 'current' ? generation.seenSize : file.size()
    let outcome: ReadOutcome
    try {
      outcome = await file.readLines(buffer, this.#context.mayGoOn, generation.seenSize)
    } catch (error) {
      this.#report((error as Error).message)
      // Retry later: newer files of the path wait for it.
      generation.isPaused = true
      return 'end'
    }
    const backlogEnd = Math.min(file.readOffset, file.initialSize)
    if (backlogEnd > before) this.#context.onRead(backlogEnd - before)
    if (outcome === 'truncated') {
      // A rotated file with other content: the next copytruncate wrote its copy into it.
      if (generation.role === 'current') {
        // Forces another check, whatever its modification time.
        generation.seenMtimeNs = -1n
        this.poll()
      } else this.#moveToCopy(generation, this.#context.nowMs())
    }
    this.#context.metrics.setBytes({ read: file.readOffset, size: Math.max(size, file.readOffset) })
    generation.isPaused = outcome === 'paused'
    if (generation.isPaused) this.#goOnLater(generation)
    if (outcome === 'end') this.#atEnd(generation, size)
    return outcome
  }

  /** Pauses a file because the pipeline accepts no line now, or its tenant has no room. */
  #goOnLater(generation: Generation): void {
    const { origin } = generation.file
    const goOn = () => this.#generations.request(generation)
    generation.isPaused = true
    if (origin.isHeldUp) origin.onReleased = goOn
    else setTimeout(goOn, this.#context.pauseMs()).unref()
  }

  #atEnd(generation: Generation, size: number): void {
    if (generation.role === 'current') return
    generation.drainedSize = size
    if (generation.isDrained) return
    generation.isDrained = true
    generation.changedMs = this.#context.nowMs()
    this.#generations.requestNext(generation)
  }

  /** Closes all files. Positions stay. */
  close(): void {
    this.#history.close()
    this.#generations.close()
  }
}

function lingerMsOf({ role }: Generation): number {
  return role === 'detached' ? detachedLingerMs : rotatedLingerMs
}

/** Returns true if the server has accepted all lines of a file. */
function isSettled({ file }: Generation): boolean {
  return !file.origin.hasUnsettled && file.origin.held.size === 0
}
