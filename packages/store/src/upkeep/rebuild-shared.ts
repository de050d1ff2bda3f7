// Makes the catalog of replicas in PostgreSQL again from the bucket: first the newest copy of the catalog that is
// there, then all segments that it does not know, as replicas do when the database has lost changes.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { openSqliteCatalog } from '../catalog/sqlite.ts'
import { CatalogUnavailableError } from '../errors.ts'
import { replicaNumbers, replicaNumbersFrom } from '../limits.ts'
import type { AdoptionSummary } from '../scaled/adoption-batch.ts'
import { enterBase, newTag } from '../scaled/catalog-base.ts'
import { FoundSegments } from '../scaled/found-segments.ts'
import type { Database } from '../scaled/postgres.ts'
import { ReplicaCopies, readHead } from '../scaled/replica-copies.ts'
import { type KnownBefore, readKnown, restoreLost } from '../scaled/restore-lost.ts'
import { SharedCatalog } from '../scaled/shared-catalog.ts'
import { bringSharedCopy, listSharedCopies, makeSharedCopy } from '../scaled/shared-copies.ts'
import { enterProcess } from '../scaled/tables.ts'
import { wrongPath } from './data-place.ts'
import {
  openSharedPlace,
  type SharedPlace,
  type SharedPlaceConfig,
  storeOf,
} from './shared-place.ts'

export interface SharedRebuildOptions extends SharedPlaceConfig {
  /** The bucket that the user named, such as `s3://logs/skald/`. */
  readonly place: string
  readonly logger: Logger
  /** Called with the bytes of the segments that were entered, of those of all that the copy does not know. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void
}

/** What a rebuild did. */
export interface SharedRebuildSummary extends Readonly<AdoptionSummary> {
  readonly segments: number
  readonly streams: number
  readonly deleteRequests: number
  /** Groups of rules made by API. */
  readonly ruleGroups: number
  /** Version of the copy of the catalog in the bucket; 0 if there was none. */
  readonly copy: number
}

/**
 * Makes the catalog. If it is stopped, the next one goes on.
 * @throws UpkeepError when bucket, database and configuration do not belong together, or replicas run;
 * CatalogOwnerError; CatalogUnavailableError; BucketError; the system's error.
 */
export async function rebuildShared(options: SharedRebuildOptions): Promise<SharedRebuildSummary> {
  const { logger } = options
  const shared = await openSharedPlace(options, logger)
  const directory = await mkdtemp(join(tmpdir(), 'skald-rebuild-'))
  try {
    if (placeOf(options.place) !== placeOf(shared.bucket.place))
      throw wrongPath(`the configuration names another bucket or prefix: ${shared.bucket.place}`)
    const copy = await begin(shared, directory, logger)
    return { ...(await restore(options, shared, directory)), copy }
  } finally {
    await shared.close()
    await rm(directory, { recursive: true, force: true })
  }
}

function placeOf(url: string): string {
  return url.replace(/\/+$/, '')
}

/** Enters the newest copy of the bucket into an empty database. Returns its version. */
async function begin(
  { bucket, database, head }: SharedPlace,
  directory: string,
  logger: Logger,
): Promise<number> {
  const store = await storeOf(bucket)
  if (store === undefined) throw wrongPath(`${bucket.place} has no lines of replicas`)
  if (head.version > 0) {
    if (head.store === store) return head.version
    throw wrongPath(
      `the catalog in PostgreSQL is not empty, and it is not the one of ${bucket.place}: name an empty database`,
    )
  }
  await takeIdentity(database, store)
  for (const found of (await listSharedCopies(bucket)).toReversed()) {
    const path = join(directory, 'base.sqlite')
    if (!(await bringSharedCopy({ bucket, directory, logger }, found, path))) continue
    const copy = openSqliteCatalog(path)
    try {
      copy.checkStructure()
      const { copiedVersion: version, copiedTag: tag } = copy
      const segments = (await copy.listSegments()).map(({ name }) => name)
      await enterBase(database, { store, version, tag: tag || newTag(), segments })
      return version
    } catch (error) {
      if (!(error as { code?: string }).code?.startsWith('SQLITE')) throw error
      logger.error({ err: error, copy: found.object.key }, 'a copy of the catalog is damaged')
    } finally {
      await copy.close()
    }
  }
  return 0
}

async function takeIdentity(database: Database, store: string): Promise<void> {
  const text = 'UPDATE skald.head SET store = $1 WHERE version = 0'
  await database.query({ text, values: [store] })
}

async function restore(
  { logger, logLevelFields, onProgress }: SharedRebuildOptions,
  { bucket, database }: SharedPlace,
  directory: string,
): Promise<Omit<SharedRebuildSummary, 'copy'>> {
  const copies = new ReplicaCopies({ bucket, database, directory, logger })
  const known: KnownBefore[] = []
  const copy = await copies.open(async lost => {
    known.push(await readKnown(lost))
  })
  const { store } = await readHead(database)
  let epoch = await enterProcess(database)
  let number = 0
  const catalog = new SharedCatalog({
    ...{ database, copy, epoch, logger, store },
    renewCopy: () => Promise.reject(new CatalogUnavailableError('the copy is too old')),
  })
  try {
    await catalog.sync()
    const nextSequence = () => replicaNumbersFrom + epoch * replicaNumbers + ++number
    const found = new FoundSegments({ bucket, directory, logLevelFields, nextSequence })
    const summary = await restoreLost(
      {
        ...{ database, bucket, catalog, found, logger, epoch },
        takeEpoch: async () => {
          await leave(database, epoch)
          epoch = await enterProcess(database)
        },
        ...(onProgress && { onProgress }),
      },
      known,
    )
    await makeSharedCopy({ bucket, database, directory, logger }, path => catalog.copyTo(path))
    const { segments, streams } = await catalog.totals()
    const deleteRequests = catalog.copy.deleteRequests.listAll().length
    const ruleGroups = catalog.copy.rules.listGroups().length
    return { ...summary, segments, streams, deleteRequests, ruleGroups }
  } finally {
    await leave(database, epoch).catch(() => undefined)
    await catalog.close()
  }
}

/** The tool is not a replica that runs. */
async function leave(database: Database, epoch: number): Promise<void> {
  await database.query({ text: 'DELETE FROM skald.replicas WHERE epoch = $1', values: [epoch] })
}

export type { SharedPlaceConfig }
