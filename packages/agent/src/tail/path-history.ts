// What one path led to before: finds those files again, wherever they are now, after a restart, a
// truncation or a rotation that nobody saw, and opens them where reading is to go on. It reads no
// lines and does not know in which order they are read.

import { type BigIntStats, closeSync, realpathSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Logger } from 'pino'
import { identityKey, type OpenedFile, openRegularFile } from './file-identity.ts'
import type { KnownFiles } from './known-files.ts'
import type { FileRecord } from './positions.ts'
import {
  type FoundFile,
  findCopy,
  findInPlace,
  findRecord,
  hasContent,
  isBornThen,
  likelySiblings,
  listSiblings,
  placeOf,
  rotatedSiblings,
  type Sibling,
} from './siblings.ts'
import type { TailedFile } from './tailed-file.ts'

/** A directory in which files are being renamed or compressed is looked at so often. */
const looksMax = 3

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
  readonly #logger: Logger
  readonly #report: (problem: string) => void
  /** Birth of a file of this path that was found, but not read, before a restart. */
  #lostSinceMs: number | undefined

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
    this.#logger = options.logger
    this.#report = options.report
  }

  /**
   * After a start: finds the files that were not read to their ends, other than the one that the path
   * leads to now. That one is held open meanwhile, so that one look at it serves for all.
   */
  *resume(): Iterable<FileToRead> {
    const current = openQuietly(this.#path)
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
    for (const record of records) {
      if (this.#known.openFile(record)) continue
      if (current && isFileOf(current, record)) continue
      const found = findAgain(record)
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
    this.#known.rekey(record, () => Object.assign(record, place))
    const gzipPath = found.isGzip ? { gzipPath: found.path } : {}
    yield { record, opened, ...gzipPath, role: 'rotated' }
  }

  /**
   * Finds what the path leads to, to be read from its saved position or its beginning; before it the
   * files that came and were rotated away between two looks, and the copy of what it held where its
   * content is another now. It is opened first and given last, so that no rotation that comes while the
   * directory is searched can put another file in its place.
   */
  *latest(): Iterable<FileToRead> {
    const opened = this.#open(this.#path)
    if (typeof opened === 'string') return
    let isGiven = false
    try {
      yield* this.#unfinished(opened)
      yield* this.#unseen(opened.stats)
      isGiven = true
      yield* this.#withRecord(opened, this.#path, 'current')
    } finally {
      if (!isGiven) closeSync(opened.fd)
    }
  }

  /** Known files that nobody reads: one that was current at the start, and was rotated before it was opened. */
  #unfinished(current: OpenedFile): Iterable<FileToRead> {
    const records = this.#known.recordsOf(this.#scope, this.#path)
    return this.#elsewhere(
      current,
      records.filter(({ isFinished }) => !isFinished),
    )
  }

  *#unseen(current: BigIntStats): Iterable<FileToRead> {
    for (let look = 0; look < looksMax; look++) {
      if ((yield* this.#lookForUnseen(current)) === 'complete') return
    }
  }

  *#lookForUnseen(current: BigIntStats): Generator<FileToRead, 'complete' | 'vanished'> {
    const known = this.#known
    const currentKey = identityKey(current)
    // A record without content, of a file that was empty when it was found, tells nothing.
    const before = known
      .recordsOf(this.#scope, this.#path)
      .findLast(({ head }) => (head?.length ?? 0) > 0)
    const sinceMs = before?.birthMs ?? this.#lostSinceMs ?? known.aliveMs
    // Not by the inode alone, which may be that of a file that is gone.
    const isCurrent =
      before && `${before.dev}:${before.ino}` === currentKey && isBornThen(current, before)
    if (isCurrent) return 'complete'
    const rotated = rotatedSiblings(realPathOf(this.#path))
    // Copies and compressed files are known by their content.
    const directory = dirname(realPathOf(this.#path))
    const isKnown = (sibling: Sibling) =>
      known.find(this.#scope, sibling.stats) !== undefined ||
      known
        .recordsIn(this.#scope, directory)
        .some(record => findCopy(record, [sibling]) !== undefined)
    const seen = rotated.map(isKnown)
    const lastSeen = seen.lastIndexOf(true)
    for (const [i, sibling] of rotated.entries()) {
      if (seen[i] || sibling.key === currentKey) continue
      const birthMs = Number(sibling.stats.birthtimeMs)
      const isNewer = lastSeen >= 0 ? i > lastSeen : birthMs > 0 && birthMs >= sinceMs
      // While a file is compressed, both its forms are there: the second is known by the first.
      if (!isNewer || isKnown(sibling)) continue
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
      const copy = findCopy(record, listSiblings(dirname(record.foundAt)))
      if (copy) yield* this.#reopen(record, copy)
      known.forget(record)
      record = undefined
    }
    const foundAt = realPathOf(at)
    if (record) record.foundAt = foundAt
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
    const siblings = listSiblings(dirname(record.foundAt))
    const found = findCopy({ ...record, offset: file.readOffset, tail: undefined }, siblings)
    const opened = found && openQuietly(found.path)
    this.#logger.debug({ path: this.#path, copy: found?.path }, 'File was truncated')
    if (!found || !opened) return false
    this.#known.rekey(record, () => file.relocate(opened, found.path, found.isGzip))
    return true
  }

  /** Finds a file that is not held open, and writes down where it is. */
  locate(file: TailedFile): FoundFile | undefined {
    const { record } = file
    const found = findAgain({ ...record, offset: file.readOffset })
    if (found) this.#known.rekey(record, () => Object.assign(record, placeOf(found)))
    return found
  }

  /** Opens a file again that was not held open. */
  reopen(file: TailedFile): 'open' | 'gone' | 'unreadable' {
    const found = this.locate(file)
    if (!found) return 'gone'
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

  /** After a rotation: writes down where the known files of the directory are now. */
  noteNewPlaces(directory: string): void {
    const lists = new Map<string, readonly Sibling[]>()
    const list = (prefix: string) => {
      const siblings = lists.get(prefix) ?? listSiblings(directory, prefix)
      lists.set(prefix, siblings)
      return siblings
    }
    for (const record of this.#known.recordsOf(this.#scope, this.#path)) {
      const isOpen = this.#known.openFile(record) !== undefined
      if (!isOpen && record.isFinished) this.#placeFinished(record, list)
      else notePlace(record, list)
    }
    this.#known.saveSoon()
  }

  #placeFinished(record: FileRecord, list: (prefix: string) => readonly Sibling[]): void {
    const [near = [], all] = [...likelySiblings(record, list)]
    this.#known.place(record, findRecord(record, near) ? near : (all ?? near))
  }
}

/** Writes down the name that an open file has now. */
function notePlace(record: FileRecord, list: (prefix: string) => readonly Sibling[]): void {
  const key = `${record.dev}:${record.ino}`
  for (const siblings of likelySiblings(record, list)) {
    const place = siblings.find(sibling => sibling.key === key)
    if (!place) continue
    record.foundAt = place.path
    return
  }
}

/** Finds a file wherever it is now; one that is being renamed or compressed may escape one look. */
function findAgain(record: FileRecord): FoundFile | undefined {
  const inPlace = findInPlace(record)
  if (inPlace) return inPlace
  for (let look = 0; look < looksMax; look++) {
    for (const siblings of likelySiblings(record)) {
      const found = findRecord(record, siblings)
      if (found) return found
    }
  }
  return undefined
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
  const { stats } = file
  if (identityKey(stats) !== `${record.dev}:${record.ino}`) return false
  return isBornThen(stats, record) && hasContent(file, record)
}

/** Tells whether a rotated file needs no further look. */
function isReadToEnd(record: FileRecord, { isGzip, stats }: FoundFile): boolean {
  return record.isFinished === true && (isGzip || Number(stats.size) === record.offset)
}

function openQuietly(path: string): OpenedFile | undefined {
  try {
    return openRegularFile(path)
  } catch {
    // Gone or unreadable: as if there were no copy.
    return undefined
  }
}
