// Copies of the shared catalog in the bucket: `scaled/catalog/<version, 16 digits>.sqlite.zst`. A new replica
// begins with the newest and applies the changes since. Changes that the last but one has need not be kept.

import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Bucket, BucketObject } from '../bucket/bucket.ts'
import { packFile, unpackObject } from '../bucket/catalog-copies.ts'
import { openSqliteCatalog } from '../catalog/sqlite.ts'
import { BucketError } from '../errors.ts'
import { catalogCopiesKept, changesKeptMs } from '../limits.ts'
import type { Database } from './postgres.ts'

const prefix = 'scaled/catalog/'
const ending = '.sqlite.zst'

export interface SharedCopiesParts {
  readonly bucket: Bucket
  readonly database: Database
  /** Directory of the replica. */
  readonly directory: string
  readonly logger: Logger
}

/** A copy in the bucket. */
export interface SharedCopy {
  readonly object: BucketObject
  readonly version: number
}

/** Lists the copies in the bucket, oldest first. @throws BucketError */
export async function listSharedCopies(bucket: Pick<Bucket, 'list'>): Promise<SharedCopy[]> {
  const objects = await bucket.list(prefix)
  return objects.map(object => ({ object, version: versionOf(object) }))
}

/**
 * Brings a copy to a path. Returns false, and logs why, if it is damaged.
 * @throws BucketError; the system's error.
 */
export async function bringSharedCopy(
  { bucket, directory, logger }: Omit<SharedCopiesParts, 'database'>,
  { object }: SharedCopy,
  path: string,
): Promise<boolean> {
  try {
    await unpackObject({ bucket, dataDir: directory }, object, path)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (error instanceof BucketError || code === 'ENOSPC' || code === 'EACCES') throw error
    logger.error({ err: error, copy: object.key }, 'a copy of the catalog cannot be used')
    return false
  }
}

/** Puts a copy of the catalog into the bucket, unless one of that version is there. @throws BucketError. */
export async function putSharedCopy(
  { bucket, directory }: Pick<SharedCopiesParts, 'bucket' | 'directory'>,
  path: string,
  version: number,
): Promise<void> {
  const packed = join(directory, 'copy-out.zst')
  try {
    await packFile(path, packed)
    const key = `${prefix}${String(version).padStart(16, '0')}${ending}`
    const known = await bucket.list(key)
    if (known.length === 0) await bucket.put(key, { path: packed })
  } finally {
    await rm(packed, { force: true })
  }
}

/** Copies the catalog to the bucket, and forgets changes that the copy before has. */
export async function makeSharedCopy(
  { bucket, database, directory }: SharedCopiesParts,
  copyTo: (path: string) => Promise<void>,
): Promise<void> {
  const path = join(directory, 'copy-out.sqlite')
  try {
    await rm(path, { force: true })
    await copyTo(path)
    const version = await versionIn(path)
    await putSharedCopy({ bucket, directory }, path, version)
    // The change that made the last copy stays: it shows that the copy is of this history.
    await database.query({
      text: `WITH gone AS (
          DELETE FROM skald.changes WHERE version < (SELECT copied FROM skald.head)
            AND entered < clock_timestamp() - $2 * interval '1 millisecond' RETURNING version)
        UPDATE skald.head SET copied = greatest(copied, $1), copied_at = clock_timestamp(),
          floor = CASE WHEN EXISTS (SELECT 1 FROM gone) THEN greatest(floor, (SELECT max(version) FROM gone)) ELSE floor END`,
      values: [version, changesKeptMs],
    })
    const old = (await listSharedCopies(bucket)).filter(copy => copy.version < version)
    for (const { object } of old.slice(0, Math.max(0, old.length + 1 - catalogCopiesKept)))
      await bucket.delete(object.key)
  } finally {
    for (const end of ['', '-wal', '-shm']) await rm(`${path}${end}`, { force: true })
  }
}

async function versionIn(path: string): Promise<number> {
  const copy = openSqliteCatalog(path)
  try {
    return copy.copiedVersion
  } finally {
    await copy.close()
  }
}

function versionOf({ key }: BucketObject): number {
  return Number(key.slice(prefix.length, -ending.length))
}
