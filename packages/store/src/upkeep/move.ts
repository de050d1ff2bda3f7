// Moves a single store into the bucket and the database of replicas: brings its segments there under their names, then a
// copy of its catalog, and enters that into PostgreSQL in one transaction, which is the moment of the move. Nothing
// of the store is changed or removed, except that a file `moved.json` notes the target.
//
// Numbers of a single store are below those of replicas, so names never meet. The first version of the new catalog is
// above all sequences of the store, so what is pushed from then on comes after everything that was moved.

import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { lockDirectory } from '@skald/wire/directory-lock'
import type { Logger } from 'pino'
import type { Bucket } from '../bucket/bucket.ts'
import { sharedStoreKey, writersPrefix } from '../bucket/bucket-writer.ts'
import { loadJsonFile, saveJsonFile } from '../bucket/json-file.ts'
import type { SegmentInfo } from '../catalog/catalog.ts'
import { openSqliteCatalog, type SqliteCatalog } from '../catalog/sqlite.ts'
import { BucketError, UpkeepError } from '../errors.ts'
import { movedSegmentsAtOnce } from '../limits.ts'
import { type CatalogBase, enterBase, newTag } from '../scaled/catalog-base.ts'
import { listSharedCopies, putSharedCopy } from '../scaled/shared-copies.ts'
import { sharedSegmentKey } from '../scaled/shared-objects.ts'
import { wrongPath } from './data-place.ts'
import { moveSamples, readMovedStates } from './move-rules.ts'
import { hasBucket, type MoveSource, openMoveSource } from './move-source.ts'
import { openSharedPlace, type SharedPlace, type SharedPlaceConfig } from './shared-place.ts'

export interface MoveOptions extends SharedPlaceConfig {
  /** Data directory of the store. */
  readonly directory: string
  readonly logger: Logger
  /** Called with the bytes that are in the bucket, of those of all segments. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void
  /** Called if the system cannot lock the directory. */
  readonly onUnsupportedLock?: (why: Error) => void
}

/** What a move did. */
export interface MoveSummary {
  /** Where everything is now, such as `s3://logs/skald/`. */
  readonly place: string
  readonly segments: number
  readonly bytes: number
  /** Segments that this run has uploaded. */
  readonly uploaded: number
  readonly streams: number
  readonly deleteRequests: number
  /** Groups of rules made by API. */
  readonly ruleGroups: number
}

/** What a directory notes about its move, so that the next run goes on with it. */
interface MoveFile {
  readonly place: string
  /** Identity of the catalog in the database. */
  readonly store: string
  readonly isDone?: boolean
}

/**
 * Moves a store. If it is stopped, the next run goes on.
 * @throws UpkeepError when the directory is not that of a single store, the target is not empty, or a segment in the bucket is
 * not what was uploaded; DirectoryLockedError when a store runs there; CatalogOwnerError; CatalogUnavailableError;
 * BucketError; the system's error.
 */
export async function moveStore(options: MoveOptions): Promise<MoveSummary> {
  const { directory, logger } = options
  hasBucket(directory)
  const lock = await lockDirectory({
    path: join(directory, 'lock'),
    what: `data directory ${directory}`,
    role: 'move',
    onUnsupported: why => options.onUnsupportedLock?.(why),
  })
  try {
    const shared = await openSharedPlace(options, logger)
    try {
      return await new Move(options, shared).run()
    } finally {
      await shared.close()
    }
  } finally {
    await lock.release()
  }
}

class Move {
  readonly #options: MoveOptions
  readonly #shared: SharedPlace
  #doneBytes = 0
  #totalBytes = 0
  #uploaded = 0

  constructor(options: MoveOptions, shared: SharedPlace) {
    this.#options = options
    this.#shared = shared
  }

  async run(): Promise<MoveSummary> {
    const { bucket } = this.#shared
    const { directory, logger } = this.#options
    const isDone = await this.#claim()
    // Once the bucket belongs to the replicas, the catalog is all that can be opened.
    const source = isDone
      ? undefined
      : await openMoveSource({ directory, bucket, logger, bucketConfig: this.#options.bucket! })
    const catalog = source?.catalog ?? openSqliteCatalog(join(directory, 'catalog.sqlite'))
    try {
      const segments = await catalog.listSegments()
      this.#totalBytes = segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
      if (source) {
        await this.#upload(source, segments)
        await this.#check(source, segments)
        await this.#enter(catalog)
        await this.#note({ isDone: true })
      }
      await removeWriters(bucket)
      const { streams } = await catalog.totals()
      return {
        ...{ place: bucket.place, segments: segments.length, bytes: this.#totalBytes },
        ...{ uploaded: this.#uploaded, streams },
        deleteRequests: catalog.deleteRequests.listAll().length,
        ruleGroups: catalog.rules.listGroups().length,
      }
    } finally {
      if (source) await source.close()
      else await catalog.close()
    }
  }

  get #notePath(): string {
    return join(this.#options.directory, 'moved.json')
  }

  async #note({ isDone }: Pick<MoveFile, 'isDone'>): Promise<void> {
    const { bucket, head } = this.#shared
    const note: MoveFile = { place: bucket.place, store: head.store, ...(isDone && { isDone }) }
    await saveJsonFile(this.#notePath, note)
  }

  /** Makes sure that the target is empty, or that this directory has begun to move there. */
  async #claim(): Promise<boolean> {
    const { bucket, head } = this.#shared
    const { directory } = this.#options
    const note = (await loadJsonFile(this.#notePath)) as MoveFile | undefined
    const isSame = note?.store === head.store && note.place === bucket.place
    if (isSame && head.version > 0) return true
    if (note?.isDone)
      throw wrongPath(
        `${directory} was moved to ${note.place} already. To move it somewhere else too, remove ${this.#notePath}`,
      )
    if (head.version > 0)
      throw wrongPath('the catalog in PostgreSQL is not empty: name an empty database')
    if (!hasBucket(directory) && (await bucket.list(writersPrefix)).length > 0)
      throw wrongPath(`${bucket.place} belongs to a single store: name another bucket or prefix`)
    const found = await bucket.list('scaled/')
    if (!isSame && found.length > 0)
      throw wrongPath(`${bucket.place} is not empty: name another bucket or prefix`)
    await this.#note({ isDone: false })
    await this.#claimBucket(bucket)
    return false
  }

  async #claimBucket(bucket: Bucket): Promise<void> {
    const { store } = this.#shared.head
    try {
      await bucket.put(sharedStoreKey, { bytes: Buffer.from(JSON.stringify({ store })) })
    } catch (error) {
      if (!(error instanceof BucketError) || !error.isTaken) throw error
      throw wrongPath(`${bucket.place} belongs to another catalog: name another bucket or prefix`)
    }
  }

  /** Uploads what is not there yet, and removes what the store has replaced since an earlier run. */
  async #upload(source: MoveSource, segments: readonly SegmentInfo[]): Promise<void> {
    const sizes = await this.#listBucket()
    const names = new Set(segments.map(({ name }) => name))
    for (const name of sizes.keys())
      if (!names.has(name)) await this.#shared.bucket.delete(sharedSegmentKey(name))
    const left = segments.filter(({ name, sizeBytes }) => sizes.get(name) !== sizeBytes)
    this.#setDone(this.#totalBytes - left.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0))
    const next = left.values()
    const work = async () => {
      for (const segment of next) {
        await source.upload(segment)
        this.#uploaded++
        this.#setDone(this.#doneBytes + segment.sizeBytes)
      }
    }
    await Promise.all(Array.from({ length: movedSegmentsAtOnce }, work))
  }

  async #listBucket(): Promise<Map<string, number>> {
    const objects = await this.#shared.bucket.list(sharedSegmentKey(''))
    const start = sharedSegmentKey('').length
    return new Map(objects.map(({ key, sizeBytes }) => [key.slice(start), sizeBytes]))
  }

  /** Compares what was uploaded with the store: sizes, and ends. */
  async #check(source: MoveSource, segments: readonly SegmentInfo[]): Promise<void> {
    const { bucket } = this.#shared
    const sizes = await this.#listBucket()
    for (const segment of segments) {
      const { name, sizeBytes } = segment
      const found = sizes.get(name)
      const end = await source.readEnd(segment)
      const key = sharedSegmentKey(name)
      const isSame =
        found === sizeBytes && end.equals(await bucket.read(key, found - end.length, end.length))
      if (isSame) continue
      throw new UpkeepError(
        `${bucket.place}${key} is not the segment that was uploaded: remove it, and run the command again`,
      )
    }
  }

  /** Puts the catalog into the bucket, and enters it into the database. */
  async #enter(catalog: SqliteCatalog): Promise<void> {
    const { bucket, database, head } = this.#shared
    const { directory } = this.#options
    const path = join(directory, 'moving.sqlite')
    const removeCopy = async () => {
      for (const end of ['', '-wal', '-shm', '-journal']) await rm(`${path}${end}`, { force: true })
    }
    await removeCopy()
    try {
      await catalog.copyTo(path)
      const states = readMovedStates(catalog)
      const base = await markCopy(path)
      // What a run that was stopped has put there, nobody has used.
      for (const { object } of await listSharedCopies(bucket)) await bucket.delete(object.key)
      await putSharedCopy({ bucket, directory }, path, base.version)
      await moveSamples(database, directory)
      await enterBase(database, { ...base, states, store: head.store })
    } finally {
      await removeCopy()
    }
  }

  #setDone(bytes: number): void {
    this.#doneBytes = bytes
    this.#options.onProgress?.(bytes, this.#totalBytes)
  }
}

/** Leaves the bucket to the replicas: a single store that has written to it is refused from now on. */
async function removeWriters(bucket: Bucket): Promise<void> {
  for (const { key } of await bucket.list(writersPrefix)) await bucket.delete(key)
}

/** Makes a copy of a single store's catalog one of a shared catalog. */
async function markCopy(path: string): Promise<Omit<CatalogBase, 'store'>> {
  const copy = openSqliteCatalog(path)
  try {
    await copy.forgetDropped(await copy.listDropped())
    // Replicas have alerts in the database.
    copy.rules.forgetOthers(new Set())
    const segments = await copy.listSegments()
    const { level0, compacted } = await copy.marks()
    // Above all numbers that the store has given out.
    const last = segments.reduce(
      (most, { sequence }) => Math.max(most, sequence),
      Math.max(level0, compacted),
    )
    const base = { version: last + 1, tag: newTag(), segments: segments.map(({ name }) => name) }
    copy.setCopied(base)
    return base
  } finally {
    await copy.close()
  }
}
