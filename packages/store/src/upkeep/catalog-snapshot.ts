// Copies the catalog as it is at one moment, while a store may work with it.

import { closeSync, existsSync, openSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { privateFileMode } from '@skald/wire'
import Database from 'better-sqlite3'
import type { SegmentInfo } from '../catalog/catalog.ts'
import { openCatalogReader } from '../catalog/sqlite-reader.ts'
import { UpkeepError } from '../errors.ts'
import { faultOfCatalog } from './catalog-fault.ts'
import { syncDirectory } from './checked-copy.ts'
import { wrongPath } from './data-place.ts'

/** The segments of a catalog at one moment. */
export interface CatalogSnapshot {
  readonly segments: readonly SegmentInfo[]
  /** The highest number of a segment that was ever entered. */
  readonly mark: number
  /** Segments whose files were missing at a start of the store. They count again if they are back. */
  readonly lost: readonly string[]
}

/**
 * Copies a catalog, and syncs the copy. Its list of dropped segments is empty, because their files are not copied.
 * @throws UpkeepError when the catalog is missing, damaged or of another version.
 */
export async function copyCatalog(from: string, to: string): Promise<CatalogSnapshot> {
  if (!existsSync(from)) {
    throw wrongPath(
      `There is no catalog ${from}: start the store once, it makes the catalog from the segments`,
    )
  }
  removeCatalog(to)
  // SQLite would make it readable for everyone.
  closeSync(openSync(to, 'a', privateFileMode))
  try {
    const source = openCatalogReader(from)
    await source.copyTo(to).finally(() => source.close())
    settleCopy(to)
    const file = await open(to, 'r')
    await file.sync().finally(() => file.close())
    await syncDirectory(dirname(to))
    return readSnapshot(to)
  } catch (error) {
    removeCatalog(to)
    const { code } = error as { code?: string }
    if (error instanceof UpkeepError) throw error
    if (code === 'SQLITE_FULL') {
      throw new UpkeepError(
        `Cannot copy the catalog into ${dirname(to)}: the disk is full. Free some space there and run the command again, it continues where it stopped`,
        { cause: error },
      )
    }
    const why = faultOfCatalog(error, from)
    throw new UpkeepError(
      `The catalog ${from} is damaged: ${why}. Stop the store and run skald verify --rebuild, then make the backup`,
      { cause: error },
    )
  }
}

/** Leaves one file without a log beside it. */
function settleCopy(path: string): void {
  const copy = new Database(path)
  try {
    const [fault] = copy.pragma('quick_check(1)', { simple: false }) as { quick_check: string }[]
    if (fault && fault.quick_check !== 'ok') {
      throw Object.assign(new Error(fault.quick_check.replaceAll('\n', ' ')), {
        code: 'SQLITE_CORRUPT',
      })
    }
    copy.pragma('journal_mode = DELETE')
    copy.exec('DELETE FROM dropped_segments')
  } finally {
    copy.close()
  }
}

function readSnapshot(path: string): CatalogSnapshot {
  const reader = openCatalogReader(path)
  try {
    const { level0, compacted } = reader.marks()
    const mark = Math.max(level0, compacted)
    return { segments: reader.segments(), mark, lost: reader.lost() }
  } finally {
    reader.close()
  }
}

/** Removes a catalog with the files that SQLite has beside it. */
export function removeCatalog(path: string): void {
  for (const ending of ['-wal', '-shm', '-journal', '']) rmSync(`${path}${ending}`, { force: true })
}
