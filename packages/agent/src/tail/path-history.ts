// What one path led to before: finds those files again, wherever they are now, after a restart, a
// truncation or a rotation that nobody saw, and opens them where reading is to go on. It reads no
// lines and does not know in which order they are read.

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

/** A file that was found, opened to be read from its record's position on. */
export interface FileToRead {
  readonly record: FileRecord
  readonly opened: OpenedFile
  /** Present for a compressed file. */
  readonly gzipPath?: string
  /** The path leads to it, or led to it before. */
  readonly role: 'current' | 'rotated'
}

/**
 * The files of one path. What is found is given one by one, oldest first; whoever takes a file owns
 * its descriptor, and makes it known as open before the next one is looked for.
 */
export class PathHistory {
  readonly #path: string
  readonly #scope: string
  readonly #known: KnownFiles
  readonly #lists: DirectoryLists
  readonly #logger: Logger
  readonly #report: (problem: string) => void
  /** Birth of a file of this path that was found, but not read, before a restart. */
  #lostSinceMs: number | undefined
  /** What the path led to when it was opened; waits for a look at what came before it. */
  #waiting: { readonly opened: OpenedFile; readonly sinceMs: number } | undefined
  /** Files that were not where they were seen last: since when, and how often they were looked for. */
  readonly #missed = new WeakMap<TailedFile, { sinceMs: number; looks: number }>()

  constructor(options: {
    readonly path: string
    readonly scope: string
    readonly known: KnownFiles
    readonly logger: Logger
    /** Told why a file cannot be opened. */
    readonly report: (problem: string) => void
  }) {
    this.#path = options.path
    this.#scope = options.scope
    this.#known = options.known
    this.#lists = options.known.lists
    this.#logger = options.logger
    this.#report = options.report
  }

  /**
   * After a start: finds the files that were not read to their ends, other than the one that the path
   * leads to now. That one is held open meanwhile, so that one look at it serves for all.
   */
  *resume(): Iterable<FileToRead> {
    const current = openIfThere(this.#path)
    try {
      yield* this.#elsewhere(current, this.#known.recordsOf(this.#scope, this.#path))
    } finally {
      if (current) closeSync(current.fd)
    }
  }

  /** Opens those of the records that nobody reads, wherever they are; not the current file's. */
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

  /** A file is gone before it was read to its end. How much is lost, only its size would tell. */
  #giveUp(record: FileRecord): void {
    if (!this.#known.miss(record) || record.isFinished) return
    if (record.offset === 0) {
      // Nothing of it was read, so it has no content to be known by: it is among the unseen.
      this.#lostSinceMs ??= record.birthMs
      return
    }
    const fields = { path: this.#path, offset: record.offset }
    this.#logger.warn(fields, 'File vanished while nobody read it')
  }

  /** Opens a known file at another place; a finished one is only remembered. */
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

  /** A file was found that `latest` has not given yet. */
  get isWaiting(): boolean {
    return this.#waiting !== undefined
  }

  /** Gives back what `latest` has not given. */
  close(): void {
    if (this.#waiting) closeSync(this.#waiting.opened.fd)
    this.#waiting = undefined
  }

  /**
   * Finds what the path leads to, to be read from its saved position or its beginning; before it the
   * files that came and were rotated away between two looks, and the copy of what it held where its
   * content is another now. It is opened first and given last, so that no rotation that comes while the
   * directory is searched can put another file in its place. Where the directory takes long to list, and
   * was listed just now, it gives nothing yet: ask again.
   */
  *latest(): Iterable<FileToRead> {
    const opened = this.#waiting?.opened ?? this.#open(this.#path)
    if (typeof opened === 'string') return
    const sinceMs = this.#waiting?.sinceMs ?? performance.now()
    this.#waiting = { opened, sinceMs }
    yield* this.#unfinished(opened)
    if ((yield* this.#unseen(opened.stats, sinceMs)) === 'later') return
    this.#waiting = undefined
    yield* this.#withRecord(opened, this.#path, 'current')
  }

  /** Known files that nobody reads: one that was current at the start, and was rotated before it was opened. */
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
    // A record without content, of a file that was empty when it was found, tells nothing.
    const before = known
      .recordsOf(this.#scope, this.#path)
      .findLast(({ head }) => (head?.length ?? 0) > 0)
    // Not by the inode alone, which may be that of a file that is gone.
    if (before && isInodeOf(current, before)) return 'complete'
    const bornSinceMs = before?.birthMs ?? this.#lostSinceMs ?? known.aliveMs
    let unseen: Sibling[] = []
    let isAnyKnown = false
    // From the newest back to the first that is known: what is older than that was seen, or left.
    for (const sibling of rotated.toReversed()) {
      if (sibling.isGone) return 'vanished'
      if (!sibling.stats) continue
      // What came after it is the next look's.
      if (sibling.key === currentKey) unseen = []
      else if (known.hasContentOf(this.#scope, sibling)) {
        isAnyKnown = true
        break
      } else unseen.push(sibling)
    }
    for (const sibling of unseen.toReversed()) {
      const bornMs = Number(sibling.stats!.birthtimeMs)
      const isNewer = isAnyKnown || (bornMs > 0 && bornMs >= bornSinceMs)
      // While a file is compressed, both its forms are there: the second is known by the first.
      if (!isNewer || known.hasContentOf(this.#scope, sibling)) continue
      const outcome = yield* this.#openAt(sibling.path, sibling.isGzip ? 'gzip' : 'rotated')
      // Renamed or compressed since it was listed. Newer ones must not be opened before it.
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

  /** Gives an opened file with what is known of it. */
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

  /** Where to begin in a file without a record: where Promtail stopped, else at the beginning. */
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

  /** The file has other content now: goes on in a copy of the old one; tells whether there is one. */
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

  /** Finds a file that is not held open, and writes down where it is. */
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
    // A file that is being renamed or compressed may escape one look.
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
        // Renamed this very moment.
        return 'unreadable'
      }
      file.relocate(opened, found.path, found.isGzip)
      return 'open'
    } catch (error) {
      this.#report((error as Error).message)
      return 'unreadable'
    }
  }

  /** Writes down the name that an open file has now. */
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

/** Resolves links; a path that leads nowhere any more is the best that is known. */
function realPathOf(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    // Gone again.
    return path
  }
}

/** Tells whether an open file is the record's: the same inode, born then, with the same content. */
function isFileOf(file: OpenedFile, record: FileRecord): boolean {
  return isInodeOf(file.stats, record) && hasContent(file, record)
}

/** Tells whether a rotated file needs no further look. */
function isReadToEnd(record: FileRecord, { isGzip, stats }: FoundFile): boolean {
  return record.isFinished === true && (isGzip || Number(stats.size) === record.offset)
}
