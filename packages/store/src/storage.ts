// Opens the segments and the catalog of a data directory, and brings them in line.

import { existsSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { BucketStorage, BucketStorageOptions } from './bucket/bucket-storage.ts'
import { openSqliteCatalog, type SqliteCatalog } from './catalog/sqlite.ts'
import { isForeignCatalog } from './catalog-check.ts'
import { BucketOwnerError } from './errors.ts'
import { sequenceLeap } from './limits.ts'
import { type DiskObjectStore, openDiskObjectStore } from './objects/disk.ts'
import type { StoreFiles } from './objects/files.ts'
import type { ObjectStore } from './objects/object-store.ts'
import { recover } from './recovery.ts'

export interface StorageOptions {
  readonly dataDir: string
  readonly logger: Logger
  /** The system's if absent. */
  readonly files?: StoreFiles | undefined
  /** Absent if all segments are in local files. */
  readonly bucket?: Omit<BucketStorageOptions, 'dataDir' | 'disk' | 'logger'> | undefined
  /** Receives what to close at the end. */
  readonly own: <T extends { close(): Promise<void> }>(part: T) => T
}

export interface Storage {
  readonly segmentsDir: string
  readonly objects: ObjectStore
  /** The local part of the objects. */
  readonly disk: DiskObjectStore
  /** The bucket, if there is one. */
  readonly remote: BucketStorage | undefined
  readonly catalog: SqliteCatalog
  /** Returns the next number for a segment; each is higher than all before. */
  readonly nextSequence: () => number
}

/**
 * Opens the data directory and recovers it. A damaged catalog is set aside and built again.
 * @throws the system's error; RangeError when a newer version wrote the catalog; BucketOwnerError when the
 * directory and the bucket do not belong together; BucketError when the bucket refuses.
 */
export async function openStorage(options: StorageOptions): Promise<Storage> {
  const { dataDir, logger, files, own } = options
  const segmentsDir = join(dataDir, 'segments')
  const disk = own(await openDiskObjectStore(segmentsDir, files))
  const remote = options.bucket
    ? await openRemote({ ...options.bucket, dataDir, disk, logger })
    : refuseBucketDirectory(dataDir)
  const objects = remote?.objects ?? disk
  const path = join(dataDir, 'catalog.sqlite')
  const open = async () => {
    await remote?.bringCatalog(path)
    const catalog = openSqliteCatalog(path)
    try {
      catalog.checkStructure()
      await remote?.findSegments(catalog)
      if (await isForeignCatalog({ catalog, objects })) throw new ForeignCatalogError()
      const finishesMerges = remote !== undefined
      const isOlderCopy = remote?.hasOlderCatalog ?? false
      const parts = { catalog, objects, logger, finishesMerges, isOlderCopy }
      return { catalog, last: await recover(parts) }
    } catch (error) {
      await catalog.close()
      throw error
    }
  }
  try {
    const opened = await open().catch(async (error: unknown) => {
      if (!isDamage(error)) throw error
      await setCatalogAside(path, error as Error, logger)
      return open()
    })
    const catalog = own(opened.catalog)
    let sequence = (await remote?.start(catalog, opened.last, sequenceLeap)) ?? opened.last
    if (remote) own(remote)
    return { segmentsDir, objects, disk, remote, catalog, nextSequence: () => ++sequence }
  } catch (error) {
    await remote?.close()
    throw error
  }
}

/** Loads the code for buckets, which a store without one does not need. */
async function openRemote(options: BucketStorageOptions): Promise<BucketStorage> {
  const { openBucketStorage } = await import('./bucket/bucket-storage.ts')
  return openBucketStorage(options)
}

/** @throws BucketOwnerError if most segments of a directory are in a bucket. A start would forget them. */
function refuseBucketDirectory(dataDir: string): undefined {
  if (!existsSync(join(dataDir, 'bucket.json'))) return undefined
  throw new BucketOwnerError(
    `the segments of ${dataDir} are in a bucket, and the configuration names none: write the one that ${dataDir}/bucket.json names into storage_config, or use another data directory`,
  )
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
