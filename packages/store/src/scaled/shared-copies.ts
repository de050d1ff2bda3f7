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

/** Versions between which a copy is of use: changes since `floor` are kept, and `version` is the newest. */
export interface KeptVersions {
  readonly floor: number
  readonly version: number
}

/**
 * Brings the newest copy that can be used to a path. Returns false if there is none.
 * @throws BucketError; the system's error.
 */
export async function bringSharedCopy(
  { bucket, directory, logger }: SharedCopiesParts,
  path: string,
  { floor, version }: KeptVersions,
): Promise<boolean> {
  const copies = (await bucket.list(prefix)).filter(
    copy => versionOf(copy) >= floor && versionOf(copy) <= version,
  )
  for (const copy of copies.toReversed()) {
    try {
      await unpackObject({ bucket, dataDir: directory }, copy, path)
      return true
    } catch (error) {
      if (error instanceof BucketError) throw error
      logger.error({ err: error, copy: copy.key }, 'a copy of the catalog cannot be used')
    }
  }
  return false
}

/** Copies the catalog to the bucket, and forgets changes that the copy before has. */
export async function makeSharedCopy(
  { bucket, database, directory }: SharedCopiesParts,
  copyTo: (path: string) => Promise<void>,
): Promise<void> {
  const path = join(directory, 'copy-out.sqlite')
  const packed = `${path}.zst`
  try {
    await rm(path, { force: true })
    await copyTo(path)
    const version = await versionIn(path)
    await packFile(path, packed)
    const known = await bucket.list(prefix)
    const key = `${prefix}${String(version).padStart(16, '0')}${ending}`
    if (!known.some(copy => copy.key === key)) await bucket.put(key, { path: packed })
    await database.query({
      text: `WITH gone AS (
          DELETE FROM skald.changes WHERE version <= (SELECT copied FROM skald.head)
            AND entered < clock_timestamp() - $2 * interval '1 millisecond' RETURNING version)
        UPDATE skald.head SET copied = greatest(copied, $1), copied_at = clock_timestamp(),
          floor = greatest(floor, (SELECT max(version) FROM gone))`,
      values: [version, changesKeptMs],
    })
    const old = known.filter(copy => versionOf(copy) < version)
    for (const copy of old.slice(0, Math.max(0, old.length + 1 - catalogCopiesKept)))
      await bucket.delete(copy.key)
  } finally {
    for (const end of ['', '-wal', '-shm', '.zst']) await rm(`${path}${end}`, { force: true })
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
