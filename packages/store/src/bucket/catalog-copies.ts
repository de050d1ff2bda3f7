// Copies the catalog into the bucket, compressed: `catalog/<16 digits>.sqlite.zst`, and brings the newest
// copy onto a new machine. Segments that are newer than a copy are found by listing the bucket. Delete
// requests are only in the catalog, so they are answered once a copy has them.

import { createReadStream, createWriteStream } from 'node:fs'
import { open, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createZstdCompress, createZstdDecompress } from 'node:zlib'
import { privateFileMode } from '@skald/wire'
import type { Logger } from 'pino'
import {
  bucketReadBytes,
  catalogCopiesKept,
  catalogCopyBytesPerSecond,
  catalogCopyMsLeast,
  catalogCopyMsMax,
} from '../limits.ts'
import type { Bucket, BucketObject } from './bucket.ts'

export interface CatalogCopiesParts {
  readonly bucket: Bucket
  readonly dataDir: string
  readonly clock: { now(): number }
  readonly logger: Logger
  /** Rejects if this store may not write. */
  readonly check: () => Promise<void>
  /** Copies the catalog to a path, as it is at one moment. */
  readonly copyTo: (path: string) => Promise<void>
}

const prefix = 'catalog/'
const ending = '.sqlite.zst'

/** The copies of one store's catalog. */
export class CatalogCopies {
  readonly #parts: CatalogCopiesParts
  #copiedMs = Number.NEGATIVE_INFINITY
  #copiedBytes = 0
  #isChanged = false
  #isFailing = false
  #timer: NodeJS.Timeout | undefined
  /** The copy being made, and the one that begins after it. */
  #running: Promise<void> | undefined
  #next: Promise<void> | undefined
  #isClosed = false

  constructor(parts: CatalogCopiesParts) {
    this.#parts = parts
  }

  /** Has a copy made soon, because the catalog has changed. */
  touch(): void {
    this.#isChanged = true
    if (this.#timer || this.#isClosed) return
    const sizeMs = (this.#copiedBytes / catalogCopyBytesPerSecond) * 1000
    const pauseMs = Math.min(catalogCopyMsMax, Math.max(catalogCopyMsLeast, sizeMs))
    const waitMs = this.#copiedMs + pauseMs - this.#parts.clock.now()
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined
        void this.copyIfChanged()
      },
      Math.min(pauseMs, Math.max(0, waitMs)),
    )
    this.#timer.unref()
  }

  /** Makes a copy if there is something new. Never rejects. */
  async copyIfChanged(): Promise<void> {
    if (!this.#isChanged) return
    await this.copyNow().catch((error: unknown) => {
      if (!this.#isFailing)
        this.#parts.logger.warn(
          { reason: (error as Error).message },
          'cannot copy the catalog to the bucket yet',
        )
      this.#isFailing = true
      this.touch()
    })
  }

  /**
   * Makes a copy of what the catalog holds now. Resolves once it is in the bucket.
   * @throws BucketError; the system's or SQLite's error.
   */
  copyNow(): Promise<void> {
    // A copy that has begun may lack the newest changes.
    this.#next ??= (this.#running ?? Promise.resolve())
      .catch(() => undefined)
      .then(() => {
        this.#running = this.#next
        this.#next = undefined
        return this.#copy()
      })
    return this.#next
  }

  async #copy(): Promise<void> {
    const { bucket, dataDir, clock, check, copyTo } = this.#parts
    const path = join(dataDir, 'catalog-copy.sqlite')
    const packed = `${path}.zst`
    try {
      await check()
      this.#isChanged = false
      this.#copiedMs = clock.now()
      await rm(path, { force: true })
      await copyTo(path)
      await packFile(path, packed)
      const known = await bucket.list(prefix)
      const number = numberOf(known.at(-1)) + 1
      await bucket.put(`${prefix}${String(number).padStart(16, '0')}${ending}`, { path: packed })
      this.#copiedBytes = (await stat(packed)).size
      this.#isFailing = false
      const old = known.slice(0, Math.max(0, known.length + 1 - catalogCopiesKept))
      for (const { key } of old) await bucket.delete(key)
    } catch (error) {
      this.#isChanged = true
      throw error
    } finally {
      await rm(path, { force: true })
      await rm(packed, { force: true })
    }
  }

  /** Makes no further copy. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    await (this.#next ?? this.#running)?.catch(() => undefined)
  }
}

function numberOf(object: BucketObject | undefined): number {
  return object ? Number(object.key.slice(prefix.length, -ending.length)) : 0
}

/**
 * Brings a copy of the catalog to a path: the newest, or an older one if that is asked for. Returns the key
 * of the copy, or `undefined` if there is none.
 *
 * @param before Only copies that are older than this one.
 * @throws BucketError; the system's error; an error when the copy is damaged. All have the `key` of the copy.
 */
export async function bringCatalog(
  { bucket, dataDir }: Pick<CatalogCopiesParts, 'bucket' | 'dataDir'>,
  path: string,
  before?: string,
): Promise<string | undefined> {
  const copies = (await bucket.list(prefix)).filter(({ key }) => !before || key < before)
  const newest = copies.at(-1)
  if (!newest) return undefined
  try {
    await unpackObject({ bucket, dataDir }, newest, path)
  } catch (error) {
    // The caller may go on with an older copy.
    throw Object.assign(error as Error, { key: newest.key })
  }
  return newest.key
}

/** Compresses a file. */
export async function packFile(path: string, packed: string): Promise<void> {
  await pipeline(
    createReadStream(path, { highWaterMark: 1024 * 1024 }),
    createZstdCompress(),
    createWriteStream(packed, { mode: privateFileMode }),
  )
}

/** Brings a compressed object to a path. @throws BucketError; the system's error; an error when it is damaged. */
export async function unpackObject(
  { bucket, dataDir }: Pick<CatalogCopiesParts, 'bucket' | 'dataDir'>,
  { key, sizeBytes }: BucketObject,
  path: string,
): Promise<void> {
  const packed = join(dataDir, 'catalog-copy.zst')
  const plain = join(dataDir, 'catalog-copy.sqlite')
  try {
    const file = await open(packed, 'w', privateFileMode)
    try {
      for (let at = 0; at < sizeBytes; at += bucketReadBytes) {
        const length = Math.min(bucketReadBytes, sizeBytes - at)
        await file.write(await bucket.read(key, at, length), 0, length, at)
      }
    } finally {
      await file.close()
    }
    await pipeline(
      createReadStream(packed),
      createZstdDecompress(),
      createWriteStream(plain, { mode: privateFileMode }),
    )
    await rename(plain, path)
  } finally {
    await rm(packed, { force: true })
    await rm(plain, { force: true })
  }
}
