// The bucket and the database of replicas, as the tools for operators open them: they do not wait for a server that is
// away, and give large statements their time.

import type { Logger } from 'pino'
import type { Bucket } from '../bucket/bucket.ts'
import { sharedStoreKey } from '../bucket/bucket-writer.ts'
import { openS3Bucket } from '../bucket/s3-bucket.ts'
import type { BucketConfig } from '../bucket-config.ts'
import type { CatalogConfig } from '../catalog-config.ts'
import { replicaLivesMs, upkeepRequestMs } from '../limits.ts'
import { type Database, openPostgres } from '../scaled/postgres.ts'
import { type Head, readHead } from '../scaled/replica-copies.ts'
import { migrateTables } from '../scaled/tables.ts'
import { wrongPath } from './data-place.ts'

/** Where replicas keep everything. */
export interface SharedPlaceConfig {
  readonly bucket: BucketConfig | undefined
  readonly catalog: CatalogConfig | undefined
  /** `limits_config.log_level_fields`. */
  readonly logLevelFields: readonly string[]
}

/** Bucket and database. */
export interface SharedPlace {
  readonly bucket: Bucket
  readonly database: Database
  readonly head: Head
  close(): Promise<void>
}

/**
 * Opens both, and creates the tables of the catalog if there are none.
 * @throws UpkeepError if the configuration names no database, or if replicas run; CatalogOwnerError;
 * CatalogUnavailableError; BucketError.
 */
export async function openSharedPlace(
  { bucket: bucketConfig, catalog }: SharedPlaceConfig,
  logger: Logger,
): Promise<SharedPlace> {
  if (!bucketConfig || !catalog) {
    throw wrongPath(
      'the configuration describes no replicas: it needs a bucket and skald.catalog.postgres_url, see docs/scaling.md',
    )
  }
  const database = await openPostgres(catalog, logger, upkeepRequestMs)
  const bucket = await openS3Bucket({ config: bucketConfig, logger, onRequest: () => undefined })
  const close = async () => {
    await bucket.close()
    await database.close()
  }
  try {
    await migrateTables(database)
    await refuseReplicas(database)
    return { bucket, database, head: await readHead(database), close }
  } catch (error) {
    await close()
    throw error
  }
}

async function refuseReplicas(database: Database): Promise<void> {
  const running = await database.query<{ name: string }>({
    text: `SELECT name FROM skald.replicas WHERE seen > clock_timestamp() - $1 * interval '1 millisecond'`,
    values: [replicaLivesMs],
  })
  if (running.length === 0) return
  const hosts = [...new Set(running.map(({ name }) => name))].join(', ')
  throw wrongPath(
    `replicas work with this database (on ${hosts}): stop them, and wait for half a minute if they were killed`,
  )
}

/** Returns the identity of the catalog that a bucket belongs to; `undefined` if it belongs to none. @throws BucketError */
export async function storeOf(bucket: Bucket): Promise<string | undefined> {
  const [object] = await bucket.list(sharedStoreKey)
  if (!object) return undefined
  const bytes = await bucket.read(sharedStoreKey, 0, object.sizeBytes)
  return (JSON.parse(bytes.toString()) as { store: string }).store
}
