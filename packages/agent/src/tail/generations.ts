// The open and waiting files of one path, in reading order: rotated ones as they were found, then the
// current one. A rotated file is held open so that nothing is lost when it is deleted. If there are too
// many, the oldest are closed, and found again when their turn comes.

import type { Logger } from 'pino'
import { heldPerPathMax } from '../limits.ts'
import type { LineOrigin } from '../line/line-origin.ts'
import type { HeldFile, HeldFiles } from './held-files.ts'
import type { KnownFiles } from './known-files.ts'
import type { PathHistory } from './path-history.ts'
import type { FileRecord } from './positions.ts'
import type { Reader, ReadScheduler } from './read-scheduler.ts'
import type { TailedFile } from './tailed-file.ts'

/** A file, with its role for the path. */
export interface Generation extends Reader, HeldFile {
  readonly file: TailedFile
  /** `current`: the path leads to it. `rotated`: it was renamed. `detached`: its path was removed. */
  role: 'current' | 'rotated' | 'detached'
  /** True if it was read to its end after it stopped being current. */
  isDrained: boolean
  isFlushed: boolean
  changedMs: number
  seenSize: number
  /** The largest size seen: what was lost when it was truncated. */
  seenSizeMost: number
  seenMtimeNs: bigint
  /** Its size when it was read to its end. */
  drainedSize: number
  /** True if the pipeline accepted no further line, so reading must be requested again. */
  isPaused: boolean
  /** Unread bytes when the file was closed to wait for its turn. */
  unheldBytes: number
}

/** Content of a file that is gone. */
export interface Loss {
  readonly kind: 'deleted' | 'truncated' | 'damaged'
  /** 0 if unknown. */
  readonly bytes: number
  readonly origin?: LineOrigin
}

/** What the files of a path need from the agent. */
export interface GenerationsContext {
  readonly known: KnownFiles
  readonly scheduler: ReadScheduler
  readonly held: HeldFiles
  readonly logger: Logger
  /** Passes on what the pipeline holds of a file that has ended. */
  readonly finishOrigin: (origin: LineOrigin) => void
  readonly countLost: (loss: Loss) => void
  /**
   * Counts unread bytes of files no longer held open. Called with a negative number when they are open
   * again.
   */
  readonly countUnheld: (bytes: number) => void
}

/** The files of one path. */
export class Generations implements Iterable<Generation> {
  readonly #path: string
  readonly #context: GenerationsContext
  readonly #history: PathHistory
  /** In reading order. */
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

  /** Iterates over the current files, unaffected by later changes. */
  [Symbol.iterator](): Iterator<Generation> {
    return [...this.#all].values()
  }

  /** Adds a file at the position given by its role and record. */
  add(generation: Generation): void {
    const { role, file } = generation
    this.#context.known.opened(file)
    const at = role === 'current' ? this.#all.length : this.#placeOf(file.record)
    this.#all.splice(at, 0, generation)
    this.request(generation)
    if (role !== 'current') this.hold(generation)
  }

  /** Rotated files come in the order they were found, before the current one. */
  #placeOf(record: FileRecord): number {
    const at = this.#all.findIndex(
      ({ role, file }) => role === 'current' || file.record.order > record.order,
    )
    return at < 0 ? this.#all.length : at
  }

  /** Makes a rotated file current again, because it was renamed back. */
  makeCurrent(generation: Generation): void {
    this.#all.splice(this.#all.indexOf(generation), 1)
    this.#all.push(generation)
    this.#context.held.delete(generation)
    generation.role = 'current'
    generation.isFlushed = false
  }

  /** Requests a turn to read, unless an older file of the path comes first. */
  request(generation: Generation): void {
    for (const older of this.#all) {
      if (older === generation) break
      if (!older.isDrained) return
    }
    this.#context.scheduler.request(generation)
  }

  /** Requests a turn for the file after this one. */
  requestNext(generation: Generation): void {
    const next = this.#all[this.#all.indexOf(generation) + 1]
    if (next) this.request(next)
  }

  /**
   * Returns true if an older file of the path has grown since it was read to its end. Its writer has moved
   * on since, so those lines come before this file's.
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

  /** Holds a rotated file open until it is read. Closes the oldest if there are too many. */
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

  /** Closes a rotated file until its turn. Returns true if that was possible now. */
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
      'Too many rotated files wait to be read: the oldest are closed, and lost if deleted before their turn',
    )
  }

  /** Opens a closed file again. Returns true if it is open now. Drops deleted files. */
  reopen(generation: Generation): boolean {
    if (generation.file.isOpen) return true
    const outcome = this.#history.reopen(generation.file)
    if (outcome === 'gone') this.#loseDeleted(generation)
    if (outcome !== 'open') return false
    this.#noteUnheld(generation, 0)
    this.hold(generation)
    return true
  }

  /** Records the new names of the open files after a rotation. */
  noteNewPlaces(): void {
    for (const { file } of this) if (file.isOpen) this.#history.noteNewPlace(file)
  }

  /** Drops closed files that were deleted, after a rotation. */
  dropDeleted(): void {
    for (const generation of this) {
      const { file } = generation
      if (!file.isOpen && this.#history.locate(file) === 'gone') this.#loseDeleted(generation)
    }
  }

  #loseDeleted(generation: Generation): void {
    const why = 'Rotated file was deleted before it was read to its end'
    this.lose(generation, { kind: 'deleted', bytes: generation.unheldBytes, why })
  }

  /** Drops a file whose content is gone. */
  lose(
    generation: Generation,
    { kind, bytes, why }: Pick<Loss, 'kind' | 'bytes'> & { readonly why: string },
  ): void {
    const { known, finishOrigin, logger, countLost } = this.#context
    const { file } = generation
    if (bytes > 0) {
      logger.warn({ path: this.#path, lostBytes: bytes }, `${why}, and has no copy`)
      countLost({ kind, bytes, origin: file.origin })
    }
    finishOrigin(file.origin)
    this.drop(generation)
    known.forget(file.record)
  }

  /** Drops a file. Its record stays. */
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

  /** Closes all files. Positions stay. */
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
