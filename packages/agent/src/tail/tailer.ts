// Follows one path: opens what it leads to, keeps reading what it led to before, and notices when the
// one becomes the other. A renamed file is read on until nothing was added for a while, since its
// writer may not have moved on yet. In which order its files are read is known to `generations.ts`,
// where they went that are not open to `path-history.ts`.

import { type BigIntStats, statSync } from 'node:fs'
import { identityKey } from '../files/file-identity.ts'
import {
  detachedLingerMs,
  dropDeletedEveryMs,
  rotatedLingerMs,
  unclaimedMs,
  unfinishedMs,
} from '../limits.ts'
import type { LineOrigin } from '../line/line-origin.ts'
import type { FileMetrics } from '../metrics/agent-metrics.ts'
import type { LineConsumer } from '../pipeline/pipeline.ts'
import type { TextEncoding } from './encoding.ts'
import { type Generation, Generations, type GenerationsContext } from './generations.ts'
import { type FileToRead, PathHistory } from './path-history.ts'
import { type ReadOutcome, TailedFile } from './tailed-file.ts'
import type { TimeJournal } from './time-journal.ts'

/** What a tailer needs from around it. */
export interface TailerContext extends GenerationsContext {
  readonly scope: string
  readonly journal: TimeJournal
  readonly nowMs: () => number
  /** Makes the consumer of the path's lines. */
  readonly openConsumer: (origin: LineOrigin) => LineConsumer
  readonly encoding: TextEncoding | undefined
  readonly metrics: FileMetrics
  /** Counts a line that is too long to be read. */
  readonly countSkippedLine: () => void
  /** Counts a file that was written anew in place. */
  readonly countRewritten: () => void
  /** Counts a record of a container's log that is not as Docker writes them. */
  readonly countDamaged: () => void
  /** Tells whether the pipeline takes a further line now. */
  readonly mayGoOn: (() => boolean) | undefined
  /** Milliseconds until it does. */
  readonly pauseMs: () => number
  readonly onBacklog: (bytes: number) => void
  readonly onRead: (bytes: number) => void
}

/** Follows a path through renames, truncation, deletion and new creation. */
export class Tailer {
  readonly path: string
  readonly #context: TailerContext
  readonly #history: PathHistory
  readonly #generations: Generations
  #problem: string | undefined
  #isStarted = false
  #isLeaving = false
  #isHalted = false
  /** Since when nobody reads the file that this path leads to, though another path's tailer should. */
  #unclaimedMs: number | undefined
  /** Another path's tailer reads the file that this path leads to. */
  #isAlias = false
  /** Files that were closed are looked for again then, at a rotation. */
  #dropDeletedMs = 0

  constructor(path: string, context: TailerContext) {
    this.path = path
    this.#context = context
    const { scope, known, logger } = context
    const report = (problem: string) => this.#report(problem)
    this.#history = new PathHistory({ path, scope, known, logger, report })
    this.#generations = new Generations(path, this.#history, context)
  }

  /** Files that are being read for this path. */
  get openCount(): number {
    return this.#generations.count
  }

  get isAlias(): boolean {
    return this.#isAlias
  }

  /** Tells whether there is nothing left to read and nothing to wait for. */
  get isDone(): boolean {
    return this.#isLeaving && this.#generations.count === 0 && !this.#history.isWaiting
  }

  /** Where the file lies that the path leads to, links resolved. */
  get foundAt(): string | undefined {
    return this.#generations.current?.file.record.foundAt
  }

  /** Size of the file that the path leads to. */
  get sizeBytes(): number | undefined {
    return this.#generations.current?.file.size()
  }

  get readOffset(): number {
    return this.#generations.current?.file.readOffset ?? 0
  }

  /** The path was not there at the last search. */
  get isLeaving(): boolean {
    return this.#isLeaving
  }

  /**
   * The path is no longer wanted: reads to the ends and opens nothing new. `for-good` where it may
   * lead to its file still: that is let go as well, once nothing was added to it for a while.
   */
  leave(how: 'when-gone' | 'for-good' = 'when-gone'): void {
    this.#isLeaving = true
    const { current } = this.#generations
    if (how === 'when-gone' || !current) return
    this.#detach(current, 'rotated', this.#context.nowMs())
  }

  /** Lines that are read from now on go to consumers that are made anew, with other labels. */
  renewConsumers(): void {
    for (const { file } of this.#generations) {
      if (file.renewConsumer()) this.#context.finishOrigin(file.origin)
    }
  }

  /** The path is wanted again. */
  stay(): void {
    this.#isLeaving = false
  }

  /** Reads nothing more; what was read goes on. */
  halt(): void {
    this.#isHalted = true
  }

  /** Nothing is being read, and every line that was read is taken or given up. */
  get isSettled(): boolean {
    for (const { file } of this.#generations) {
      if (file.isBusy || file.origin.hasUnsettled) return false
    }
    return true
  }

  /** Looks at the path and at all open files; tells whether anything happened. */
  poll(): boolean {
    if (this.#isHalted) return false
    const nowMs = this.#context.nowMs()
    if (!this.#isStarted) {
      this.#isStarted = true
      for (const file of this.#history.resume()) this.#add(file, nowMs)
    }
    const stats = this.#stat()
    let hasChanged = false
    if (stats !== 'unreadable') hasChanged = this.#followPath(stats, nowMs)
    for (const generation of this.#generations) {
      const { role, seenSize, isPaused } = generation
      const isSteady = role === 'current' && !isPaused && stats && stats !== 'unreadable'
      if (isSteady && Number(stats.size) === seenSize) continue
      if (this.#look(generation, nowMs)) hasChanged = true
    }
    return hasChanged
  }

  #stat(): BigIntStats | undefined | 'unreadable' {
    try {
      const stats = statSync(this.path, { bigint: true, throwIfNoEntry: false })
      if (!stats || stats.isFile()) {
        // Whether it can be read shows when it is opened.
        if (stats && this.#generations.current) this.#report(undefined)
        return stats
      }
      this.#report('it is not a regular file')
      return undefined
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      // A part of the path that is no directory, or a loop of links: not there.
      if (code === 'ENOTDIR' || code === 'ELOOP') return undefined
      this.#report(message)
      return 'unreadable'
    }
  }

  /** Logs a problem when it appears and when it changes. */
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

  /** The path leads elsewhere: the file is rotated away, or only a link to it was removed. */
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
      // Unreadable is as good as gone.
      return false
    }
  }

  /** Opens what the path leads to, after whatever was rotated away unseen. */
  #openPath(stats: BigIntStats, nowMs: number): boolean {
    const { known, scope } = this.#context
    let claimant = known.claimant(scope, stats)
    for (const generation of this.#generations) {
      if (generation.file !== claimant) continue
      // The inode of a file that was closed may be another's now.
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

  /** Opens what came unseen, then what the path leads to; tells whether the latter is open now. */
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
   * Tells whether the file should be left to another path's tailer, which read it before a restart,
   * or whose alias this path was until now; only for as long as that may take.
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
    const { journal, openConsumer, metrics, countSkippedLine, encoding, logger } = this.#context
    record.isFinished = false
    const file = new TailedFile({
      ...{ record, opened, journal, openConsumer, encoding },
      ...(gzipPath === undefined ? {} : { gzipPath }),
      events: {
        onLines: metrics.countLines,
        onSkippedLine: (offset, bytesMax) => {
          countSkippedLine()
          const fields = { path: this.path, offset, bytesMax }
          logger.warn(fields, 'Line is longer than any may be: it is skipped')
        },
        onSkipped: (offset, end) =>
          logger.warn({ path: this.path, offset, bytes: end - offset }, 'Line was skipped'),
        onDamage: problem => this.#reportDamage(record.foundAt, problem),
      },
    })
    const generation: Generation = {
      ...{ file, role, isDrained: false, isFlushed: false, changedMs: nowMs },
      ...{ seenSize: -1, seenMtimeNs: -1n, drainedSize: -1, isPaused: false },
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

  #reportDamage(foundAt: string, error: string): void {
    const fields = { path: this.path, foundAt, error }
    this.#context.logger.warn(fields, 'Compressed file is damaged: its rest is not read')
  }

  /** The file was truncated: what was not read yet may stand in a copy; the file begins anew. */
  #restartTruncated(generation: Generation, nowMs: number): boolean {
    this.#moveToCopy(generation, nowMs)
    return this.#openNew(nowMs) !== 'unusable'
  }

  /** The file has other content now: goes on in a copy of the old one, or lets it go. */
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
        'File was written anew in place, and has no copy: it is read from its beginning, and what was written before and not read yet is lost'
      this.#context.logger.warn(fields, message)
    }
    const lostBytes = Math.max(0, generation.seenSize - file.readOffset)
    this.#generations.lose(
      generation,
      lostBytes,
      'File was truncated before it was read to its end',
    )
  }

  /** Looks at one open file: has it grown, is it done. */
  #look(generation: Generation, nowMs: number): boolean {
    const { file, role } = generation
    if (!file.isOpen && !this.#isReopenedToEnd(generation, nowMs)) return true
    const size = file.size()
    const hasGrown = size !== generation.seenSize || generation.isPaused
    if (hasGrown) {
      generation.seenSize = size
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
        // Lines that nobody had room for yet.
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

  /** A file that was closed waits for its turn, or is looked at once more before it is let go. */
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
    const size = file.size()
    let outcome: ReadOutcome
    try {
      outcome = await file.readLines(buffer, this.#context.mayGoOn)
    } catch (error) {
      this.#report((error as Error).message)
      // To be tried again: newer files of the path wait for it.
      generation.isPaused = true
      return 'end'
    }
    const backlogEnd = Math.min(file.readOffset, file.initialSize)
    if (backlogEnd > before) this.#context.onRead(backlogEnd - before)
    if (outcome === 'truncated') {
      // A rotated file whose content is another's: the next copytruncate wrote its copy into it.
      if (generation.role === 'current') {
        // It is looked at again, whatever its time says.
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

  /** The pipeline takes no line now, or the file's tenant has no room. */
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

  /** Gives all descriptors back; positions stay. */
  close(): void {
    this.#history.close()
    this.#generations.close()
  }
}

function lingerMsOf({ role }: Generation): number {
  return role === 'detached' ? detachedLingerMs : rotatedLingerMs
}

/** Tells whether all lines of a file were taken by the server. */
function isSettled({ file }: Generation): boolean {
  return !file.origin.hasUnsettled && file.origin.held.size === 0
}
