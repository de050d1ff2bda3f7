// What one path led to before. After a restart, a truncation or a rotation that nobody saw, finds those
// files again, wherever they are now, and opens them at the right position. Reads no lines itself, and does
// not decide the reading order.

import { type BigIntStats, closeSync, realpathSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Logger } from 'pino'
import {
  identityKey,
  type OpenedFile,
  openIfThere,
  openRegularFile,
} from '../files/file-identity.ts'
import { movedLooksMax } from '../limits.ts'
import type { DirectoryLists } from './directory-list.ts'
import {
  type FoundFile,
  findCopy,
  findInPlace,
  findRecord,
  hasContent,
  isInodeOf,
  placeOf,
  recordKey,
  rotatedSiblings,
  sizeInPlace,
  stemOf,
} from './found-file.ts'
import type { KnownFiles } from './known-files.ts'
import { findMoved } from './moved-files.ts'
import type { FileRecord } from './positions.ts'
import type { Sibling } from './sibling.ts'
import type { TailedFile } from './tailed-file.ts'

/** A file that was found and opened, to be read from its record's position. */
export interface FileToRead {
  readonly record: FileRecord
  readonly opened: OpenedFile
  /** Set for a compressed file. */
  readonly gzipPath?: string
  /** Whether the path leads to it now or led to it before. */
  readonly role: 'current' | 'rotated'
}

/**
 * The files of one path. Yields found files one at a time, oldest first. The caller owns the descriptor of
 * each, and must register the file as open before asking for the next.
 */
export class PathHistory {
  readonly #path: string
  readonly #scope: string
  readonly #known: KnownFiles
  readonly #lists: DirectoryLists
  readonly #logger: Logger
  readonly #report: (problem: string) => void
  readonly #onLost: (bytes: number) => void
  readonly #onAway: (id: string, bytes: number) => void
  /** Unread bytes of gone files of which nothing was accepted: they may be among the unseen ones. */
  #doubtfulBytes = 0
  /** Birth time of a file of this path that was found but not read before a restart. */
  #lostSinceMs: number | undefined
  /** The file the path led to when opened. It waits for a search for the files before it. */
  #waiting: { readonly opened: OpenedFile; readonly sinceMs: number } | undefined
  /** Files that were not where they were last seen: since when, and how often they were searched for. */
  readonly #missed = new WeakMap<TailedFile, { sinceMs: number; looks: number }>()

  constructor(options: {
    readonly path: string
    readonly scope: string
    readonly known: KnownFiles
    readonly logger: Logger
    /** Called with the reason why a file cannot be opened. */
    readonly report: (problem: string) => void
    /** Called with the bytes of a file that is gone, as far as they were seen and not accepted. */
    readonly onLost: (bytes: number) => void
    /** The same for a file whose directory is gone too, with the id of its record. */
    readonly onAway: (id: string, bytes: number) => void
  }) {
    this.#path = options.path
    this.#scope = options.scope
    this.#known = options.known
    this.#lists = options.known.lists
    this.#logger = options.logger
    this.#report = options.report
    this.#onLost = options.onLost
    this.#onAway = options.onAway
  }

  /**
   * Finds the files that were not read to their ends before a restart, except the one the path leads to
   * now. That one is held open meanwhile, so that checking it once is enough.
   */
  *resume(): Iterable<FileToRead> {
    const current = openIfThere(this.#path)
    try {
      yield* this.#elsewhere(current, this.#known.recordsOf(this.#scope, this.#path))
    } finally {
      if (current) closeSync(current.fd)
      // Nobody will look for unseen files.
      else this.#loseDoubtful()
    }
  }

  #loseDoubtful(): void {
    if (this.#doubtfulBytes > 0) this.#onLost(this.#doubtfulBytes)
    this.#doubtfulBytes = 0
  }

  /** Opens the records' files that nobody reads, wherever they are, except the current file. */
  *#elsewhere(
    current: OpenedFile | undefined,
    records: readonly FileRecord[],
  ): Iterable<FileToRead> {
    const moved: FileRecord[] = []
    for (const record of records) {
      if (this.#known.openFile(record)) continue
      if (current && isFileOf(current, record)) continue
      if (record.isFinished && sizeInPlace(record) === record.offset) continue
      const found = findInPlace(record)
      if (!found) moved.push(record)
      else if (!isReadToEnd(record, found)) yield* this.#reopen(record, found)
    }
    for (const { record, found } of findMoved(moved, this.#lists)) {
      if (!found) this.#giveUp(record)
      else if (!isReadToEnd(record, found)) yield* this.#reopen(record, found)
    }
  }

  /**
   * Gives up a file that disappeared before it was read to its end. What was written to it since it was last
   * seen is unknown.
   */
  #giveUp(record: FileRecord): void {
    const isForgotten = this.#known.miss(record)
    if (record.isFinished) return
    const lostBytes = Math.max(0, (record.size ?? 0) - record.offset)
    if (!isForgotten) {
      if (lostBytes > 0) this.#onAway(record.id, lostBytes)
      return
    }
    if (record.offset === 0) {
      // Nothing of it was read, so it cannot be found by content and counts as unseen.
      this.#lostSinceMs ??= record.birthMs
      this.#doubtfulBytes += lostBytes
      return
    }
    const fields = { path: this.#path, offset: record.offset, lostBytes }
    this.#logger.warn(fields, 'File disappeared before it was read to its end')
    if (lostBytes > 0) this.#onLost(lostBytes)
  }

  /** Opens a known file at another place. A finished one is only remembered. */
  *#reopen(record: FileRecord, found: FoundFile): Iterable<FileToRead> {
    let opened: OpenedFile | undefined
    try {
      opened = openRegularFile(found.path)
    } catch (error) {
      this.#report((error as Error).message)
      return
    }
    if (!opened) return
    const place = placeOf({ path: found.path, stats: opened.stats })
    this.#known.move(record, () => Object.assign(record, place))
    const gzipPath = found.isGzip ? { gzipPath: found.path } : {}
    yield { record, opened, ...gzipPath, role: 'rotated' }
  }

  /** True if a file was found that `latest` has not returned yet. */
  get isWaiting(): boolean {
    return this.#waiting !== undefined
  }

  /** Closes the file that `latest` has not returned. */
  close(): void {
    if (this.#waiting) closeSync(this.#waiting.opened.fd)
    this.#waiting = undefined
  }

  /**
   * Finds what the path leads to, to read it from its saved position or its start. Before it, finds the
   * files that came and were rotated away between two checks, and the copy of its earlier content if it has
   * different content now. The current file is opened first and returned last, so that no rotation during
   * the search can swap it. If the directory is slow to list and was listed just now, returns nothing yet:
   * ask again.
   */
  *latest(): Iterable<FileToRead> {
    const opened = this.#waiting?.opened ?? this.#open(this.#path)
    if (typeof opened === 'string') return
    const sinceMs = this.#waiting?.sinceMs ?? performance.now()
    this.#waiting = { opened, sinceMs }
    yield* this.#unfinished(opened)
    if ((yield* this.#unseen(opened.stats, sinceMs)) === 'later') return
    this.#waiting = undefined
    this.#loseDoubtful()
    yield* this.#withRecord(opened, this.#path, 'current')
  }

  /**
   * Returns known files that nobody reads: one that was current at the start and was rotated before it was
   * opened.
   */
  #unfinished(current: OpenedFile): Iterable<FileToRead> {
    const records = this.#known.recordsOf(this.#scope, this.#path)
    return this.#elsewhere(
      current,
      records.filter(({ isFinished }) => !isFinished),
    )
  }

  *#unseen(current: BigIntStats, sinceMs: number): Generator<FileToRead, 'later' | undefined> {
    const logPath = realPathOf(this.#path)
    const directory = dirname(logPath)
    let list = this.#lists.since(directory, sinceMs)
    for (let look = 0; look < movedLooksMax; look++) {
      if (!list) return 'later'
      const outcome = yield* this.#lookForUnseen(current, rotatedSiblings(logPath, list))
      if (outcome === 'complete') break
      list = this.#lists.fresh(directory)
    }
    return undefined
  }

  *#lookForUnseen(
    current: BigIntStats,
    rotated: readonly Sibling[],
  ): Generator<FileToRead, 'complete' | 'vanished'> {
    const known = this.#known
    const currentKey = identityKey(current)
    // A record of a file that was empty when found has no content to compare.
    const before = known
      .recordsOf(this.#scope, this.#path)
      .findLast(({ head }) => (head?.length ?? 0) > 0)
    // Not by inode alone, which a new file may have reused.
    if (before && isInodeOf(current, before)) return 'complete'
    const bornSinceMs = before?.birthMs ?? this.#lostSinceMs ?? known.aliveMs
    let unseen: Sibling[] = []
    let isAnyKnown = false
    // From the newest back to the first known one: anything older was seen or given up.
    for (const sibling of rotated.toReversed()) {
      if (sibling.isGone) return 'vanished'
      if (!sibling.stats) continue
      // What came after it is for the next search.
      if (sibling.key === currentKey) unseen = []
      else if (known.hasContentOf(this.#scope, sibling)) {
        isAnyKnown = true
        break
      } else unseen.push(sibling)
    }
    for (const sibling of unseen.toReversed()) {
      const bornMs = Number(sibling.stats!.birthtimeMs)
      const isNewer = isAnyKnown || (bornMs > 0 && bornMs >= bornSinceMs)
      // While a file is being compressed, both forms exist. The second is recognised by the first.
      if (!isNewer || known.hasContentOf(this.#scope, sibling)) continue
      this.#doubtfulBytes = 0
      const outcome = yield* this.#openAt(sibling.path, sibling.isGzip ? 'gzip' : 'rotated')
      // Renamed or compressed since the listing. Newer files must not be opened before it.
      if (outcome === 'vanished') return 'vanished'
    }
    return 'complete'
  }

  *#openAt(
    at: string,
    as: 'rotated' | 'gzip',
  ): Generator<FileToRead, 'opened' | 'vanished' | 'unusable'> {
    const opened = this.#open(at)
    if (typeof opened === 'string') return opened
    yield* this.#withRecord(opened, at, as)
    return 'opened'
  }

  #open(at: string): OpenedFile | 'vanished' | 'unusable' {
    try {
      return openRegularFile(at) ?? 'unusable'
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      if (code === 'ENOENT') return 'vanished'
      this.#report(message)
      return 'unusable'
    }
  }

  /** Yields an opened file with its record. */
  *#withRecord(
    opened: OpenedFile,
    at: string,
    as: 'current' | 'rotated' | 'gzip',
  ): Generator<FileToRead, void> {
    const known = this.#known
    let record = known.find(this.#scope, opened.stats)
    if (record && as !== 'gzip' && !hasContent(opened, record)) {
      const copy = findCopy(record, this.#lists.fresh(dirname(record.foundAt)))
      if (copy) yield* this.#reopen(record, copy)
      known.forget(record)
      record = undefined
    }
    const foundAt = realPathOf(at)
    if (record) known.move(record, () => Object.assign(record!, { foundAt }))
    const offset = as === 'current' ? this.#firstOffset(Number(opened.stats.size)) : 0
    const file = { scope: this.#scope, path: this.#path, foundAt, stats: opened.stats, offset }
    record ??= known.create(file)
    const gzipPath = as === 'gzip' ? { gzipPath: at } : {}
    yield { record, opened, ...gzipPath, role: as === 'current' ? as : 'rotated' }
  }

  /** Returns where to start in a file without a record: where Promtail stopped, or else at the start. */
  #firstOffset(size: number): number {
    if (this.#known.recordsOf(this.#scope, this.#path).length > 0) return 0
    const saved = this.#known.savedOffset(this.#path)
    if (saved === undefined) return 0
    const offset = /^\d+$/.test(saved) ? Number(saved) : Number.NaN
    if (Number.isNaN(offset)) {
      const message = 'Saved position is no number: the file is read from its beginning'
      this.#logger.warn({ path: this.#path, position: saved }, message)
    }
    return offset <= size ? offset : 0
  }

  /**
   * Continues in a copy of the old content after the file was overwritten. Returns true if there is a copy.
   */
  moveToCopy(file: TailedFile): boolean {
    file.updateRecord()
    const { record } = file
    // The copy must reach as far as was read, not only as far as was acknowledged.
    const list = this.#lists.fresh(dirname(record.foundAt))
    const found = findCopy({ ...record, offset: file.readOffset, tail: undefined }, list)
    const opened = found && openIfThere(found.path)
    this.#logger.debug({ path: this.#path, copy: found?.path }, 'File was truncated')
    if (!found || !opened) return false
    this.#known.move(record, () => file.relocate(opened, found.path, found.isGzip))
    return true
  }

  /** Finds a file that is not held open, and records its place. */
  locate(file: TailedFile): FoundFile | 'gone' | 'later' {
    const record = { ...file.record, offset: file.readOffset }
    const found = findInPlace(record) ?? this.#search(file, record)
    if (typeof found === 'string') return found
    this.#missed.delete(file)
    this.#known.move(file.record, () => Object.assign(file.record, placeOf(found)))
    return found
  }

  #search(file: TailedFile, record: FileRecord): FoundFile | 'gone' | 'later' {
    const directory = dirname(record.foundAt)
    const last = this.#lists.last(directory)
    const moved = last && findRecord(record, last)
    if (moved) return moved
    const missed = this.#missed.get(file) ?? { sinceMs: performance.now(), looks: 0 }
    this.#missed.set(file, missed)
    // A file that is being renamed or compressed may escape one search.
    while (missed.looks < movedLooksMax) {
      const list = this.#lists.since(directory, missed.sinceMs)
      if (!list) return 'later'
      const found = findRecord(record, list)
      if (found) return found
      missed.looks++
      missed.sinceMs = performance.now()
    }
    return 'gone'
  }

  /** Opens a file again that was not held open. */
  reopen(file: TailedFile): 'open' | 'gone' | 'unreadable' {
    const found = this.locate(file)
    if (found === 'gone') return 'gone'
    if (found === 'later') return 'unreadable'
    try {
      const opened = openRegularFile(found.path)
      if (!opened || identityKey(opened.stats) !== file.key) {
        if (opened) closeSync(opened.fd)
        // Renamed at this very moment.
        return 'unreadable'
      }
      file.relocate(opened, found.path, found.isGzip)
      return 'open'
    } catch (error) {
      this.#report((error as Error).message)
      return 'unreadable'
    }
  }

  /** Records the current name of an open file. */
  noteNewPlace(file: TailedFile): void {
    const { record } = file
    const path = file.pathNow() ?? this.#nameInDirectory(record)
    if (path === undefined || path === record.foundAt) return
    this.#known.move(record, () => Object.assign(record, { foundAt: path }))
    this.#known.saveSoon()
  }

  #nameInDirectory(record: FileRecord): string | undefined {
    const list = this.#lists.fresh(dirname(record.foundAt))
    const key = recordKey(record)
    return (list.withPrefix(stemOf(record)).find(near => near.key === key) ?? list.withKey(key))
      ?.path
  }
}

/** Resolves links. For a path that leads nowhere any more, returns the path itself. */
function realPathOf(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    // Gone again.
    return path
  }
}

/** Returns true if an open file is the record's: the same inode, birth time and content. */
function isFileOf(file: OpenedFile, record: FileRecord): boolean {
  return isInodeOf(file.stats, record) && hasContent(file, record)
}

/** Returns true if a rotated file needs no further check. */
function isReadToEnd(record: FileRecord, { isGzip, stats }: FoundFile): boolean {
  return record.isFinished === true && (isGzip || Number(stats.size) === record.offset)
}
