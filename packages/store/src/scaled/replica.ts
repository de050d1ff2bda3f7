// One of several equal replicas over a bucket and a PostgreSQL: opens its storage, and runs its background work.
// Nothing on its disk is needed by anybody. All of it is in the directory `replica`, and most goes at a start.

import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { makePrivateDirectory } from '@skald/wire'
import type { Logger } from 'pino'
import type { Bucket, BucketCounts } from '../bucket/bucket.ts'
import { sharedStoreKey, writersPrefix } from '../bucket/bucket-writer.ts'
import { createCacheBound } from '../bucket/cache-bound.ts'
import { loadJsonFile, saveJsonFile } from '../bucket/json-file.ts'
import { RequestSlots } from '../bucket/request-slots.ts'
import { openS3Bucket, type S3BucketParts } from '../bucket/s3-bucket.ts'
import { openSegmentCache, type SegmentCache } from '../bucket/segment-cache.ts'
import type { BucketConfig } from '../bucket-config.ts'
import type { EnteredChange } from '../catalog/catalog-changes.ts'
import { openSqliteCatalog, type SqliteCatalog } from '../catalog/sqlite.ts'
import type { CatalogConfig } from '../catalog-config.ts'
import {
  BucketError,
  CatalogOwnerError,
  CatalogUnavailableError,
  StorageUnavailableError,
} from '../errors.ts'
import {
  bucketReadingBytesMax,
  bucketReadsMax,
  bucketRetryMsMax,
  catalogPollMs,
  collectMs,
  leaseRenewMs,
  removedObjectMsLeast,
  replicaNumbers,
  replicaNumbersFrom,
  sharedCommitEagerBytes,
  sharedCommitsInFlight,
} from '../limits.ts'
import { type DiskObjectStore, openDiskObjectStore } from '../objects/disk.ts'
import { type ChangeListener, createObserver, type ObserverParts } from './change-observer.ts'
import { collect } from './collector.ts'
import { Leases } from './leases.ts'
import { OldFiles } from './old-files.ts'
import { type Database, openPostgres } from './postgres.ts'
import { SharedCatalog } from './shared-catalog.ts'
import { bringSharedCopy, type SharedCopiesParts } from './shared-copies.ts'
import { SharedObjects, sharedSegmentKey } from './shared-objects.ts'
import { migrateTables } from './tables.ts'

export interface ReplicaOptions extends BucketCounts {
  readonly catalog: CatalogConfig
  readonly bucket: BucketConfig
  readonly dataDir: string
  readonly clock: { now(): number }
  readonly logger: Logger
  /** `compactor.retention_min_free_bytes`. */
  readonly minFreeBytes: number | undefined
  /** Called when the start has to wait. `what` is PostgreSQL or the bucket. */
  readonly onWait: (what: string) => void
  /** Its servers, if they are not S3 and PostgreSQL. */
  readonly servers?: ReplicaServers | undefined
}

/** How a replica opens its servers. */
export interface ReplicaServers {
  readonly openBucket: (parts: S3BucketParts) => Promise<Bucket>
  readonly openDatabase: (config: CatalogConfig, logger: Logger) => Promise<Database>
}

const realServers: ReplicaServers = {
  openBucket: async parts => openS3Bucket(parts),
  openDatabase: openPostgres,
}

/** What the catalog says of itself. */
interface Head {
  readonly store: string
  readonly version: number
  readonly floor: number
}

interface Parts {
  readonly options: ReplicaOptions
  readonly database: Database
  readonly bucket: Bucket
  readonly disk: DiskObjectStore
  readonly cache: SegmentCache
  readonly objects: SharedObjects
  readonly catalog: SharedCatalog
  readonly epoch: number
  /** Directory of the replica. */
  readonly directory: string
  readonly old: OldFiles
}

/**
 * Opens a replica. Waits for PostgreSQL and for the bucket, however long they are away.
 * @throws CatalogOwnerError when directory, bucket and database do not belong together, or PostgreSQL refuses;
 * BucketError when the bucket refuses; the system's error.
 */
export async function openReplica(options: ReplicaOptions): Promise<Replica> {
  const { dataDir, logger, onRequest, servers = realServers } = options
  refuseSingleStore(dataDir)
  const directory = join(dataDir, 'replica')
  makePrivateDirectory(directory)
  const segmentsDir = join(directory, 'segments')
  // They were not synced, and nobody knows which of them are whole.
  const old = new OldFiles(directory, logger)
  for (const path of [segmentsDir, cacheDirOf(directory)]) await old.take(path)
  const opened: { close(): Promise<void> }[] = []
  const own = <T extends { close(): Promise<void> }>(part: T): T => {
    opened.push(part)
    return part
  }
  try {
    const disk = own(await openDiskObjectStore(segmentsDir))
    const database = own(await servers.openDatabase(options.catalog, logger))
    const bucket = own(await servers.openBucket({ config: options.bucket, logger, onRequest }))
    const { head, epoch } = await untilAnswered(options, 'PostgreSQL', () => enter(database))
    const copies = { bucket, database, directory, logger }
    const copy = await untilAnswered(options, 'the bucket', async () => {
      await claimBucket(bucket, head.store)
      return openCopy(copies, head)
    })
    const catalog = own(
      new SharedCatalog({
        ...{ database, copy, epoch, logger, store: head.store },
        renewCopy: async old => {
          await old.close()
          await removeCopy(directory)
          return openCopy(copies, await readHead(database))
        },
      }),
    )
    await untilAnswered(options, 'PostgreSQL', () => catalog.sync())
    const cache = await openCache(options, { disk, bucket, directory })
    const isEntered = (name: string) => catalog.numberOf(name) > 0
    const objects = new SharedObjects({ disk, bucket, cache, logger, isEntered })
    const parts = {
      options,
      database,
      bucket,
      disk,
      cache,
      objects,
      catalog,
      epoch,
      directory,
      old,
    }
    const replica = new Replica(parts)
    await replica.follow([])
    return replica
  } catch (error) {
    for (const part of opened.toReversed()) await part.close()
    throw error
  }
}

/** @throws CatalogOwnerError if a directory has the segments of a single store. */
function refuseSingleStore(dataDir: string): void {
  const found = ['catalog.sqlite', 'bucket.json'].find(name => existsSync(join(dataDir, name)))
  if (found === undefined) return
  throw new CatalogOwnerError(
    `${dataDir} belongs to a single store (it has ${found}), and skald.catalog.postgres_url is set: use another data directory, or remove postgres_url to go on with the single store`,
  )
}

/** Repeats what needs a server until it answers. @throws what makes no sense to repeat. */
async function untilAnswered<T>(
  { logger, onWait }: ReplicaOptions,
  what: string,
  run: () => Promise<T>,
): Promise<T> {
  for (let waitMs = 500; ; waitMs = Math.min(bucketRetryMsMax / 12, waitMs * 2)) {
    try {
      return await run()
    } catch (error) {
      const isRefused =
        error instanceof BucketError && (error.answer ?? 0) >= 400 && (error.answer ?? 0) < 500
      const mayWait = error instanceof CatalogUnavailableError || error instanceof BucketError
      if (!mayWait || isRefused) throw error
      logger.warn({ reason: error.message }, `waiting for ${what}`)
      onWait(what)
      await sleep(waitMs)
    }
  }
}

/** Brings the tables to this version, and enters the process into the list of replicas. */
async function enter(database: Database): Promise<{ head: Head; epoch: number }> {
  await migrateTables(database)
  const head = await readHead(database)
  const [row] = await database.query<{ epoch: string }>({
    text: 'INSERT INTO skald.replicas (name) VALUES ($1) RETURNING epoch',
    values: [hostname()],
  })
  return { head, epoch: Number(row!.epoch) }
}

async function readHead(database: Database): Promise<Head> {
  const [row] = await database.query<{ store: string; version: string; floor: string }>({
    text: 'SELECT store, version, floor FROM skald.head',
  })
  if (!row) throw new CatalogOwnerError('the catalog in PostgreSQL has no head')
  return { store: row.store, version: Number(row.version), floor: Number(row.floor) }
}

/** Makes sure that the bucket belongs to this catalog alone. @throws CatalogOwnerError; BucketError. */
async function claimBucket(bucket: Bucket, store: string): Promise<void> {
  const writers = await bucket.list(writersPrefix)
  if (writers.length > 0) {
    throw new CatalogOwnerError(
      `${bucket.place} belongs to a single store: configure another bucket or prefix, or remove skald.catalog.postgres_url`,
    )
  }
  try {
    await bucket.put(sharedStoreKey, { bytes: Buffer.from(JSON.stringify({ store })) })
  } catch (error) {
    if (!(error instanceof BucketError) || !error.isTaken) throw error
    throw new CatalogOwnerError(
      `${bucket.place} belongs to the catalog of another database: configure that one, or another bucket or prefix`,
      { cause: error },
    )
  }
}

/** Opens the copy of the catalog: the one on the disk, one from the bucket, or a new one. */
async function openCopy(parts: SharedCopiesParts, head: Head): Promise<SqliteCatalog> {
  const { directory } = parts
  const path = copyPath(directory)
  const known = (await loadJsonFile(ownerPath(directory)).catch(() => undefined)) as
    | Pick<Head, 'store'>
    | undefined
  const found = known?.store === head.store ? await openUsable(path, head) : undefined
  if (found) return found
  await removeCopy(directory)
  const isBrought = await bringSharedCopy(parts, path, head)
  if (!isBrought && head.floor > 0) {
    throw new CatalogOwnerError(
      `no copy of the catalog in ${parts.bucket.place}scaled/catalog/ can be used, and PostgreSQL keeps only the changes since ${head.floor}: put the newest copy back`,
    )
  }
  await saveJsonFile(ownerPath(directory), { store: head.store })
  return openSqliteCatalog(path)
}

/** Opens a copy if it is whole, and new enough for changes to follow it. */
async function openUsable(
  path: string,
  { floor, version }: Head,
): Promise<SqliteCatalog | undefined> {
  if (!existsSync(path)) return undefined
  let copy: SqliteCatalog | undefined
  try {
    copy = openSqliteCatalog(path)
    copy.checkStructure()
    if (copy.copiedVersion >= floor && copy.copiedVersion <= version) return copy
  } catch {
    // A damaged copy is as good as none.
  }
  await copy?.close()
  return undefined
}

async function removeCopy(directory: string): Promise<void> {
  for (const end of ['', '-wal', '-shm']) await rm(`${copyPath(directory)}${end}`, { force: true })
}

function copyPath(directory: string): string {
  return join(directory, 'catalog.sqlite')
}

function cacheDirOf(directory: string): string {
  return join(directory, 'cache')
}

function ownerPath(directory: string): string {
  return join(directory, 'owner.json')
}

function openCache(
  options: ReplicaOptions,
  { disk, bucket, directory }: Pick<Parts, 'disk' | 'bucket' | 'directory'>,
): Promise<SegmentCache> {
  return openSegmentCache({
    directory: disk.directory,
    cacheDir: cacheDirOf(directory),
    slots: new RequestSlots({ countMax: bucketReadsMax, bytesMax: bucketReadingBytesMax }),
    read: (name, { start, end }) => bucket.read(sharedSegmentKey(name), start, end - start),
    bound: createCacheBound({ ...options, disk, cacheMaxBytes: options.bucket.cacheMaxBytes }),
  })
}

/** A replica. Open it with openReplica. */
export class Replica {
  readonly objects: SharedObjects
  readonly catalog: SharedCatalog
  readonly disk: DiskObjectStore
  readonly #parts: Parts
  readonly #leases: Leases
  readonly #timers: NodeJS.Timeout[] = []
  #number = 0
  #observe: ChangeListener = async () => undefined
  #working: Promise<void> = Promise.resolve()
  #isCollectFailing = false
  #isClosed = false

  constructor(parts: Parts) {
    this.#parts = parts
    this.objects = parts.objects
    this.catalog = parts.catalog
    this.disk = parts.disk
    const { database, epoch, catalog } = parts
    this.#leases = new Leases({ database, epoch, job: () => catalog.job })
    catalog.listen(changes => this.follow(changes))
  }

  /** How commits are made. */
  get pace() {
    return {
      intervalMs: this.#parts.options.catalog.commitIntervalMs,
      eagerBytes: sharedCommitEagerBytes,
      inFlight: sharedCommitsInFlight,
      compression: 'zstd',
      orderedBy: 'catalog',
    } as const
  }

  /** Bytes of the cache. */
  get cacheBytes(): number {
    return this.#parts.cache.bytes
  }

  /** Whether PostgreSQL answered the last request. */
  get isCatalogReachable(): boolean {
    return !this.catalog.isDown
  }

  /** Number of replicas that are alive, this one included. It is some seconds old. */
  get liveReplicas(): number {
    return this.#leases.liveReplicas
  }

  /** Returns a number for a segment's name that no other segment of any replica has. */
  readonly nextSequence = (): number => {
    if (++this.#number >= replicaNumbers)
      throw new RangeError('out of numbers: restart the process')
    return replicaNumbersFrom + this.#parts.epoch * replicaNumbers + this.#number
  }

  /** Returns whether retention and delete requests are this process's work. */
  readonly turn = (): 'mine' | 'new' | 'no' => this.#leases.turnOf('compaction')

  /** Lets a commit begin. @throws StorageUnavailableError while PostgreSQL does not answer. */
  readonly checkCommit = async (): Promise<void> => {
    if (this.catalog.isDown)
      throw new StorageUnavailableError('the catalog does not answer; push again later')
  }

  /** Takes note of changes of the catalog. None: of a new copy. */
  async follow(changes: readonly EnteredChange[]): Promise<void> {
    if (changes.length === 0) {
      this.objects.reset()
      this.objects.know(await this.catalog.listSegments())
    }
    for (const { change } of changes)
      if (change.kind === 'segments') this.objects.know(change.added)
    await this.#observe(changes)
  }

  /**
   * Begins the background work, and tells the other parts of changes. Takes leases before it resolves, if
   * PostgreSQL answers.
   */
  async start(parts: Omit<ObserverParts, 'objects' | 'logger' | 'askedMs'>): Promise<void> {
    const { logger } = this.#parts.options
    const askedMs = () => this.catalog.askedMs
    this.#observe = createObserver({ ...parts, objects: this.objects, logger, askedMs })
    // What came since the others were opened.
    await this.follow([])
    await this.#renew()
    this.#parts.old.startDeleting()
    // Failures of requests are logged by the catalog.
    this.#every(catalogPollMs, () => this.catalog.sync().catch(() => undefined))
    this.#every(leaseRenewMs, () => this.#renew())
    this.#every(collectMs, () => {
      this.#working = this.#collect()
      return this.#working
    })
  }

  /** Runs something again and again, but never twice at a time. It must not reject. */
  #every(ms: number, run: () => Promise<void>): void {
    let isRunning = false
    const runOnce = async () => {
      if (isRunning) return
      isRunning = true
      await run()
      isRunning = false
    }
    const timer = setInterval(() => void runOnce(), ms)
    timer.unref()
    this.#timers.push(timer)
  }

  async #renew(): Promise<void> {
    if (this.#isClosed) return
    await this.#leases.renew().catch(() => undefined)
  }

  async #collect(): Promise<void> {
    if (this.#isClosed || !this.#leases.has('collection')) return
    const { database, bucket, directory, options, catalog } = this.#parts
    const { logger } = options
    const delayMs = Math.max(removedObjectMsLeast, options.bucket.deleteDelayMs)
    try {
      const copyTo = (path: string) => catalog.copyTo(path)
      await collect({ database, bucket, directory, logger, delayMs, copyTo })
      this.#isCollectFailing = false
    } catch (error) {
      if (!this.#isCollectFailing)
        logger.warn({ reason: (error as Error).message }, 'cannot tidy up the bucket yet')
      this.#isCollectFailing = true
    }
  }

  /** Has a segment read from the bucket again that a query found damaged. */
  distrust(name: string): void {
    // What cannot be emptied stays damaged, and is reported again.
    this.objects.renew(name).catch(() => undefined)
  }

  /** Makes room on a full disk. Returns true if it did. */
  shrinkCache(): Promise<boolean> {
    return this.#parts.cache.shrinkBy(Number.POSITIVE_INFINITY)
  }

  /** Ends the background work, and lets other replicas have it at once. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const timer of this.#timers) clearInterval(timer)
    await this.#working
    await this.#leases.release().catch(() => undefined)
    const { catalog, bucket, database, disk, old } = this.#parts
    await old.close()
    await catalog.close()
    await bucket.close()
    await database.close()
    await disk.close()
  }
}
