// One of several equal replicas over a bucket and a PostgreSQL: opens its storage, and runs its background work.
// Nothing on its disk is needed by anybody. All of it is in the directory `replica`, and most goes at a start.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { makePrivateDirectory } from '@skald/wire'
import type { Logger } from 'pino'
import type { Bucket, BucketCounts } from '../bucket/bucket.ts'
import { sharedStoreKey, writersPrefix } from '../bucket/bucket-writer.ts'
import { createCacheBound } from '../bucket/cache-bound.ts'
import { openS3Bucket, type S3BucketParts } from '../bucket/s3-bucket.ts'
import { openSegmentCache, type SegmentCache } from '../bucket/segment-cache.ts'
import type { BucketConfig } from '../bucket-config.ts'
import type { EnteredChange } from '../catalog/catalog-changes.ts'
import type { CatalogConfig } from '../catalog-config.ts'
import {
  BucketError,
  CatalogOwnerError,
  CatalogUnavailableError,
  StorageUnavailableError,
} from '../errors.ts'
import {
  adoptionMs,
  bucketReadingBytesMax,
  bucketReadsMax,
  bucketRetryMsMax,
  cancelledRequestsMax,
  catalogPollMs,
  collectMs,
  leaseRenewMs,
  recentSegmentsMax,
  removedObjectMsLeast,
  repairRetryMs,
  replicaNumbers,
  replicaNumbersFrom,
  sharedCommitEagerBytes,
  sharedCommitsInFlight,
} from '../limits.ts'
import { type DiskObjectStore, openDiskObjectStore } from '../objects/disk.ts'
import { WorkSlots } from '../work-slots.ts'
import { Adoption } from './adoption.ts'
import { type ChangeListener, createObserver, type ObserverParts } from './change-observer.ts'
import { collect } from './collector.ts'
import { FoundSegments } from './found-segments.ts'
import { Leases } from './leases.ts'
import { OldFiles } from './old-files.ts'
import { type Database, openPostgres } from './postgres.ts'
import { type Head, ReplicaCopies, readHead } from './replica-copies.ts'
import { type CancelledRequest, type KnownBefore, readKnown, restoreLost } from './restore-lost.ts'
import type { SharedRules } from './rules/shared-rules.ts'
import { SharedCatalog } from './shared-catalog.ts'
import { SharedObjects, sharedSegmentKey } from './shared-objects.ts'
import { enterProcess, migrateTables } from './tables.ts'

export interface ReplicaOptions extends BucketCounts {
  readonly catalog: CatalogConfig
  readonly bucket: BucketConfig
  readonly dataDir: string
  readonly clock: { now(): number }
  readonly logger: Logger
  /** `compactor.retention_min_free_bytes`. */
  readonly minFreeBytes: number | undefined
  /** `limits_config.log_level_fields`. */
  readonly logLevelFields: readonly string[]
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

interface Parts {
  readonly options: ReplicaOptions
  readonly database: Database
  readonly bucket: Bucket
  readonly disk: DiskObjectStore
  readonly cache: SegmentCache
  readonly objects: SharedObjects
  readonly catalog: SharedCatalog
  readonly copies: ReplicaCopies
  readonly events: CatalogEvents
  readonly epoch: number
  /** Directory of the replica. */
  readonly directory: string
  readonly old: OldFiles
}

/** What the catalog tells a replica, once there is one. */
interface CatalogEvents {
  onLost: () => void
  onFenced: () => void
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
    const head = await untilAnswered(options, 'PostgreSQL', async () => {
      await migrateTables(database)
      return readHead(database)
    })
    const copies = new ReplicaCopies({ bucket, database, directory, logger })
    const known: KnownBefore[] = []
    const copy = await untilAnswered(options, 'the bucket', async () => {
      await claimBucket(bucket, head)
      return copies.open(async lost => {
        known.push(await readKnown(lost))
      })
    })
    const epoch = await untilAnswered(options, 'PostgreSQL', () => enterProcess(database))
    const events: CatalogEvents = { onLost: () => undefined, onFenced: () => undefined }
    const catalog = own(
      new SharedCatalog({
        ...{ database, copy, epoch, logger, store: head.store },
        renewCopy: () => copies.openNext(),
        onLost: () => events.onLost(),
        onFenced: () => events.onFenced(),
      }),
    )
    await untilAnswered(options, 'PostgreSQL', () => catalog.sync())
    const cache = await openCache(options, { disk, bucket, directory })
    const isEntered = (name: string) => catalog.numberOf(name) > 0
    const objects = new SharedObjects({ disk, bucket, cache, logger, isEntered })
    const stored = { options, database, bucket, disk, cache, objects, catalog, epoch, directory }
    const replica = new Replica({ ...stored, old, copies, events })
    if (known.length > 0)
      await untilAnswered(options, 'PostgreSQL', () => replica.restore(catalog, known))
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

/** Makes sure that the bucket belongs to this catalog alone. @throws CatalogOwnerError; BucketError. */
async function claimBucket(bucket: Bucket, { store, version }: Head): Promise<void> {
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
    const text =
      version > 0
        ? `${bucket.place} belongs to the catalog of another database: configure that one, or another bucket or prefix`
        : `the catalog in PostgreSQL is empty, and ${bucket.place} has the lines of another one: configure its database. If it is lost, stop all replicas, make the catalog again from the bucket, and start them: skald verify --rebuild --config.file=FILE ${bucket.place}`
    throw new CatalogOwnerError(text, { cause: error })
  }
}

function cacheDirOf(directory: string): string {
  return join(directory, 'cache')
}

function openCache(
  options: ReplicaOptions,
  { disk, bucket, directory }: Pick<Parts, 'disk' | 'bucket' | 'directory'>,
): Promise<SegmentCache> {
  return openSegmentCache({
    directory: disk.directory,
    cacheDir: cacheDirOf(directory),
    slots: new WorkSlots({ countMax: bucketReadsMax, bytesMax: bucketReadingBytesMax }),
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
  readonly #adoption: Adoption
  #epoch: number
  #number = 0
  /** While the process gets another number. */
  #renumbering: Promise<void> | undefined
  #repairing: Promise<void> | undefined
  /** Delete requests that were cancelled since the start. */
  #cancelled: CancelledRequest[] = []
  /** Newest segments of level 0 → their versions. Objects outlive merges, and the copy does not know their order then. */
  readonly #recent = new Map<string, number>()
  #adoptedMs = Number.NEGATIVE_INFINITY
  #observe: ChangeListener = async () => undefined
  #working: Promise<void> = Promise.resolve()
  #isCollectFailing = false
  #isClosed = false

  constructor(parts: Parts) {
    this.#parts = parts
    this.objects = parts.objects
    this.catalog = parts.catalog
    this.disk = parts.disk
    const { database, catalog, events, bucket, options } = parts
    this.#epoch = parts.epoch
    this.#leases = new Leases({
      ...{ database, epoch: () => this.#epoch, job: () => catalog.job },
      onFenced: () => events.onFenced(),
    })
    events.onLost = () => {
      this.#repairing ??= this.#repair().finally(() => {
        this.#repairing = undefined
      })
    }
    events.onFenced = () => {
      this.#renumbering ??= this.#takeEpoch()
        .catch(() => undefined)
        .finally(() => {
          this.#renumbering = undefined
        })
    }
    const { logger } = options
    this.#adoption = new Adoption({ database, bucket, catalog, logger, found: this.#found })
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
    return replicaNumbersFrom + this.#epoch * replicaNumbers + this.#number
  }

  get #found(): FoundSegments {
    const { bucket, directory, options } = this.#parts
    const { logLevelFields } = options
    return new FoundSegments({ bucket, directory, logLevelFields, nextSequence: this.nextSequence })
  }

  /** Names segments with another number from now on. @throws CatalogUnavailableError */
  async #takeEpoch(): Promise<void> {
    this.#epoch = await enterProcess(this.#parts.database)
    this.#number = 0
    this.catalog.setEpoch(this.#epoch)
  }

  /** Opens the rules, whose code other replicas do not need. */
  async openRules(): Promise<SharedRules> {
    const { SharedRules } = await import('./rules/shared-rules.ts')
    const { database, options } = this.#parts
    const { logger } = options
    return new SharedRules({ database, logger, catalog: this.catalog, epoch: () => this.#epoch })
  }

  /** Enters again what the database has lost. @throws as restoreLost. */
  async restore(catalog: SharedCatalog, known: readonly KnownBefore[]): Promise<void> {
    const { database, bucket, options } = this.#parts
    await restoreLost(
      {
        ...{ database, bucket, catalog, found: this.#found, logger: options.logger },
        ...{ epoch: this.#epoch, takeEpoch: () => this.#takeEpoch() },
      },
      known,
      this.#cancelled,
    )
  }

  /** Replaces the copy of a history that the database has lost. Until then, queries are answered from it. */
  async #repair(): Promise<void> {
    const { database, copies, options, catalog } = this.#parts
    const { logger } = options
    for (let isTold = false; !this.#isClosed; await sleep(repairRetryMs)) {
      try {
        const known = await readKnown(catalog.copy)
        const copy = await copies.openNext()
        const { store } = await readHead(database)
        const fresh = new SharedCatalog({
          ...{ database, copy, logger, store, epoch: this.#epoch },
          renewCopy: () => Promise.reject(new CatalogUnavailableError('the copy is too old')),
        })
        await fresh.sync()
        const sequences = new Map([...this.#recent, ...known.sequences])
        await this.restore(fresh, [{ ...known, sequences, version: catalog.seen }])
        await catalog.goOnWith(copy)
        return
      } catch (error) {
        const reason = (error as Error).message
        if (!isTold) logger.warn({ reason }, 'cannot enter again yet what the database has lost')
        isTold = true
      }
    }
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
      await this.#parts.copies.settle()
      this.objects.reset()
      this.objects.know(await this.catalog.listSegments())
    }
    for (const { change, version } of changes) {
      if (change.kind === 'delete-removed') this.#cancelled.push(change)
      if (change.kind !== 'segments') continue
      this.objects.know(change.added)
      for (const { name, level } of change.added) if (level === 0) this.#recent.set(name, version)
    }
    this.#cancelled = this.#cancelled.slice(-cancelledRequestsMax)
    for (const name of this.#recent.keys()) {
      if (this.#recent.size <= recentSegmentsMax) break
      this.#recent.delete(name)
    }
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
      if (performance.now() - this.#adoptedMs >= adoptionMs) {
        this.#adoptedMs = performance.now()
        const { entered } = await this.#adoption.look()
        if (entered > 0) logger.info({ segments: entered }, 'entered segments found in the bucket')
      }
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
    await this.#repairing
    await this.#leases.release().catch(() => undefined)
    const { catalog, bucket, database, disk, old } = this.#parts
    await old.close()
    await catalog.close()
    await bucket.close()
    await database.close()
    await disk.close()
  }
}
