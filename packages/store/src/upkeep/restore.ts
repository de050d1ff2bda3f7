// Makes a data directory from a backup. Everything is copied and checked below `restoring/` in it, and then put in
// place, so a store that is started too early never finds half of its lines.

import { existsSync, readdirSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { makePrivateDirectory } from '@skald/wire'
import { lockDirectory } from '@skald/wire/directory-lock'
import { UpkeepError } from '../errors.ts'
import { hasUnfinishedRestore, restoringName } from '../unfinished-restore.ts'
import { type Content, copyChecked, hashFile, syncDirectory } from './checked-copy.ts'
import { listFiles, wrongPath } from './data-place.ts'
import { checkApart, checkRoom, refuseUrl } from './directories.ts'
import type { Finding } from './finding.ts'
import { type BackupFile, type BackupManifest, manifestName, readManifest } from './manifest.ts'

export interface RestoreOptions {
  /** Directory of the backup. */
  readonly source: string
  /** Data directory to make. It may exist, but must be empty. */
  readonly directory: string
  /** Whether to restore damaged files as they are, instead of nothing. */
  readonly keepsDamaged: boolean
  readonly onFinding: (finding: Finding) => void
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void
  /** Called if the system cannot lock the directory. */
  readonly onUnsupportedLock?: (why: Error) => void
}

/** What a restore did. */
export interface RestoreSummary {
  readonly takenAt: string
  readonly segments: number
  readonly bytes: number
  /** Files that an earlier restore had copied already. */
  readonly kept: number
  readonly damage: number
}

/**
 * Restores a backup. Resolves once the directory is complete and durable. If it fails or is killed, the next one
 * continues.
 * @throws UpkeepError when a path is wrong, the disk is full, or the backup is damaged; DirectoryLockedError when a
 * process works in the directory; the system's error.
 */
export async function restore(options: RestoreOptions): Promise<RestoreSummary> {
  const { source, directory } = options
  refuseUrl(source)
  refuseUrl(directory)
  if (!existsSync(source)) throw wrongPath(`${source} does not exist`)
  const manifest = readManifest(source)
  if (!manifest) {
    throw wrongPath(
      `${source} is no finished backup: it has no ${manifestName}. Name the directory that skald backup has written`,
    )
  }
  checkApart(source, directory)
  makePrivateDirectory(directory)
  const lock = await lockDirectory({
    path: join(directory, 'lock'),
    what: `data directory ${directory}`,
    role: 'restore',
    onUnsupported: why => options.onUnsupportedLock?.(why),
  })
  try {
    const isPlaced = refuseContent(directory)
    const work = new Restore(manifest, options)
    return isPlaced ? await work.tidy() : await work.run()
  } finally {
    await lock.release()
  }
}

/** Files and directories that an empty data directory may have. */
const harmless = new Set(['lock', 'lost+found', restoringName])

/**
 * Returns true if a restore has put everything in place, and was stopped before it had tidied up.
 * @throws UpkeepError when the directory has anything but the parts of a restore.
 */
function refuseContent(directory: string): boolean {
  const names = readdirSync(directory)
  const found = names.filter(name => !harmless.has(name)).sort()
  if (found.length === 0) return false
  // The last steps of a restore: the segments are in place, and then the catalog too.
  if (names.includes(restoringName)) {
    const parts = found.join()
    if (parts === 'segments' || parts === 'catalog.sqlite,segments')
      return !hasUnfinishedRestore(names)
  }
  throw wrongPath(
    `${directory} is not empty, it has ${found.slice(0, 3).join(', ')}${found.length > 3 ? ' and more' : ''}: restore into an empty directory`,
  )
}

class Restore {
  readonly #manifest: BackupManifest
  readonly #options: RestoreOptions
  readonly #restoring: string
  /** Where the segments are now: still below `restoring/`, or in place. */
  readonly #segmentsDir: string
  #kept = 0
  #doneBytes = 0
  readonly #totalBytes: number
  readonly #damaged: string[] = []

  constructor(manifest: BackupManifest, options: RestoreOptions) {
    const { directory } = options
    this.#manifest = manifest
    this.#options = options
    this.#restoring = join(directory, restoringName)
    const isInPlace = existsSync(join(directory, 'segments'))
    this.#segmentsDir = join(isInPlace ? directory : this.#restoring, 'segments')
    this.#totalBytes = [manifest.catalog, ...manifest.segments].reduce(
      (sum, { sizeBytes }) => sum + sizeBytes,
      0,
    )
  }

  async run(): Promise<RestoreSummary> {
    const { source, directory } = this.#options
    const { catalog, segments } = this.#manifest
    makePrivateDirectory(this.#segmentsDir)
    await this.#removeOthers()
    const there = new Set(listFiles(this.#segmentsDir).map(({ name }) => name))
    await checkRoom(directory, [...segments.filter(({ name }) => !there.has(name)), catalog])
    for (const file of segments) {
      const to = join(this.#segmentsDir, file.name)
      await this.#copy(file, join(source, 'segments', file.name), to)
    }
    await this.#copy(catalog, join(source, catalog.name), join(this.#restoring, 'catalog.sqlite'))
    this.#refuseDamaged()
    await this.#putInPlace()
    return this.#summary(this.#kept)
  }

  #summary(kept: number): RestoreSummary {
    const { takenAt, catalog, segments } = this.#manifest
    return {
      takenAt,
      segments: segments.length,
      bytes: this.#totalBytes - catalog.sizeBytes,
      kept,
      damage: this.#damaged.length,
    }
  }

  /**
   * Ends a restore that had put everything in place already.
   * @throws UpkeepError when what is in place is not this backup.
   */
  async tidy(): Promise<RestoreSummary> {
    const { directory } = this.#options
    const { catalog, segments } = this.#manifest
    const files = segments.map(file => ({ file, path: join(this.#segmentsDir, file.name) }))
    for (const { file, path } of [
      ...files,
      { file: catalog, path: join(directory, 'catalog.sqlite') },
    ]) {
      if (existsSync(path) && isSame(await hashFile(path, () => {}), file)) continue
      throw wrongPath(
        `${directory} has a store already, and its ${file.name} differs from the backup's: restore into an empty directory`,
      )
    }
    await rm(this.#restoring, { recursive: true, force: true })
    await syncDirectory(directory)
    return this.#summary(segments.length + 1)
  }

  /** Removes what an interrupted restore of another backup has left. */
  async #removeOthers(): Promise<void> {
    const isNamed = new Set(this.#manifest.segments.map(({ name }) => name))
    for (const { name } of listFiles(this.#segmentsDir))
      if (!isNamed.has(name)) await rm(join(this.#segmentsDir, name))
  }

  async #copy(file: BackupFile, from: string, to: string): Promise<void> {
    const before = this.#doneBytes
    const onBytes = (bytes: number) => this.#setDone(this.#doneBytes + bytes)
    if (existsSync(to) && isSame(await hashFile(to, onBytes), file)) this.#kept++
    else {
      this.#setDone(before)
      await this.#copyAnew(file, from, to, onBytes)
    }
    this.#setDone(before + file.sizeBytes)
  }

  async #copyAnew(
    file: BackupFile,
    from: string,
    to: string,
    onBytes: (bytes: number) => void,
  ): Promise<void> {
    const { keepsDamaged } = this.#options
    let what: string | undefined
    const check = (content: Content) => {
      if (isSame(content, file)) return
      what =
        content.sizeBytes === file.sizeBytes
          ? 'its checksum is not the one that the backup has listed'
          : `it has ${content.sizeBytes} bytes, and ${file.sizeBytes} in the list of the backup`
      if (!keepsDamaged) throw new UpkeepError(what)
    }
    try {
      await copyChecked(from, to, { onBytes, check })
    } catch (error) {
      const { code, path } = error as NodeJS.ErrnoException
      if (what === undefined && path === from) {
        if (code === 'ENOENT') what = 'the file is missing in the backup'
        if (code === 'EIO') what = 'the disk of the backup cannot read it'
      }
      if (what === undefined) throw error
    }
    if (what !== undefined) this.#tellDamage(file.name, what)
  }

  #tellDamage(name: string, what: string): void {
    const isSegment = name !== this.#manifest.catalog.name
    this.#damaged.push(name)
    this.#options.onFinding({
      severity: 'damage',
      file: isSegment ? `segments/${name}` : name,
      what,
      remedy: 'Use another backup, or another copy of this one.',
    })
  }

  #refuseDamaged(): void {
    const { keepsDamaged, source, directory } = this.#options
    if (this.#damaged.length === 0 || keepsDamaged) return
    const files = this.#damaged.length === 1 ? 'one file' : `${this.#damaged.length} files`
    throw new UpkeepError(
      `The backup in ${source} is damaged in ${files}, so ${directory} is not complete. Use another backup, or run the command again with --keep-damaged to restore what can be read`,
    )
  }

  async #putInPlace(): Promise<void> {
    const { directory } = this.#options
    const segments = join(directory, 'segments')
    await syncDirectory(this.#segmentsDir)
    if (this.#segmentsDir !== segments) await rename(this.#segmentsDir, segments)
    await syncDirectory(this.#restoring)
    await syncDirectory(directory)
    const catalog = join(this.#restoring, 'catalog.sqlite')
    if (existsSync(catalog)) await rename(catalog, join(directory, 'catalog.sqlite'))
    await rm(this.#restoring, { recursive: true, force: true })
    await syncDirectory(directory)
  }

  #setDone(bytes: number): void {
    this.#doneBytes = bytes
    this.#options.onProgress?.(bytes, this.#totalBytes)
  }
}

function isSame(content: Content, file: BackupFile): boolean {
  return content.sizeBytes === file.sizeBytes && content.sha256 === file.sha256
}
