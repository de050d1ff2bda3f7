// Opens the segments and the catalog of a data directory, and brings them in line.

import assert from 'node:assert'
import { existsSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { BucketObjects } from './bucket/bucket-objects.ts'
import type { BucketStorage, BucketStorageOptions } from './bucket/bucket-storage.ts'
import type { Catalog } from './catalog/catalog.ts'
import { openSqliteCatalog, type SqliteCatalog } from './catalog/sqlite.ts'
import { isForeignCatalog } from './catalog-check.ts'
import type { CatalogConfig } from './catalog-config.ts'
import type { MergeBucket } from './compaction/compactor.ts'
import { BucketOwnerError, CatalogOwnerError } from './errors.ts'
import { sequenceLeap } from './limits.ts'
import { type DiskObjectStore, openDiskObjectStore } from './objects/disk.ts'
import type { StoreFiles } from './objects/files.ts'
import type { ObjectStore } from './objects/object-store.ts'
import { recover } from './recovery.ts'
import type { Replica, ReplicaServers } from './scaled/replica.ts'

export interface StorageOptions {
  readonly dataDir: string
  readonly logger: Logger
  /** The system's if absent. */
  readonly files?: StoreFiles | undefined
  /** Absent if all segments are in local files. */
  readonly bucket?:
    | (Omit<BucketStorageOptions, 'dataDir' | 'disk' | 'logger' | 'onWait'> & {
        /** Called when the start has to wait: for the bucket if nothing else is named. */
        readonly onWait: (what?: string) => void
      })
    | undefined
  /** Where the catalog is, if replicas share it. Needs a bucket. */
  readonly shared?: CatalogConfig | undefined
  /** The servers of a replica, if they are not S3 and PostgreSQL. */
  readonly servers?: ReplicaServers | undefined
  /** `limits_config.log_level_fields`. Replicas need them. */
  readonly logLevelFields?: readonly string[]
  /** Receives what to close at the end. */
  readonly own: <T extends { close(): Promise<void> }>(part: T) => T
}

/** What the rest of the store needs of a bucket. */
export interface RemoteStorage {
  readonly objects: MergeBucket & Pick<BucketObjects, 'holdRanges'>
  /** Bytes of the cache. */
  readonly cacheBytes: number
  /** Whether the catalog could be reached at the last request. Absent if it is on the local disk. */
  readonly isCatalogReachable?: boolean
  /** Number of replicas that share the bucket. Absent if this store is the only one. */
  readonly liveReplicas?: number
  /** Has a segment read from the bucket again that a query found damaged. */
  distrust(name: string): void
  /** Makes room on a full disk. Returns true if it did. */
  shrinkCache(): Promise<boolean>
}

export interface Storage {
  readonly segmentsDir: string
  readonly objects: ObjectStore
  /** The local part of the objects. */
  readonly disk: DiskObjectStore
  /** The bucket, if there is one. */
  readonly remote: RemoteStorage | undefined
  /** This process as one of several replicas. */
  readonly replica: Replica | undefined
  readonly catalog: Catalog
  /** The catalog, if only this process writes it. */
  readonly local: SqliteCatalog | undefined
  /** Makes changes of delete requests durable beyond this disk, where the catalog does not do so. */
  readonly keepRequests: (() => Promise<void>) | undefined
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
  if (options.shared) return openShared(options, options.shared)
  refuseReplicaDirectory(dataDir)
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
    return {
      ...{ segmentsDir, objects, disk, remote, catalog, nextSequence: () => ++sequence },
      ...{ replica: undefined, local: catalog },
      keepRequests: remote && (() => remote.copyCatalog()),
    }
  } catch (error) {
    await remote?.close()
    throw error
  }
}

/** Loads the code for replicas, which other stores do not need. */
async function openShared(
  { dataDir, logger, bucket, servers, own, logLevelFields = [] }: StorageOptions,
  catalogConfig: CatalogConfig,
): Promise<Storage> {
  assert(bucket, 'replicas need a bucket')
  const { openReplica } = await import('./scaled/replica.ts')
  const { config, ...rest } = bucket
  const configs = { bucket: config, catalog: catalogConfig, logLevelFields }
  const options = { ...rest, ...configs, dataDir, logger, servers }
  const replica = own(await openReplica(options))
  const { objects, disk, catalog, nextSequence } = replica
  return {
    ...{ segmentsDir: disk.directory, objects, disk, remote: replica, replica },
    ...{ catalog, nextSequence, local: undefined, keepRequests: undefined },
  }
}

/** @throws CatalogOwnerError if a directory is a replica's. A start would not find any of its lines. */
function refuseReplicaDirectory(dataDir: string): void {
  if (!existsSync(join(dataDir, 'replica', 'owner.json'))) return
  throw new CatalogOwnerError(
    `${dataDir} belongs to a replica, and the configuration names no catalog: set skald.catalog.postgres_url, or use another data directory`,
  )
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
    'the catalog is damaged: rebuilding it from the segments. Pending delete requests and rules made by API are lost, send them again',
  )
}
