// Opens the segments and the catalog of a data directory, and brings them in line.

import { existsSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { openSqliteCatalog, type SqliteCatalog } from './catalog/sqlite.ts'
import { isForeignCatalog } from './catalog-check.ts'
import { type DiskObjectStore, openDiskObjectStore } from './objects/disk.ts'
import type { StoreFiles } from './objects/files.ts'
import { recover } from './recovery.ts'

export interface StorageOptions {
  readonly dataDir: string
  readonly logger: Logger
  /** The system's if absent. */
  readonly files?: StoreFiles | undefined
  /** Receives what to close at the end. */
  readonly own: <T extends { close(): Promise<void> }>(part: T) => T
}

export interface Storage {
  readonly segmentsDir: string
  readonly objects: DiskObjectStore
  readonly catalog: SqliteCatalog
  /** Returns the next number for a segment; each is higher than all before. */
  readonly nextSequence: () => number
}

/**
 * Opens the data directory and recovers it. A damaged catalog is set aside and built again.
 * @throws the system's error; RangeError when a newer version wrote the catalog.
 */
export async function openStorage(options: StorageOptions): Promise<Storage> {
  const { dataDir, logger, files, own } = options
  const segmentsDir = join(dataDir, 'segments')
  const objects = own(await openDiskObjectStore(segmentsDir, files))
  const path = join(dataDir, 'catalog.sqlite')
  const open = async () => {
    const catalog = openSqliteCatalog(path)
    try {
      catalog.checkStructure()
      if (await isForeignCatalog({ catalog, objects })) throw new ForeignCatalogError()
      return { catalog, last: await recover({ catalog, objects, logger }) }
    } catch (error) {
      await catalog.close()
      throw error
    }
  }
  const opened = await open().catch(async (error: unknown) => {
    if (!isDamage(error)) throw error
    await setCatalogAside(path, error as Error, logger)
    return open()
  })
  let sequence = opened.last
  return { segmentsDir, objects, catalog: own(opened.catalog), nextSequence: () => ++sequence }
}

class ForeignCatalogError extends Error {
  readonly code = 'SQLITE_CORRUPT'

  constructor() {
    super('The catalog fits none of the segments: it belongs to another store')
    this.name = 'ForeignCatalogError'
  }
}

function isDamage(error: unknown): boolean {
  const { code = '' } = error as { code?: string }
  return code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB'
}

/**
 * Renames the files of a damaged catalog. The log goes too: SQLite would apply it to the new catalog.
 */
async function setCatalogAside(path: string, err: Error, logger: Logger): Promise<void> {
  const aside = `${path}.damaged-${Date.now()}`
  for (const end of ['-shm', '-wal', '']) {
    if (existsSync(`${path}${end}`)) await rename(`${path}${end}`, `${aside}${end}`)
  }
  logger.error(
    { err, aside },
    'the catalog is damaged: rebuilding it from the segments. Pending delete requests are lost, send them again',
  )
}
