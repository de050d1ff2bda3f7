// Opens the storage of a store with a bucket, and runs its background work: uploads of segments that an
// earlier process left, copies of the catalog, deletion of objects that nothing needs.

import { existsSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { BucketConfig } from '../bucket-config.ts'
import type { SqliteCatalog } from '../catalog/sqlite.ts'
import { BucketError } from '../errors.ts'
import { bucketReadingBytesMax, bucketReadsMax, bucketRetryMsMax, lastCopyMs } from '../limits.ts'
import type { DiskObjectStore } from '../objects/disk.ts'
import type { ObjectInfo } from '../objects/object-store.ts'
import { parseSegmentName } from '../segment/name.ts'
import { WorkSlots } from '../work-slots.ts'
import type { Bucket, BucketCounts } from './bucket.ts'
import { BucketObjects, isMerged, segmentKey, segmentPrefix } from './bucket-objects.ts'
import { type BucketWriter, openBucketWriter } from './bucket-writer.ts'
import { createCacheBound } from './cache-bound.ts'
import { bringCatalog, CatalogCopies } from './catalog-copies.ts'
import { type Garbage, openGarbage } from './garbage.ts'
import { openS3Bucket, type S3BucketParts } from './s3-bucket.ts'
import { openSegmentCache, type SegmentCache } from './segment-cache.ts'

export interface BucketStorageOptions extends BucketCounts {
  readonly config: BucketConfig
  readonly dataDir: string
  readonly disk: DiskObjectStore
  readonly clock: { now(): number }
  readonly logger: Logger
  /** `compactor.retention_min_free_bytes`. */
  readonly minFreeBytes: number | undefined
  /** Called when the store has to wait for the bucket before it can start. */
  readonly onWait: () => void
  /** Opens the bucket; one of S3 if absent. */
  readonly openBucket?: (parts: S3BucketParts) => Promise<Bucket>
}

interface Parts {
  readonly options: BucketStorageOptions
  readonly bucket: Bucket
  readonly writer: BucketWriter
  readonly garbage: Garbage
  readonly cache: SegmentCache
}

/** Opens the parts. Sends no request. @throws BucketOwnerError if the directory belongs to another bucket. */
export async function openBucketStorage(options: BucketStorageOptions): Promise<BucketStorage> {
  const { config, dataDir, disk, clock, logger, onRequest, openBucket = openS3Bucket } = options
  const bucket = await openBucket({ config, logger, onRequest })
  const writer = await openBucketWriter({ bucket, dataDir, clock })
  const garbage = await openGarbage({
    ...{ dataDir, clock, logger, delayMs: config.deleteDelayMs },
    remove: name => bucket.delete(segmentKey(name)),
    check: () => writer.check({ isFresh: true }),
  })
  const cache = await openSegmentCache({
    directory: disk.directory,
    cacheDir: join(dataDir, 'cache'),
    slots: new WorkSlots({ countMax: bucketReadsMax, bytesMax: bucketReadingBytesMax }),
    read: (name, { start, end }) => bucket.read(segmentKey(name), start, end - start),
    bound: createCacheBound({ ...options, cacheMaxBytes: config.cacheMaxBytes }),
  })
  return new BucketStorage({ options, bucket, writer, garbage, cache })
}

/** The storage of a store with a bucket. Open it with openBucketStorage. */
export class BucketStorage {
  readonly objects: BucketObjects
  readonly #parts: Parts
  readonly #closing = new AbortController()
  /** Segments in the bucket at the start; `undefined` if it did not answer. */
  #listed: readonly ObjectInfo[] | undefined
  #hadWriters = false
  /** Key of the copy that the catalog is from. */
  #broughtKey: string | undefined
  #copies: CatalogCopies | undefined
  #reconciling: Promise<void> | undefined

  constructor(parts: Parts) {
    this.#parts = parts
    const { bucket, writer, garbage, cache, options } = parts
    const { disk, logger } = options
    this.objects = new BucketObjects({
      ...{ disk, bucket, cache, garbage, writer, logger },
      onChange: () => this.#copies?.touch(),
    })
  }

  /** Whether the catalog is a copy from the bucket, and older than what it describes. */
  get hasOlderCatalog(): boolean {
    return this.#broughtKey !== undefined
  }

  /** Bytes of the cache. */
  get cacheBytes(): number {
    return this.#parts.cache.bytes
  }

  /**
   * Enters the directory as the writer of the bucket, and brings the catalog if there is none. Waits for
   * the bucket if it is needed. If the directory has all that a start needs, the store starts without it.
   * @throws BucketOwnerError if the directory must not write to the bucket; BucketError if the bucket refuses.
   */
  async bringCatalog(path: string): Promise<void> {
    const { options, writer } = this.#parts
    const { disk, dataDir, logger, onWait } = options
    const hasSegments = (await disk.list()).some(({ name }) => parseSegmentName(name))
    if (!hasSegments && !writer.isSettled && existsSync(path)) await setAside(path)
    const isNeeded = !existsSync(path) || !writer.isSettled
    for (let waitMs = 1000; ; waitMs = Math.min(bucketRetryMsMax, waitMs * 2)) {
      try {
        this.#hadWriters = await writer.enter(hasSegments)
        this.#listed = await this.#list()
        if (!existsSync(path)) await this.#bringNewest(path, dataDir)
        return
      } catch (error) {
        if (!(error instanceof BucketError)) throw error
        if (!isNeeded) {
          logger.error(
            { reason: error.message },
            'the bucket does not answer: starting with what is on the local disk',
          )
          return
        }
        const { answer = 0 } = error
        if (answer >= 400 && answer < 500) throw error
        logger.warn({ reason: error.message }, 'waiting for the bucket')
        onWait()
        await sleep(waitMs, undefined, { signal: this.#closing.signal })
      }
    }
  }

  async #list(): Promise<ObjectInfo[]> {
    const objects = await this.#parts.bucket.list(segmentPrefix)
    return objects
      .map(({ key, sizeBytes }) => ({ name: key.slice(segmentPrefix.length), sizeBytes }))
      .filter(({ name }) => isMerged(name))
  }

  /** Brings the newest copy that can be unpacked and was not brought before. */
  async #bringNewest(path: string, dataDir: string): Promise<void> {
    const { bucket, options } = this.#parts
    for (;;) {
      try {
        this.#broughtKey = await bringCatalog({ bucket, dataDir }, path, this.#broughtKey)
        if (this.#broughtKey === undefined) return
        options.logger.info({ copy: this.#broughtKey }, 'took the catalog from the bucket')
        return
      } catch (error) {
        if (error instanceof BucketError || !(error as Error & { key?: string }).key) throw error
        const { key } = error as Error & { key?: string }
        options.logger.error({ err: error, copy: key }, 'a copy of the catalog is damaged')
        this.#broughtKey = key
      }
    }
  }

  /** Tells the objects which segments are in the bucket, for a catalog that was just opened. */
  async findSegments(catalog: SqliteCatalog): Promise<void> {
    const { cache, garbage, options } = this.#parts
    this.objects.reset()
    const local = new Map(
      (await options.disk.list()).map(({ name, sizeBytes }) => [name, sizeBytes]),
    )
    const rows = (await catalog.listSegments()).filter(({ level }) => level > 0)
    const known = new Set(rows.map(({ name }) => name))
    const { compacted } = await catalog.marks()
    const lost = new Set(await catalog.listLost())
    const listed = this.#listed && new Set(this.#listed.map(({ name }) => name))
    const old: string[] = []
    for (const object of this.#listed ?? []) {
      const isAbove = parseSegmentName(object.name)!.sequence > compacted
      if (known.has(object.name) || lost.has(object.name) || (isAbove && !garbage.has(object.name)))
        this.objects.know([object])
      else old.push(object.name)
    }
    if (old.length > 0) await garbage.add(old)
    for (const { name, sizeBytes } of rows) {
      const hasFile = local.has(name)
      // What neither has is missing. Without a list, what is not here must be in the bucket.
      if (!hasFile && listed && !listed.has(name)) continue
      this.objects.know([{ name, sizeBytes: local.get(name) ?? sizeBytes }])
      if (hasFile) cache.addWhole(name, local.get(name)!, { isOnly: !listed?.has(name) })
    }
  }

  /**
   * Begins the background work, once the catalog is in line with the segments.
   *
   * @param last The highest number that is known to have been used.
   * @returns the number above which those of new segments are.
   */
  async start(catalog: SqliteCatalog, last: number, leap: number): Promise<number> {
    const { writer, bucket, options } = this.#parts
    const { dataDir, clock, logger } = options
    await this.#knowLocal(catalog)
    if (!writer.isSettled) await writer.settle(this.#hadWriters ? last + leap : 0)
    this.#copies = new CatalogCopies({
      ...{ bucket, dataDir, clock, logger },
      check: () => writer.check(),
      copyTo: path => catalog.copyTo(path),
    })
    this.#copies.touch()
    this.#reconciling = this.#reconcile(catalog).catch((error: unknown) => {
      if (!this.#closing.signal.aborted) logger.error({ err: error }, 'cannot write to the bucket')
    })
    return Math.max(last, writer.sequence)
  }

  /** Adds the segments that recovery found on the disk alone. */
  async #knowLocal(catalog: SqliteCatalog): Promise<void> {
    const { cache, options } = this.#parts
    const known = new Set((await catalog.listSegments()).map(({ name }) => name))
    for (const { name, sizeBytes } of await options.disk.list()) {
      if (!known.has(name) || !isMerged(name) || this.objects.knows(name)) continue
      this.objects.know([{ name, sizeBytes }])
      cache.addWhole(name, sizeBytes, { isOnly: true })
    }
  }

  /** Has a copy of the catalog in the bucket that holds all that it holds now. @throws BucketError */
  async copyCatalog(): Promise<void> {
    await this.#copies!.copyNow()
  }

  /** Compares the catalog with the bucket, and uploads what is only here. */
  async #reconcile(catalog: SqliteCatalog): Promise<void> {
    const { cache, writer, options } = this.#parts
    const { signal } = this.#closing
    const before = (await catalog.listSegments()).filter(({ level }) => level > 0)
    const listed = this.#listed ?? (await this.#listLater(signal))
    await writer.check()
    const present = new Set(listed.map(({ name }) => name))
    const missing: string[] = []
    for (const { name } of before) {
      if (present.has(name)) await cache.setSafe(name)
      else if (cache.isOnly(name)) await this.objects.upload(name, signal)
      else if ((await catalog.partsOf(name)).length > 0) missing.push(name)
    }
    if (missing.length > 0)
      options.logger.error({ segments: missing }, 'segments are missing in the bucket')
    this.#copies?.touch()
  }

  async #listLater(signal: AbortSignal): Promise<readonly ObjectInfo[]> {
    for (let waitMs = 1000; ; waitMs = Math.min(bucketRetryMsMax, waitMs * 2)) {
      try {
        return await this.#list()
      } catch (error) {
        if (!(error instanceof BucketError)) throw error
        await sleep(waitMs, undefined, { signal })
      }
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

  /** Ends the background work and makes a last copy of the catalog, if the bucket answers. */
  async close(): Promise<void> {
    const { garbage, bucket } = this.#parts
    this.#closing.abort(new Error('the store stops'))
    await this.#reconciling
    const ending = new AbortController()
    await Promise.race([
      this.#copies?.copyIfChanged().then(() => this.#copies?.close()),
      sleep(lastCopyMs, undefined, { signal: ending.signal }).catch(() => undefined),
    ])
    ending.abort()
    await garbage.close()
    await bucket.close()
  }
}

/** Renames a catalog of a directory without segments, which has nothing that the bucket's lacks. */
async function setAside(path: string): Promise<void> {
  for (const end of ['-shm', '-wal', '']) {
    if (existsSync(`${path}${end}`)) await rename(`${path}${end}`, `${path}.before-bucket${end}`)
  }
}
