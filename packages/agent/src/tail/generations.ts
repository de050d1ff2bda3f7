// The files of one path that are being read, in the order in which they are read: the rotated ones as
// they were found, the current one last. A rotated file is held open so that nothing is lost when it
// is deleted; where there are too many, the oldest are closed and found again when it is their turn.

import type { Logger } from 'pino'
import { heldPerPathMax } from '../limits.ts'
import type { LineOrigin } from '../line/line-origin.ts'
import type { HeldFile, HeldFiles } from './held-files.ts'
import type { KnownFiles } from './known-files.ts'
import type { PathHistory } from './path-history.ts'
import type { FileRecord } from './positions.ts'
import type { Reader, ReadScheduler } from './read-scheduler.ts'
import type { TailedFile } from './tailed-file.ts'

/** A file with its place in the life of the path. */
export interface Generation extends Reader, HeldFile {
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
  /** What was unread when the file was closed to wait for its turn. */
  unheldBytes: number
}

/** What the files of a path need from around them. */
export interface GenerationsContext {
  readonly known: KnownFiles
  readonly scheduler: ReadScheduler
  readonly held: HeldFiles
  readonly logger: Logger
  /** Sends what the pipeline holds of a file that has ended. */
  readonly finishOrigin: (origin: LineOrigin) => void
  readonly countLost: (bytes: number) => void
  /** Counts unread bytes of files that are no longer held open; less than 0 when they are again. */
  readonly countUnheld: (bytes: number) => void
}

/** The files of one path. */
export class Generations implements Iterable<Generation> {
  readonly #path: string
  readonly #context: GenerationsContext
  readonly #history: PathHistory
  /** In the order in which they are read. */
  readonly #all: Generation[] = []
  #hasWarned = false

  constructor(path: string, history: PathHistory, context: GenerationsContext) {
    this.#path = path
    this.#history = history
    this.#context = context
  }

  get count(): number {
    return this.#all.length
  }

  /** The file that the path leads to. */
  get current(): Generation | undefined {
    const last = this.#all.at(-1)
    return last?.role === 'current' ? last : undefined
  }

  /** Gives the files as they are now, whatever changes meanwhile. */
  [Symbol.iterator](): Iterator<Generation> {
    return [...this.#all].values()
  }

  /** Takes a file in, at the place that its role and record give it. */
  add(generation: Generation): void {
    const { role, file } = generation
    this.#context.known.opened(file)
    const at = role === 'current' ? this.#all.length : this.#placeOf(file.record)
    this.#all.splice(at, 0, generation)
    this.request(generation)
    if (role !== 'current') this.hold(generation)
  }

  /** Rotated files stand in the order in which they were found, before the current one. */
  #placeOf(record: FileRecord): number {
    const at = this.#all.findIndex(
      ({ role, file }) => role === 'current' || file.record.order > record.order,
    )
    return at < 0 ? this.#all.length : at
  }

  /** The path leads to a file again that was rotated: it was renamed back. */
  makeCurrent(generation: Generation): void {
    this.#all.splice(this.#all.indexOf(generation), 1)
    this.#all.push(generation)
    this.#context.held.delete(generation)
    generation.role = 'current'
    generation.isFlushed = false
  }

  /** Asks for a turn to read, unless an older file of the path is still to be read. */
  request(generation: Generation): void {
    for (const older of this.#all) {
      if (older === generation) break
      if (!older.isDrained) return
    }
    this.#context.scheduler.request(generation)
  }

  /** Asks for a turn for the file that is read after this one. */
  requestNext(generation: Generation): void {
    const next = this.#all[this.#all.indexOf(generation) + 1]
    if (next) this.request(next)
  }

  /**
   * Tells whether an older file of the path has grown since it was read to its end. Its writer moved
   * on since then, so those lines come before the ones of this file.
   */
  hasOlderLines(generation: Generation): boolean {
    for (const older of this.#all) {
      if (older === generation) return false
      if (older.isDrained && older.file.size() > older.drainedSize) older.isDrained = false
      if (older.isDrained) continue
      this.#context.scheduler.request(older)
      return true
    }
    return false
  }

  /** Holds a rotated file open until it is read; closes the oldest where those are too many. */
  hold(generation: Generation): void {
    const others = this.#all.filter(
      other => other !== generation && other.role !== 'current' && other.file.isOpen,
    )
    let count = others.length + 1
    for (const older of others) {
      if (count <= heldPerPathMax) break
      if (older.release()) count--
    }
    this.#context.held.add(generation)
  }

  /** Closes a rotated file until it is its turn; tells whether that was possible now. */
  release(generation: Generation): boolean {
    const { file } = generation
    if (file.isBusy || !file.isOpen) return false
    if (generation.isDrained && !generation.isFlushed) {
      if (!file.consumeUnfinishedLine()) return false
      generation.isFlushed = true
      this.#context.finishOrigin(file.origin)
    }
    const unheldBytes = Math.max(0, file.size() - file.readOffset)
    file.release()
    this.#context.held.delete(generation)
    this.#noteUnheld(generation, unheldBytes)
    if (unheldBytes > 0) this.#warn()
    generation.seenSize = file.readOffset
    return true
  }

  #noteUnheld(generation: Generation, bytes: number): void {
    this.#context.countUnheld(bytes - generation.unheldBytes)
    generation.unheldBytes = bytes
  }

  #warn(): void {
    if (this.#hasWarned) return
    this.#hasWarned = true
    this.#context.logger.warn(
      { path: this.#path },
      'Too many rotated files wait to be read: the oldest are closed, and lost if they are deleted',
    )
  }

  /** Opens a file again that was closed; tells whether it is open now. Lets go what is deleted. */
  reopen(generation: Generation): boolean {
    if (generation.file.isOpen) return true
    const outcome = this.#history.reopen(generation.file)
    if (outcome === 'gone') this.#loseDeleted(generation)
    if (outcome !== 'open') return false
    this.#noteUnheld(generation, 0)
    this.hold(generation)
    return true
  }

  /** After a rotation: writes down what the open files are called now. */
  noteNewPlaces(): void {
    for (const { file } of this) if (file.isOpen) this.#history.noteNewPlace(file)
  }

  /** After a rotation: lets go what was closed and is deleted now. */
  dropDeleted(): void {
    for (const generation of this) {
      const { file } = generation
      if (!file.isOpen && this.#history.locate(file) === 'gone') this.#loseDeleted(generation)
    }
  }

  #loseDeleted(generation: Generation): void {
    const why = 'Rotated file was deleted before it was read to its end'
    this.lose(generation, generation.unheldBytes, why)
  }

  /** Lets a file go whose content is nowhere any more. */
  lose(generation: Generation, lostBytes: number, why: string): void {
    const { known, finishOrigin, logger, countLost } = this.#context
    const { file } = generation
    if (lostBytes > 0) {
      logger.warn({ path: this.#path, lostBytes }, `${why}, and has no copy`)
      countLost(lostBytes)
    }
    finishOrigin(file.origin)
    this.drop(generation)
    known.forget(file.record)
  }

  /** Lets a file go; its record stays. */
  drop(generation: Generation): void {
    const { file } = generation
    const at = this.#all.indexOf(generation)
    if (at >= 0) this.#all.splice(at, 1)
    this.#context.held.delete(generation)
    this.#noteUnheld(generation, 0)
    if (this.#all.every(other => other.file.isOpen)) this.#hasWarned = false
    file.close()
    this.#context.known.closed(file)
    const next = this.#all[at]
    if (next) this.request(next)
  }

  /** Gives all descriptors back; positions stay. */
  close(): void {
    for (const generation of this.#all.splice(0)) {
      const { file } = generation
      this.#context.held.delete(generation)
      this.#noteUnheld(generation, 0)
      file.close()
      file.times.keep()
      this.#context.known.closed(file)
    }
  }
}
