// Makes the catalog from the footers of the segments, as a start of the store does that finds none. The rules are
// those of recovery.ts. What only the old catalog knows is taken over, as far as it can be read.

import { copyFileSync, existsSync, readdirSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { lockDirectory } from '@skald/wire/directory-lock'
import Database from 'better-sqlite3'
import type { Logger } from 'pino'
import type { EnteredMarks } from '../catalog/catalog.ts'
import type { DeleteRequest } from '../catalog/delete-requests.ts'
import type { KeptGroup } from '../catalog/kept-rules.ts'
import { openSqliteCatalog, type SqliteCatalog } from '../catalog/sqlite.ts'
import { type CatalogReader, openCatalogReader } from '../catalog/sqlite-reader.ts'
import { openDiskObjectStore } from '../objects/disk.ts'
import type { ObjectStore } from '../objects/object-store.ts'
import { recover } from '../recovery.ts'
import { removeCatalog } from './catalog-snapshot.ts'
import { syncDirectory } from './checked-copy.ts'
import { findDataPlace, wrongPath } from './data-place.ts'

export interface RebuildOptions {
  readonly directory: string
  /** Gets what the recovery does with each file. */
  readonly logger: Logger
  /** Called with the bytes of the segments that were looked at, of those of all. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void
  /** Called if the system cannot lock the directory. */
  readonly onUnsupportedLock?: (why: Error) => void
}

/** What a rebuild did. */
export interface RebuildSummary {
  readonly segments: number
  readonly streams: number
  readonly deleteRequests: number
  /** Files that were moved to `quarantine/`. */
  readonly setAside: number
  /** Where the catalog before is; absent if there was none. */
  readonly oldCatalog: string | undefined
  /** What could not be read of the catalog before. */
  readonly unread: readonly string[]
}

/**
 * Makes a new catalog. The one before stays beside it as a copy.
 * @throws UpkeepError when the directory is not that of a store; DirectoryLockedError when a process works in it; the
 * system's error.
 */
export async function rebuildCatalog(options: RebuildOptions): Promise<RebuildSummary> {
  const { directory } = options
  const { manifest } = findDataPlace(directory)
  if (manifest) throw wrongPath(`${directory} is a backup: restore it, then rebuild`)
  const lock = await lockDirectory({
    path: join(directory, 'lock'),
    what: `data directory ${directory}`,
    role: 'rebuild',
    onUnsupported: why => options.onUnsupportedLock?.(why),
  })
  try {
    return await rebuildLocked(options)
  } finally {
    await lock.release()
  }
}

async function rebuildLocked(options: RebuildOptions): Promise<RebuildSummary> {
  const { directory, logger, onProgress = () => {} } = options
  const path = join(directory, 'catalog.sqlite')
  const next = `${path}.rebuilding`
  const old = readOld(path)
  const oldCatalog = copyOld(path)
  removeCatalog(next)
  const asideBefore = countAside(directory)
  const objects = await openDiskObjectStore(join(directory, 'segments'))
  const catalog = openSqliteCatalog(next)
  let built: Pick<RebuildSummary, 'segments' | 'streams'>
  try {
    // Their files must not count again: nothing else may say that they were replaced.
    await catalog.addSegments([], old.dropped)
    const watched = await watchReads(objects, onProgress)
    await recover({ catalog, objects: watched, logger, marksBefore: old.soundMarks })
    await takeOver(catalog, old)
    const { segments, streams } = await catalog.totals()
    built = { segments, streams }
  } finally {
    await catalog.close()
    await objects.close()
  }
  await putInPlace(directory, { next, path })
  return {
    ...built,
    deleteRequests: old.deleteRequests.length,
    setAside: countAside(directory) - asideBefore,
    oldCatalog,
    unread: old.unread,
  }
}

/** Tells how far a recovery is: it looks at the footers of all segments twice, one after another. */
async function watchReads(
  objects: ObjectStore,
  onProgress: (doneBytes: number, totalBytes: number) => void,
): Promise<ObjectStore> {
  const sizes = new Map((await objects.list()).map(({ name, sizeBytes }) => [name, sizeBytes]))
  const totalBytes = sizes.values().reduce((sum, bytes) => sum + bytes, 0)
  let doneBytes = 0
  let last = ''
  return {
    put: (name, pieces) => objects.put(name, pieces),
    read: (name, offsetBytes, length) => {
      if (name !== last) {
        doneBytes += (sizes.get(name) ?? 0) / 2
        onProgress(doneBytes, totalBytes)
      }
      last = name
      return objects.read(name, offsetBytes, length)
    },
    delete: names => objects.delete(names),
    secure: names => objects.secure(names),
    setAside: name => objects.setAside(name),
    keepAside: name => objects.keepAside(name),
    list: () => objects.list(),
  }
}

/** What only a catalog knows. */
interface OldCatalog {
  readonly deleteRequests: readonly DeleteRequest[]
  readonly ruleGroups: readonly KeptGroup[]
  readonly marks: EnteredMarks
  /** The marks, if nothing in the catalog is damaged: files are deleted by them. */
  readonly soundMarks: EnteredMarks | undefined
  readonly dropped: readonly string[]
  readonly lost: readonly string[]
  readonly unread: readonly string[]
}

function readOld(path: string): OldCatalog {
  const none = { level0: 0, compacted: 0 }
  const unread: string[] = []
  let reader: CatalogReader | undefined
  const attempt = <T>(what: string, read: () => T, otherwise: T): T => {
    try {
      return read()
    } catch (error) {
      unread.push(`${what}: ${(error as Error).message}`)
      return otherwise
    }
  }
  if (existsSync(path)) {
    reader = attempt<CatalogReader | undefined>('catalog', () => openCatalogReader(path), undefined)
  }
  if (!reader) {
    const nothing = { deleteRequests: [], ruleGroups: [], dropped: [], lost: [] }
    return { ...nothing, marks: none, soundMarks: undefined, unread }
  }
  try {
    const marks = attempt('marks', () => reader.marks(), none)
    const fault = firstFault(reader)
    return {
      deleteRequests: attempt('delete requests', () => reader.deleteRequests(), []),
      ruleGroups: attempt('rules made by API', () => reader.ruleGroups(), []),
      marks,
      soundMarks: fault === undefined ? marks : undefined,
      // Files are deleted by this list, so a damaged one must not be used.
      dropped: attempt('list of dropped segments', () => soundDropped(reader, fault), []),
      lost: attempt('list of lost segments', () => reader.lost(), []),
      unread,
    }
  } finally {
    reader.close()
  }
}

function firstFault(reader: CatalogReader): string | undefined {
  try {
    return reader.faults(1)[0]
  } catch (error) {
    return (error as Error).message
  }
}

function soundDropped(reader: CatalogReader, fault: string | undefined): string[] {
  if (fault !== undefined) throw new Error(fault)
  return reader.dropped()
}

/** Copies the old catalog with what is in its log. Returns the path of the copy. */
function copyOld(path: string): string | undefined {
  if (!existsSync(path)) return undefined
  try {
    const database = new Database(path)
    database.pragma('wal_checkpoint(TRUNCATE)')
    database.close()
  } catch {
    // It is damaged. Then its log is copied beside it, for whoever repairs it.
  }
  const copy = `${path}.before-rebuild-${new Date().toISOString().replaceAll(/\W/g, '')}`
  copyFileSync(path, copy)
  if (existsSync(`${path}-wal`)) copyFileSync(`${path}-wal`, `${copy}-wal`)
  return copy
}

async function takeOver(catalog: SqliteCatalog, old: OldCatalog): Promise<void> {
  for (const request of old.deleteRequests) await catalog.deleteRequests.add(request)
  const { rules } = catalog
  for (const group of old.ruleGroups) rules.setGroup(group)
  catalog.raiseMarks(old.marks)
  const known = new Set((await catalog.listSegments()).map(({ name }) => name))
  await catalog.removeSegments(old.lost.filter(name => !known.has(name)))
}

async function putInPlace(
  directory: string,
  { next, path }: { readonly next: string; readonly path: string },
): Promise<void> {
  const file = await open(next, 'r')
  await file.sync().finally(() => file.close())
  // A log of the old catalog would be taken for one of the new.
  for (const ending of ['-wal', '-shm']) await rm(`${path}${ending}`, { force: true })
  await rename(next, path)
  await syncDirectory(directory)
}

function countAside(directory: string): number {
  const path = join(directory, 'quarantine')
  return existsSync(path) ? readdirSync(path).length : 0
}
