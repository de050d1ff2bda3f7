// Follows one path: opens what it leads to, keeps reading what it led to before, and notices when the
// one becomes the other. Files of one path are read in order: a new one when the one before it was
// read to its end. A renamed file is read on until nothing was added for a while, since its writer
// may not have moved on yet. Where files went that are not open is known to `path-history.ts`.

import { type BigIntStats, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Logger } from 'pino'
import type { FileMetrics } from '../metrics.ts'
import type { LineOrigin } from '../pipeline/line-origin.ts'
import type { LineConsumer } from '../pipeline/pipeline.ts'
import type { TextEncoding } from './encoding.ts'
import { identityKey } from './file-identity.ts'
import type { KnownFiles } from './known-files.ts'
import { type FileToRead, PathHistory } from './path-history.ts'
import type { FileRecord } from './positions.ts'
import type { Reader, ReadScheduler } from './read-scheduler.ts'
import { type ReadOutcome, TailedFile } from './tailed-file.ts'
import type { TimeJournal } from './time-journal.ts'

// A rotated file that did not grow for so long is let go.
const lingerMs = 5_000
// The same where its path was taken away but the file stayed: a link that was removed.
const detachedLingerMs = 1_000
// What a done file ends with, a line without end or parts of one, is sent after so long.
const unfinishedMs = 1_500

// A file that another path's tailer should read is left to it for so long.
const unclaimedMs = 1_000

/** What a tailer needs from around it. */
export interface TailerContext {
  readonly scope: string
  readonly known: KnownFiles
  readonly journal: TimeJournal
  readonly scheduler: ReadScheduler
  readonly logger: Logger
  readonly nowMs: () => number
  /** Makes the consumer of the path's lines. */
  readonly openConsumer: (origin: LineOrigin) => LineConsumer
  /** Sends what the pipeline holds of a file that has ended. */
  readonly finishOrigin: (origin: LineOrigin) => void
  readonly encoding: TextEncoding | undefined
  readonly metrics: FileMetrics
  readonly countLost: (bytes: number) => void
  readonly countSkippedLine: (bytes: number) => void
  /** Tells whether the pipeline takes a further line now. */
  readonly mayGoOn: (() => boolean) | undefined
  /** Milliseconds until it does. */
  readonly pauseMs: () => number
  readonly onBacklog: (bytes: number) => void
  readonly onRead: (bytes: number) => void
}

/** A file with its place in the life of the path. */
interface Generation extends Reader {
  readonly file: TailedFile
  /** The path leads to it; or led, and it was renamed; or its path was taken away. */
  role: 'current' | 'rotated' | 'detached'
  /** Was read to its end since it is no longer current. */
  isDrained: boolean
  isFlushed: boolean
  changedMs: number
  seenSize: number
  seenMtimeNs: bigint
  /** Size at which it was read to its end. */
  drainedSize: number
  /** The pipeline took no further line; to be asked again. */
  isPaused: boolean
}

/** Follows a path through renames, truncation, deletion and new creation. */
export class Tailer {
  readonly path: string
  readonly #context: TailerContext
  readonly #history: PathHistory
  readonly #generations: Generation[] = []
  #problem: string | undefined
  #isStarted = false
  #isLeaving = false
  /** Since when nobody reads the file that this path leads to, though another path's tailer should. */
  #unclaimedMs: number | undefined
  /** Another path's tailer reads the file that this path leads to. */
  #isAlias = false

  constructor(path: string, context: TailerContext) {
    this.path = path
    this.#context = context
    const { scope, known, logger } = context
    const report = (problem: string) => this.#report(problem)
    this.#history = new PathHistory({ path, scope, known, logger, report })
  }

  /** Files that are open for this path. */
  get openCount(): number {
    return this.#generations.length
  }

  get isAlias(): boolean {
    return this.#isAlias
  }

  /** Tells whether rotated files need a look soon. */
  get isRestless(): boolean {
    return this.#generations.some(({ role }) => role !== 'current')
  }

  /** Tells whether there is nothing left to read and nothing to wait for. */
  get isDone(): boolean {
    return this.#isLeaving && this.#generations.length === 0
  }

  /** Where the file lies that the path leads to, links resolved. */
  get foundAt(): string | undefined {
    return this.#current?.file.record.foundAt
  }

  get readOffset(): number {
    return this.#current?.file.readOffset ?? 0
  }

  get #current(): Generation | undefined {
    const last = this.#generations.at(-1)
    return last?.role === 'current' ? last : undefined
  }

  /** The path is no longer wanted: reads to the ends and opens nothing new. */
  leave(): void {
    this.#isLeaving = true
  }

  /** The path is wanted again. */
  stay(): void {
    this.#isLeaving = false
  }

  /** Looks at the path and at all open files; tells whether anything happened. */
  poll(): boolean {
    const nowMs = this.#context.nowMs()
    if (!this.#isStarted) {
      this.#isStarted = true
      for (const file of this.#history.resume(this.#pathKey())) this.#add(file, nowMs)
    }
    const stats = this.#stat()
    let hasChanged = false
    if (stats !== 'unreadable') hasChanged = this.#followPath(stats, nowMs)
    for (const generation of [...this.#generations]) {
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
        if (stats) this.#report(undefined)
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
    const current = this.#current
    const key = stats && identityKey(stats)
    if (current && key === current.file.key) {
      const { mtimeNs, size } = stats!
      if (mtimeNs === current.seenMtimeNs && Number(size) === current.seenSize) return false
      if (current.file.isTruncated()) return this.#restartTruncated(current, nowMs)
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
    generation.role = isStillThere ? 'detached' : 'rotated'
    generation.changedMs = nowMs
    if (!isStillThere) this.#history.noteNewPlaces(dirname(file.record.foundAt))
    this.#request(generation)
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
    const claimant = known.claimant(scope, stats)
    const mine = this.#generations.find(({ file }) => file === claimant)
    if (mine) {
      // Renamed back.
      this.#generations.splice(this.#generations.indexOf(mine), 1)
      this.#generations.push(mine)
      mine.role = 'current'
      mine.isFlushed = false
      return true
    }
    if (claimant || this.#isAnothers(stats, nowMs)) {
      this.#isAlias = true
      if (claimant) this.#unclaimedMs = undefined
      return false
    }
    this.#isAlias = false
    this.#unclaimedMs = undefined
    return this.#openNew(identityKey(stats), nowMs)
  }

  /** Opens what came unseen, then what the path leads to; tells whether the latter is open now. */
  #openNew(key: string | undefined, nowMs: number): boolean {
    if (key !== undefined) {
      for (const file of this.#history.unseen(key)) this.#add(file, nowMs)
    }
    let isOpen = false
    for (const file of this.#history.current()) {
      this.#add(file, nowMs)
      isOpen = file.role === 'current'
    }
    return isOpen
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
    const { known, journal, openConsumer, metrics, countSkippedLine, encoding } = this.#context
    record.isFinished = false
    const file = new TailedFile({
      ...{ record, opened, journal, openConsumer, encoding },
      ...(gzipPath === undefined ? {} : { gzipPath }),
      events: { onLines: metrics.countLines, onSkippedLine: countSkippedLine },
    })
    const generation: Generation = {
      ...{ file, role, isDrained: false, isFlushed: false, changedMs: nowMs },
      ...{ seenSize: -1, seenMtimeNs: -1n, drainedSize: -1, isPaused: false },
      read: buffer => this.#read(generation, buffer),
    }
    known.opened(file)
    const { foundAt, offset } = record
    this.#context.logger.debug({ path: this.path, foundAt, offset, role }, 'File opened')
    this.#context.onBacklog(Math.max(0, file.initialSize - file.initialOffset))
    const at = role === 'current' ? this.#generations.length : this.#placeOf(record)
    this.#generations.splice(at, 0, generation)
    this.#request(generation)
  }

  /** Rotated files stand in the order in which they were found, before the current one. */
  #placeOf(record: FileRecord): number {
    const at = this.#generations.findIndex(
      ({ role, file }) => role === 'current' || file.record.order > record.order,
    )
    return at < 0 ? this.#generations.length : at
  }

  #pathKey(): string | undefined {
    const stats = this.#stat()
    return stats && stats !== 'unreadable' ? identityKey(stats) : undefined
  }

  /** The file was truncated: what was not read yet may stand in a copy; the file begins anew. */
  #restartTruncated(generation: Generation, nowMs: number): boolean {
    this.#moveToCopy(generation, nowMs)
    return this.#openNew(this.#pathKey(), nowMs)
  }

  /** The file has other content now: goes on in a copy of the old one, or lets it go. */
  #moveToCopy(generation: Generation, nowMs: number): void {
    const { known, finishOrigin, logger } = this.#context
    const { file } = generation
    if (this.#history.moveToCopy(file)) {
      generation.role = 'rotated'
      generation.changedMs = nowMs
      this.#request(generation)
      return
    }
    const lostBytes = Math.max(0, generation.seenSize - file.readOffset)
    if (lostBytes > 0) {
      const fields = { path: this.path, lostBytes }
      logger.warn(fields, 'File was truncated before it was read to its end, and has no copy')
      this.#context.countLost(lostBytes)
    }
    finishOrigin(file.origin)
    this.#drop(generation)
    known.forget(file.record)
  }

  /** Looks at one open file: has it grown, is it done. */
  #look(generation: Generation, nowMs: number): boolean {
    const { file, role } = generation
    const size = file.size()
    const hasGrown = size !== generation.seenSize || generation.isPaused
    if (hasGrown) {
      generation.seenSize = size
      generation.changedMs = nowMs
      generation.isFlushed = false
      this.#request(generation)
    }
    this.#context.metrics.setBytes({ read: file.readOffset, size })
    if (role === 'current') return hasGrown
    if (!this.#isAtEnd(generation)) return true
    const quietMs = nowMs - generation.changedMs
    const limitMs = role === 'detached' ? detachedLingerMs : lingerMs
    if (quietMs >= Math.min(unfinishedMs, limitMs) && !generation.isFlushed) {
      if (!file.consumeUnfinishedLine()) {
        // Lines that nobody had room for yet.
        this.#request(generation)
        return true
      }
      generation.isFlushed = true
      this.#context.finishOrigin(file.origin)
    }
    const isSettled = !file.origin.hasUnsettled && file.origin.held.size === 0
    if (quietMs >= limitMs && generation.isFlushed && isSettled) {
      file.record.isFinished = true
      this.#drop(generation)
    }
    return true
  }

  #isAtEnd({ file, isDrained }: Generation): boolean {
    return isDrained && !file.isBusy
  }

  #drop(generation: Generation): void {
    const { file } = generation
    const at = this.#generations.indexOf(generation)
    if (at >= 0) this.#generations.splice(at, 1)
    file.close()
    this.#context.known.closed(file)
    const next = this.#generations[at]
    if (next) this.#request(next)
  }

  /** Asks for a turn to read, unless an older file of the path is still to be read. */
  #request(generation: Generation): void {
    for (const older of this.#generations) {
      if (older === generation) break
      if (!older.isDrained) return
    }
    this.#context.scheduler.request(generation)
  }

  async #read(generation: Generation, buffer: Buffer): Promise<ReadOutcome> {
    const { file } = generation
    if (this.#hasOlderLines(generation)) return 'busy'
    const before = file.readOffset
    const size = file.size()
    let outcome: ReadOutcome
    try {
      outcome = await file.readLines(buffer, this.#context.mayGoOn)
    } catch (error) {
      this.#report((error as Error).message)
      return 'end'
    }
    const backlogEnd = Math.min(file.readOffset, file.initialSize)
    if (backlogEnd > before) this.#context.onRead(backlogEnd - before)
    if (outcome === 'truncated') {
      // A rotated file whose content is another's: the next copytruncate wrote its copy into it.
      if (generation.role === 'current') this.poll()
      else this.#moveToCopy(generation, this.#context.nowMs())
    }
    this.#context.metrics.setBytes({ read: file.readOffset, size: Math.max(size, file.readOffset) })
    generation.isPaused = outcome === 'paused'
    if (generation.isPaused) {
      setTimeout(() => this.#request(generation), this.#context.pauseMs()).unref()
    }
    if (outcome === 'end') this.#atEnd(generation, size)
    return outcome
  }

  /**
   * Tells whether an older file of the path has grown since it was read to its end. Its writer moved
   * on since then, so those lines come before the ones of this file.
   */
  #hasOlderLines(generation: Generation): boolean {
    for (const older of this.#generations) {
      if (older === generation) return false
      if (older.isDrained && older.file.size() > older.drainedSize) older.isDrained = false
      if (older.isDrained) continue
      this.#context.scheduler.request(older)
      return true
    }
    return false
  }

  #atEnd(generation: Generation, size: number): void {
    if (generation.role === 'current') return
    generation.drainedSize = size
    if (generation.isDrained) return
    generation.isDrained = true
    generation.changedMs = this.#context.nowMs()
    const next = this.#generations[this.#generations.indexOf(generation) + 1]
    if (next) this.#request(next)
  }

  /** Gives all descriptors back; positions stay. */
  close(): void {
    for (const generation of this.#generations.splice(0)) generation.file.close()
  }
}
