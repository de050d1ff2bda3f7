// Deletes what nothing needs any more, and copies the catalog: the work of the one replica that has the lease.
// What the catalog does not name is never deleted, unless a merge that was given up says that it wrote it.

import type { Logger } from 'pino'
import type { Bucket } from '../bucket/bucket.ts'
import {
  catalogCopyChanges,
  collectedObjectsMax,
  forgottenMs,
  replicaRowMs,
  sharedCopyMs,
} from '../limits.ts'
import type { Database } from './postgres.ts'
import { makeSharedCopy } from './shared-copies.ts'
import { sharedSegmentKey } from './shared-objects.ts'

export interface CollectorParts {
  readonly database: Database
  readonly bucket: Bucket
  /** Directory of the replica. */
  readonly directory: string
  readonly logger: Logger
  /** How long an object stays after it was removed from the catalog. */
  readonly delayMs: number
  /** Copies the copy of the catalog to a path. */
  readonly copyTo: (path: string) => Promise<void>
}

/** Does all that is due. @throws CatalogUnavailableError; BucketError; the system's error. */
export async function collect(parts: CollectorParts): Promise<void> {
  await deleteOutputsOfLostMerges(parts)
  await deleteRemoved(parts)
  await forgetDeleted(parts)
  const { database } = parts
  await database.query({
    text: `DELETE FROM skald.replicas WHERE seen < clock_timestamp() - $1 * interval '1 millisecond'`,
    values: [replicaRowMs],
  })
  const [copy] = await database.query<{ due: boolean }>({
    text: `SELECT version > copied AND (version - copied >= $1
        OR copied_at < clock_timestamp() - $2 * interval '1 millisecond') AS due FROM skald.head`,
    values: [catalogCopyChanges, sharedCopyMs],
  })
  if (copy?.due) await makeSharedCopy(parts, parts.copyTo)
}

/** First of all, no such merge can end any more. Then its objects go, and then what is known of it. */
async function deleteOutputsOfLostMerges({ database, bucket, logger }: CollectorParts) {
  const jobs = await database.query<{ id: string; unknown: string[] }>({
    text: `WITH fenced AS (
        UPDATE skald.jobs SET is_fenced = true WHERE is_fenced OR expires < clock_timestamp() RETURNING id, outputs)
      SELECT id, array(SELECT output FROM unnest(outputs) AS output
          WHERE NOT EXISTS (SELECT 1 FROM skald.segments WHERE name = output AND deleted_at IS NULL)) AS unknown
        FROM fenced`,
  })
  for (const { id, unknown } of jobs) {
    for (const name of unknown) await bucket.delete(sharedSegmentKey(name))
    // An upload may still arrive. Then nobody takes it for something that the catalog lacks.
    await database.query({
      text: `WITH done AS (DELETE FROM skald.jobs WHERE id = $1)
        INSERT INTO skald.segments (name, made, removed, removed_at, deleted_at)
          SELECT unnest($2::text[]), version, version, clock_timestamp(), clock_timestamp() FROM skald.head
          ON CONFLICT (name) DO NOTHING`,
      values: [id, unknown],
    })
    logger.info({ segments: unknown.length }, 'deleted what a merge that was given up had written')
  }
}

/** In the order in which they were removed. The rows stay, so that an upload that arrives late is not taken for a new one. */
async function deleteRemoved({ database, bucket, delayMs }: CollectorParts): Promise<void> {
  const rows = await database.query<{ name: string }>({
    text: `SELECT name FROM skald.segments WHERE removed IS NOT NULL AND deleted_at IS NULL
        AND removed_at < clock_timestamp() - $1 * interval '1 millisecond' ORDER BY removed, name LIMIT $2`,
    values: [delayMs, collectedObjectsMax],
  })
  if (rows.length === 0) return
  for (const { name } of rows) await bucket.delete(sharedSegmentKey(name))
  await database.query({
    text: `UPDATE skald.segments SET deleted_at = clock_timestamp()
        WHERE name = ANY ($1) AND removed IS NOT NULL`,
    values: [rows.map(({ name }) => name)],
  })
}

/** Once no upload can arrive any more, the object is deleted again, and then the row. */
async function forgetDeleted({ database, bucket }: CollectorParts): Promise<void> {
  const rows = await database.query<{ name: string }>({
    text: `SELECT name FROM skald.segments
        WHERE deleted_at < clock_timestamp() - $1 * interval '1 millisecond' ORDER BY deleted_at LIMIT $2`,
    values: [forgottenMs, collectedObjectsMax],
  })
  if (rows.length === 0) return
  for (const { name } of rows) await bucket.delete(sharedSegmentKey(name))
  await database.query({
    text: `WITH gone AS (DELETE FROM skald.segments WHERE name = ANY ($1) AND deleted_at IS NOT NULL)
      UPDATE skald.head SET forgotten = forgotten + 1`,
    values: [rows.map(({ name }) => name)],
  })
}
