// Copies a store into a directory, also while it runs. First it copies the catalog as of one moment, then the segments
// in it. If one of them is gone, the store has replaced it since, and the catalog is copied again, until catalog and
// files agree. Segments never change, so those that an earlier backup copied are only checked.

import { existsSync } from 'node:fs'
import { link, rename, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { makePrivateDirectory } from '@skald/wire'
import { lockDirectory } from '@skald/wire/directory-lock'
import type { SegmentInfo } from '../catalog/catalog.ts'
import { CorruptionError, UpkeepError } from '../errors.ts'
import { backupRoundsMax, comparedEndBytes } from '../limits.ts'
import { parseSegmentName } from '../segment/name.ts'
import { readFooter } from '../segment/reader.ts'
import { type CatalogSnapshot, copyCatalog, removeCatalog } from './catalog-snapshot.ts'
import { copyChecked, hashFile, readEnd, syncDirectory, unfinishedEnding } from './checked-copy.ts'
import { type DataPlace, findDataPlace, listFiles, wrongPath } from './data-place.ts'
import { checkApart, checkRoom, realPathOf, refuseUrl } from './directories.ts'
import { type Finding, findingOf, missingFile, unreadableFile } from './finding.ts'
import { type BackupFile, type BackupManifest, readManifest, writeManifest } from './manifest.ts'
import { checkSegment } from './segment-check.ts'
import { SegmentFile } from './segment-file.ts'
import { SegmentPins } from './segment-pins.ts'

export interface BackupOptions {
  /** Data directory of the store. */
  readonly directory: string
  /** Directory of the backup. It is made if it is missing. */
  readonly target: string
  /** Whether to make hard links instead of copies. */
  readonly isLinked: boolean
  /** Whether to trust the size of files that an earlier backup copied and checked. */
  readonly isQuick: boolean
  /** Called with damage of the store or of an earlier backup. */
  readonly onFinding: (finding: Finding) => void
  /** Called with the bytes that are in the backup, of those of all segments. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void
  /** Called if the system cannot lock the target. */
  readonly onUnsupportedLock?: (why: Error) => void
}

/** What a backup did. */
export interface BackupSummary {
  readonly takenAt: string
  readonly segments: number
  readonly bytes: number
  readonly copied: number
  readonly copiedBytes: number
  /** Segments of an earlier backup that are no longer needed. */
  readonly removed: number
  readonly damage: number
}

/**
 * Makes a backup. Resolves once it is durable. If it fails or is killed, the backup before stays valid, and the next
 * one continues.
 * @throws UpkeepError when a path is wrong, the disk is full, or the target has another store's backup;
 * DirectoryLockedError when another backup writes there; the system's error.
 */
export async function backUp(options: BackupOptions): Promise<BackupSummary> {
  refuseUrl(options.target)
  const place = findDataPlace(options.directory)
  if (place.manifest) throw wrongPath(`${options.directory} is a backup: name a data directory`)
  checkApart(options.directory, options.target)
  if (existsSync(join(options.target, 'catalog.sqlite'))) {
    throw wrongPath(
      `${options.target} is the data directory of a store: name another directory for the backup`,
    )
  }
  makePrivateDirectory(join(options.target, 'segments'))
  const lock = await lockDirectory({
    path: join(options.target, 'lock'),
    what: `backup directory ${options.target}`,
    role: 'backup',
    onUnsupported: why => options.onUnsupportedLock?.(why),
  })
  try {
    return await new Backup(place, options).run()
  } finally {
    await lock.release()
  }
}

class Backup {
  readonly #place: DataPlace
  readonly #options: BackupOptions
  /** Without links. */
  readonly #directory: string
  readonly #segmentsDir: string
  readonly #old: BackupManifest | undefined
  readonly #oldFiles: ReadonlyMap<string, BackupFile>
  /** Files that are in the target now and were checked. */
  readonly #done = new Map<string, BackupFile>()
  readonly #copied: BackupFile[] = []
  /** Segments that were gone in the last round. */
  #gone: ReadonlySet<string> = new Set()
  readonly #missing = new Set<string>()
  #doneBytes = 0
  #totalBytes = 0
  #damage = 0

  constructor(place: DataPlace, options: BackupOptions) {
    this.#place = place
    this.#options = options
    this.#directory = realPathOf(options.directory)
    this.#segmentsDir = join(options.target, 'segments')
    this.#old = readManifest(options.target)
    this.#oldFiles = new Map(this.#old?.segments.map(file => [file.name, file]))
  }

  async run(): Promise<BackupSummary> {
    const { target } = this.#options
    const takenAt = new Date().toISOString()
    const catalogName = `catalog-${takenAt.replaceAll(/\W/g, '')}.sqlite`
    const catalogPath = join(target, catalogName)
    // What a backup that was killed has left takes room.
    await this.#removeStray(this.#old?.catalog.name)
    let snapshot: CatalogSnapshot
    try {
      snapshot = await this.#copyUntilAgreed(catalogPath)
    } catch (error) {
      removeCatalog(catalogPath)
      throw error
    }
    await this.#keepLost(snapshot.lost)
    await syncDirectory(this.#segmentsDir)
    for (const file of this.#copied) await this.#checkCopy(file)
    const manifest: BackupManifest = {
      format: 'skald-backup',
      version: 1,
      takenAt,
      source: { directory: this.#directory, host: hostname() },
      mark: snapshot.mark,
      catalog: { name: catalogName, ...(await hashFile(catalogPath)) },
      segments: this.#filesOf(snapshot),
      missing: [...this.#missing].sort(),
    }
    await writeManifest(target, manifest)
    const removed = await this.#removeOthers(manifest)
    return {
      takenAt,
      segments: manifest.segments.length,
      bytes: manifest.segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      copied: this.#copied.length,
      copiedBytes: this.#copied.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      removed,
      damage: this.#damage,
    }
  }

  /** Copies catalog and segments until none of the segments is gone. Returns the catalog. */
  async #copyUntilAgreed(catalogPath: string): Promise<CatalogSnapshot> {
    for (let round = 1; round <= backupRoundsMax; round++) {
      const snapshot = await copyCatalog(this.#place.catalogPath, catalogPath)
      if (round === 1) this.#refuseOtherStore(snapshot)
      const gone = await this.#copySegments(snapshot.segments)
      if (gone.size === 0) return snapshot
      this.#gone = gone
    }
    throw new UpkeepError(
      `Cannot back up ${this.#options.directory}: the store replaced segments in each of ${backupRoundsMax} attempts. Run the command again, it continues where it stopped`,
    )
  }

  /**
   * Makes sure that the target is of this store, because a backup removes what the store does not have. If the
   * user lost a disk and started over, the old backup is all that is left.
   */
  #refuseOtherStore({ segments, mark }: CatalogSnapshot): void {
    const old = this.#old
    const { target, directory } = this.#options
    if (!old || old.segments.length === 0) return
    if (mark < old.mark) {
      throw wrongPath(
        `${target} has a backup of a store that has written more than the one in ${directory}. Restore that backup, or name another directory`,
      )
    }
    const isKnown = segments.some(({ name }) => this.#oldFiles.has(name))
    if (isKnown || old.source.directory === this.#directory) return
    throw wrongPath(
      `${target} has a backup of another store, ${old.source.directory} on ${old.source.host}: name another directory`,
    )
  }

  /** Copies what is not there yet. Returns the segments that the store has removed since. */
  async #copySegments(segments: readonly SegmentInfo[]): Promise<Set<string>> {
    // Level 0 is replaced within a minute, so it is first.
    const left = segments
      .filter(({ name }) => !this.#done.has(name) && !this.#missing.has(name))
      .sort((a, b) => a.level - b.level)
    this.#totalBytes = this.#doneBytes + left.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    const isThere = (name: string) => existsSync(join(this.#segmentsDir, name))
    const wanted = left.filter(({ name }) => !isThere(name))
    if (!this.#options.isLinked) await checkRoom(this.#segmentsDir, wanted)
    const gone = new Set<string>()
    const pins = new SegmentPins(this.#place.segmentsDir)
    try {
      await pins.pin(wanted.map(({ name }) => name))
      for (const segment of left) {
        if (!(await this.#copySegment(segment, pins))) await this.#noteGone(segment, gone)
        await pins.release(segment.name)
      }
    } finally {
      await pins.close()
    }
    return gone
  }

  /** A file that was gone before, and that a newer catalog still has, is missing for good. */
  async #noteGone({ name, sizeBytes }: SegmentInfo, gone: Set<string>): Promise<void> {
    if (!this.#gone.has(name)) {
      gone.add(name)
      return
    }
    if (await this.#keepOld(name)) {
      this.#tellKept(name, 'the file in the store is missing')
      return
    }
    this.#missing.add(name)
    this.#tell(missingFile(name, sizeBytes))
  }

  /** Keeps what earlier backups have of segments that the store has lost: they count again once they are back. */
  async #keepLost(lost: readonly string[]): Promise<void> {
    for (const name of lost)
      if (await this.#keepOld(name)) this.#tellKept(name, 'the store has lost this file')
  }

  /** Keeps the copy of an earlier backup. Returns false if there is none that is sound. */
  async #keepOld(name: string): Promise<boolean> {
    const old = this.#oldFiles.get(name)
    const copy = join(this.#segmentsDir, name)
    if (!old || !existsSync(copy)) return false
    if ((await hashFile(copy)).sha256 !== old.sha256) return false
    this.#done.set(name, old)
    return true
  }

  #tellKept(name: string, what: string): void {
    const [copy, source] = [join(this.#segmentsDir, name), this.#sourceOf(name)]
    this.#tell({
      ...{ severity: 'damage', file: `segments/${name}`, what },
      remedy: `The backup keeps the sound copy that it has. Stop the store, copy ${copy} to ${source}, and start the store.`,
    })
  }

  /** Returns the files of the backup, sorted by name. */
  #filesOf({ segments, lost }: CatalogSnapshot): BackupFile[] {
    return [...segments.map(({ name }) => name), ...lost]
      .map(name => this.#done.get(name))
      .filter(file => file !== undefined)
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** Returns false if the file is gone. */
  async #copySegment(segment: SegmentInfo, pins: SegmentPins): Promise<boolean> {
    const { name, sizeBytes } = segment
    const before = this.#doneBytes
    try {
      const file = (await this.#keep(segment)) ?? (await this.#write(segment, pins))
      this.#done.set(name, file)
      this.#setDone(before + sizeBytes)
      return true
    } catch (error) {
      const { code = '', path } = error as NodeJS.ErrnoException
      if (path !== this.#sourceOf(name) || !['ENOENT', 'ESTALE', 'EIO'].includes(code)) throw error
      this.#setDone(before)
      if (code !== 'EIO') return false
      await this.#noteUnreadable(name, error as Error)
      return true
    }
  }

  async #noteUnreadable(name: string, error: Error): Promise<void> {
    if (await this.#keepOld(name)) {
      this.#tellKept(name, 'the disk of the store cannot read the file')
      return
    }
    this.#missing.add(name)
    this.#tell(unreadableFile(name, error))
  }

  #sourceOf(name: string): string {
    return join(this.#place.segmentsDir, name)
  }

  /** Returns what the target has of a segment already, or `undefined` if it must be copied. */
  async #keep({ name }: SegmentInfo): Promise<BackupFile | undefined> {
    const copy = join(this.#segmentsDir, name)
    if (!existsSync(copy)) return undefined
    const source = this.#sourceOf(name)
    const onBytes = (bytes: number) => this.#setDone(this.#doneBytes + bytes)
    const old = this.#oldFiles.get(name)
    if (!old) {
      // A backup that was killed wrote it.
      const [wanted, found] = [await hashFile(source), await hashFile(copy, onBytes)]
      return wanted.sha256 === found.sha256 ? { name, ...found } : undefined
    }
    const [end, copyEnd] = [
      await readEnd(source, comparedEndBytes),
      await readEnd(copy, comparedEndBytes),
    ]
    const isSame = end.equals(copyEnd)
    if (isSame && this.#options.isQuick) return old
    const found = await hashFile(copy, onBytes)
    const isSound = found.sha256 === old.sha256
    if (isSame && isSound) return old
    if (!isSound) {
      this.#tell({
        severity: 'note',
        file: `segments/${name}`,
        what: `the copy in ${this.#options.target} was damaged`,
        remedy: 'It is copied again. Check the disk of the backup.',
      })
      return undefined
    }
    if (await isReadable(source)) {
      throw wrongPath(
        `${this.#options.target} has a backup of another store: its segment ${name} is not the one in ${this.#options.directory}. Name another directory`,
      )
    }
    this.#tellKept(name, 'the file in the store is damaged')
    return old
  }

  async #write({ name }: SegmentInfo, pins: SegmentPins): Promise<BackupFile> {
    const source = this.#sourceOf(name)
    const copy = join(this.#segmentsDir, name)
    const onBytes = (bytes: number) => this.#setDone(this.#doneBytes + bytes)
    let file: BackupFile
    if (this.#options.isLinked) {
      await linkFile(source, copy)
      file = { name, ...(await hashFile(copy, onBytes)) }
    } else {
      const pinned = pins.get(name)
      const from = pinned ? { file: pinned, path: source } : source
      file = { name, ...(await copyChecked(from, copy, { onBytes })) }
    }
    this.#copied.push(file)
    return file
  }

  /** Reads a new copy again, and checks what is in it. */
  async #checkCopy({ name, sha256 }: BackupFile): Promise<void> {
    const path = join(this.#segmentsDir, name)
    if ((await hashFile(path)).sha256 !== sha256) {
      await rm(path)
      throw new UpkeepError(
        `${path} is not what was written there: check the disk, and run the command again`,
      )
    }
    const file = new SegmentFile(path)
    try {
      await checkSegment(file, {
        onFault: fault =>
          this.#tell({
            ...findingOf(name, fault),
            remedy: 'The store has this damage too, and the backup has the file as it is.',
          }),
      })
    } finally {
      file.close()
    }
  }

  /** Removes what the new list does not name. Returns how many segments that were. */
  async #removeOthers({ catalog, segments }: BackupManifest): Promise<number> {
    const isNamed = new Set(segments.map(({ name }) => name))
    let removed = 0
    for (const { name } of listFiles(this.#segmentsDir)) {
      if (isNamed.has(name) || !parseSegmentName(name)) continue
      await rm(join(this.#segmentsDir, name))
      removed++
    }
    await this.#removeStray(catalog.name)
    return removed
  }

  /** Removes files that no list names: those that were not finished, and all catalogs but one. */
  async #removeStray(catalogName: string | undefined): Promise<void> {
    const { target } = this.#options
    for (const { name } of listFiles(this.#segmentsDir))
      if (name.endsWith(unfinishedEnding)) await rm(join(this.#segmentsDir, name))
    for (const { name } of listFiles(target)) {
      const [catalog] = /^catalog-\w+\.sqlite/.exec(name) ?? []
      if (catalog !== undefined && catalog !== catalogName) await rm(join(target, name))
    }
  }

  #setDone(bytes: number): void {
    this.#doneBytes = bytes
    this.#options.onProgress?.(bytes, this.#totalBytes)
  }

  #tell(finding: Finding): void {
    if (finding.severity === 'damage') this.#damage++
    this.#options.onFinding(finding)
  }
}

/** Makes a hard link. @throws UpkeepError when the file systems do not allow it; the system's error. */
async function linkFile(source: string, copy: string): Promise<void> {
  const unfinished = `${copy}${unfinishedEnding}`
  await rm(unfinished, { force: true })
  try {
    await link(source, unfinished)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EXDEV' && code !== 'EPERM' && code !== 'ENOTSUP') throw error
    throw wrongPath(
      `Cannot link ${source} to ${copy}: ${code === 'EXDEV' ? 'they are on different file systems' : 'the file system does not allow it'}. Leave out --link to copy`,
    )
  }
  await rename(unfinished, copy)
}

/** Returns true if the footer of a segment is sound. */
async function isReadable(path: string): Promise<boolean> {
  const file = new SegmentFile(path)
  try {
    await readFooter(file.name, file.sizeBytes, async (offset, length) => file.read(offset, length))
    return true
  } catch (error) {
    if (error instanceof CorruptionError) return false
    throw error
  } finally {
    file.close()
  }
}
