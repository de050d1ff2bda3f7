// Everything known about files across restarts: their records and which of them are open. Decides when to
// write that to the positions file.

import { randomBytes } from 'node:crypto'
import { type BigIntStats, readdirSync, renameSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Logger } from 'pino'
import { PositionsError } from '../errors.ts'
import { hasFingerprint, identityKey, type ReadAt } from '../files/file-identity.ts'
import {
  awayDirectoryMsMax,
  birthSlackMs,
  cursorsMax,
  headBytesMax,
  recordsCleanPeriodMs,
} from '../limits.ts'
import type { LineOrigin } from '../line/line-origin.ts'
import { DirectoryLists } from './directory-list.ts'
import { hasTail, isBornThen, isCopy, placeOf, recordKey } from './found-file.ts'
import { readGzipHead } from './gzip-content.ts'
import { findMoved } from './moved-files.ts'
import {
  type FileRecord,
  loadPositions,
  type SavedPositions,
  salvagePositions,
} from './positions.ts'
import { PositionsFile } from './positions-file.ts'
import type { ReadTimes } from './read-times.ts'
import { RecordIndex } from './record-index.ts'
import type { Sibling } from './sibling.ts'
import type { TimeJournal } from './time-journal.ts'

const cursorKey = /^(cursor|journal)-/

/** A file that is being read, as the positions see it. */
export interface OpenRecord {
  readonly record: FileRecord
  readonly origin: LineOrigin
  readonly times: ReadTimes
  /** True if it has a descriptor, so that its inode is not reused. */
  readonly isOpen: boolean
  /** Updates the record with the settled position. */
  updateRecord(): FileRecord
  /** Returns how far the server is behind. Absent if unknown. */
  lag?(nowMs: number): { readonly bytes: number; readonly seconds: number }
}

export interface KnownFilesOptions {
  readonly path: string
  readonly syncPeriodMs: number
  readonly ignoresInvalidYaml: boolean
  readonly journal: TimeJournal
  readonly logger: Logger
  readonly wallMs: () => number
}

/** Records of all files, and the positions file. */
export class KnownFiles {
  readonly #options: KnownFilesOptions
  readonly #records = new RecordIndex()
  /** Contents of the directories of all these files. */
  readonly lists = new DirectoryLists()
  readonly #open = new Map<string, OpenRecord>()
  /** Since when the directories of records are missing. */
  readonly #awayMs = new Map<string, number>()
  readonly #byPath = new Map<string, string>()
  /** Positions of sources other than files. */
  readonly #cursors = new Map<string, string>()
  /** Cursors whose values are read when they are saved. */
  readonly #served = new Map<string, () => string>()
  /** An earlier run cannot have seen files born after this time. */
  readonly aliveMs: number
  /** Lane → start of its last completed search for files. */
  readonly #searchedMs = new Map<string, number>()
  #nextOrder = 1
  readonly #file: PositionsFile
  #cleanedMs = 0

  /** @throws PositionsError if the positions file is unusable. */
  constructor(options: KnownFilesOptions) {
    this.#options = options
    this.#file = new PositionsFile({
      ...options,
      content: () => this.#content(),
      onSaved: () => options.journal.trim(() => this.#journalLines()),
    })
    const saved = this.#load()
    this.aliveMs = saved.searchedMs ?? options.wallMs() - birthSlackMs
    for (const [key, value] of saved.byPath) {
      const isCursor = cursorKey.test(key)
      ;(isCursor ? this.#cursors : this.#byPath).set(key, value)
    }
    for (const record of options.journal.records) this.#addLoaded(record)
    for (const record of saved.records) this.#addLoaded(record)
    this.#heedEdits(saved)
  }

  /**
   * Applies manual edits: if a path's offset differs from its newest record, somebody changed it, and the
   * edit wins.
   */
  #heedEdits(saved: SavedPositions): void {
    const newest = new Map<string, FileRecord>()
    const scopes = new Map<string, Set<string>>()
    for (const record of saved.records) {
      scopes.set(record.path, (scopes.get(record.path) ?? new Set()).add(record.scope))
      if (record.order > (newest.get(record.path)?.order ?? -1)) newest.set(record.path, record)
    }
    for (const [path, { scope, offset }] of newest) {
      const value = saved.byPath.get(path)
      const isEdited = scopes.get(path)!.size === 1 && value !== String(offset)
      if (!isEdited) this.#byPath.delete(path)
      else for (const record of this.recordsOf(scope, path)) this.forget(record)
    }
  }

  #load(): SavedPositions {
    const { path, ignoresInvalidYaml, logger } = this.#options
    try {
      return loadPositions(path)
    } catch (error) {
      if (!(error instanceof PositionsError)) throw error
      if (ignoresInvalidYaml) {
        logger.warn(
          { path, error: error.message },
          'Positions file ignored: files are read from the start',
        )
        return { records: [], byPath: new Map() }
      }
      if (!error.isTorn) throw error
      return this.#setAside(error)
    }
  }

  /**
   * Moves a damaged positions file aside and reads what it can. A full disk or a power loss may have
   * truncated it.
   */
  #setAside({ message }: PositionsError): SavedPositions {
    const { path, logger, wallMs } = this.#options
    const saved = salvagePositions(path)
    const aside = `${path}.damaged-${wallMs()}`
    renameSync(path, aside)
    const fields = { path, aside, error: message, files: saved.records.length + saved.byPath.size }
    logger.error(fields, 'Positions file is damaged: set aside and rebuilt from its intact parts')
    return saved
  }

  #addLoaded(record: FileRecord): void {
    this.#nextOrder = Math.max(this.#nextOrder, record.order + 1)
    this.#records.add(record)
  }

  /** Finds the record of a file. A file that only shares its inode with a deleted one is unknown. */
  find(
    scope: string,
    stats: Pick<BigIntStats, 'dev' | 'ino' | 'birthtimeMs'>,
  ): FileRecord | undefined {
    const record = this.#records.withInode(scope, stats)
    if (!record || this.#open.get(record.id)?.isOpen || isBornThen(stats, record)) return record
    this.#records.forgetInode(record)
    return undefined
  }

  /** Lists the records of a path, in the order the files were found. */
  recordsOf(scope: string, path: string): readonly FileRecord[] {
    return this.#records.ofPath(scope, path)
  }

  /** Returns true if a file is known: a record's file, or its compressed form, or a copy. */
  hasContentOf(scope: string, sibling: Sibling): boolean {
    const { stats } = sibling
    if (!stats) return false
    if (this.find(scope, stats)) return true
    return this.#records.alike(scope, sibling.path).some(record => {
      this.#open.get(record.id)?.updateRecord()
      return isCopy(record, sibling)
    })
  }

  /** Returns true if a gzip file was a log that was read before it was compressed. */
  wasRead(scope: string, path: string): boolean {
    const content = readGzipHead(path, headBytesMax)
    const readAt: ReadAt = (at, length) => content.subarray(at, at + length)
    return this.#records.alike(scope, path).some(record => {
      this.#open.get(record.id)?.updateRecord()
      const { head } = record
      const isAlike = head !== undefined && head.length > 0 && hasFingerprint(readAt, head)
      return isAlike && hasTail(path, record)
    })
  }

  /** Lists the paths that have records. */
  pathsOf(scope: string): string[] {
    const newest = this.#records.newest()
    return newest.filter(record => record.scope === scope).map(({ path }) => path)
  }

  /** Creates the record of a newly found file. */
  create(options: {
    readonly scope: string
    readonly path: string
    readonly foundAt: string
    readonly stats: BigIntStats
    readonly offset: number
    readonly countsLines?: boolean
  }): FileRecord {
    const { stats, ...rest } = options
    const [dev, ino] = identityKey(stats).split(':') as [string, string]
    const record: FileRecord = {
      ...{ id: randomBytes(9).toString('base64url'), ...rest, dev, ino },
      ...{ birthMs: Number(stats.birthtimeMs), inodeBirthMs: Number(stats.birthtimeMs) },
      ...{ order: this.#nextOrder++ },
      ...{ head: undefined, tail: undefined },
    }
    this.#records.add(record)
    this.#byPath.delete(record.path)
    return record
  }

  /** Forgets a file that is gone, or whose inode has other content now. */
  forget(record: FileRecord): void {
    this.#records.delete(record)
    this.#awayMs.delete(record.id)
    this.#options.journal.forget()
  }

  /** Forgets a file whose loss was reported. */
  giveUp(id: string): void {
    const record = this.#records.get(id)
    if (record) this.forget(record)
  }

  /**
   * Forgets a file that is nowhere to be found, unless its whole directory is missing, which may still be
   * mounted. Returns true if it did.
   */
  miss(record: FileRecord): boolean {
    const nowMs = this.#options.wallMs()
    if (isDirectoryAway(record)) {
      const sinceMs = this.#awayMs.get(record.id) ?? nowMs
      this.#awayMs.set(record.id, sinceMs)
      if (nowMs - sinceMs < awayDirectoryMsMax) return false
    }
    this.forget(record)
    return true
  }

  /** Changes where a record's file is: its path or its inode. */
  move(record: FileRecord, change: () => void): void {
    this.#awayMs.delete(record.id)
    this.#records.move(record, change)
  }

  /** Returns the position that Promtail, or a file without a record, left for a path. */
  savedOffset(path: string): string | undefined {
    return this.#byPath.get(path)
  }

  /** Returns the position of a source. */
  cursor(key: string): string | undefined {
    return this.#cursors.get(key)
  }

  /** Saves the position of a source, under a key that starts with `cursor-`. */
  setCursor(key: string, value: string): void {
    // The ones longest unchanged belong to containers that are gone.
    this.#cursors.delete(key)
    this.#cursors.set(key, value)
    if (this.#cursors.size > cursorsMax) this.#cursors.delete(this.#cursors.keys().next().value!)
    this.saveLater()
  }

  /** Removes the value of a key and returns it. */
  takeCursor(key: string): string | undefined {
    const value = this.#cursors.get(key)
    this.#cursors.delete(key)
    return value
  }

  /** Has the value of a key that starts with `cursor-` read at each save. `undefined` ends that. */
  serveCursor(key: string, read: (() => string) | undefined): void {
    if (read) this.#served.set(key, read)
    else this.#served.delete(key)
  }

  opened(file: OpenRecord): void {
    this.#open.set(file.record.id, file)
    // Record the fingerprint at once: the file may be rotated and compressed before positions are saved.
    file.updateRecord()
    file.origin.onProgress = () => this.saveLater()
    this.saveSoon()
  }

  closed(file: OpenRecord): void {
    this.#open.delete(file.record.id)
    this.saveSoon()
  }

  /** Registers a lane that starts to search for files. Until its first search ends, it has found none. */
  beginSearches(lane: string): void {
    this.#searchedMs.set(lane, this.aliveMs)
  }

  /** Unregisters a lane, so that nobody waits for its searches. */
  endSearches(lane: string): void {
    this.#searchedMs.delete(lane)
  }

  /** Records the end of a search that began at `beganMs`: all files from before that have records. */
  searched(lane: string, beganMs: number): void {
    // Even if nothing was found: whatever appears from now on was not there before.
    if (this.#searchedMs.get(lane) === this.aliveMs) this.saveSoon()
    this.#searchedMs.set(lane, beganMs - birthSlackMs)
  }

  /** Returns the time since when new files may exist without a record. All older ones have one. */
  #searchedSince(): number {
    return Math.min(...this.#searchedMs.values(), this.#options.wallMs())
  }

  /** Returns the open file of a record. */
  openFile(record: FileRecord): OpenRecord | undefined {
    return this.#open.get(record.id)
  }

  /** Returns the file that is open with this identity in this scope. */
  claimant(scope: string, stats: BigIntStats): OpenRecord | undefined {
    const record = this.find(scope, stats)
    return record && this.#open.get(record.id)
  }

  /**
   * Returns how far the servers are behind for each path. With several clients, the one furthest behind
   * counts.
   */
  lags(): Map<string, { bytes: number; seconds: number }> {
    const nowMs = this.#options.wallMs()
    const byScope = new Map<string, { path: string; bytes: number; seconds: number }>()
    for (const file of this.#open.values()) {
      const { path, scope } = file.record
      const key = `${scope}\u0000${path}`
      const sum = byScope.get(key) ?? { path, bytes: 0, seconds: 0 }
      byScope.set(key, sum)
      const one = file.isOpen ? file.lag?.(nowMs) : undefined
      if (!one) continue
      sum.bytes += one.bytes
      sum.seconds = Math.max(sum.seconds, one.seconds)
    }
    const byPath = new Map<string, { bytes: number; seconds: number }>()
    for (const { path, bytes, seconds } of byScope.values()) {
      const most = byPath.get(path) ?? { bytes: 0, seconds: 0 }
      byPath.set(path, {
        bytes: Math.max(most.bytes, bytes),
        seconds: Math.max(most.seconds, seconds),
      })
    }
    return byPath
  }

  get openFiles(): Iterable<OpenRecord> {
    return this.#open.values()
  }

  /** Schedules a save after positions moved. */
  saveLater(): void {
    this.#file.saveLater()
  }

  /** Schedules a save soon, after a file was found, released or moved. */
  saveSoon(): void {
    this.#file.saveSoon()
  }

  /** Writes the positions file if anything changed. */
  save(): void {
    this.#file.save()
  }

  #content(): Required<SavedPositions> {
    for (const file of this.#open.values()) file.updateRecord()
    this.#clean()
    const byPath = new Map([...this.#byPath, ...this.#cursors])
    for (const [key, read] of this.#served) {
      const value = read()
      if (value !== '') byPath.set(key, value)
    }
    // If a path has several files, Promtail would continue with the newest.
    for (const record of this.#records.newest().sort((a, b) => a.order - b.order)) {
      byPath.set(record.path, String(record.offset))
    }
    return { records: [...this.#records], byPath, searchedMs: this.#searchedSince() }
  }

  *#journalLines(): Iterable<string> {
    for (const file of this.#open.values()) {
      yield JSON.stringify({ r: file.record })
      yield* file.times.journalLines(file.record.offset)
    }
  }

  /** Forgets records of files that no longer exist under any name. */
  #clean(): void {
    const nowMs = this.#options.wallMs()
    if (nowMs - this.#cleanedMs < recordsCleanPeriodMs) return
    this.#cleanedMs = nowMs
    const isMoved = (record: FileRecord) =>
      !this.#open.has(record.id) && !isAt(record.foundAt, record)
    for (const { record, found } of findMoved([...this.#records].filter(isMoved), this.lists)) {
      if (found) this.move(record, () => Object.assign(record, placeOf(found)))
      else this.miss(record)
    }
  }

  close(): void {
    this.#file.close()
  }
}

/** Returns true if a file's directory cannot be listed, or is on another file system than the file was. */
function isDirectoryAway({ foundAt, dev }: FileRecord): boolean {
  const directory = dirname(foundAt)
  try {
    readdirSync(directory)
    return String(statSync(directory, { bigint: true }).dev) !== dev
  } catch {
    // Gone or unreadable.
    return true
  }
}

function isAt(path: string, record: FileRecord): boolean {
  try {
    const stats = statSync(path, { bigint: true, throwIfNoEntry: false })
    if (stats === undefined || !isBornThen(stats, record)) return false
    return identityKey(stats) === recordKey(record)
  } catch {
    // Unreadable for now: keep the known record.
    return true
  }
}
