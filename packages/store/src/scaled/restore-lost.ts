// Enters again what the database has lost, after it went back in time: a failover to a standby that lacked commits,
// or a backup that was put in its place. The bucket has all segments. What else there was, replicas know from their
// copies of the catalog.

import { randomInt, randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { Bucket } from '../bucket/bucket.ts'
import type { DeleteRequest } from '../catalog/delete-requests.ts'
import { isSameGroup, type KeptGroup } from '../catalog/kept-rules.ts'
import type { SqliteCatalog } from '../catalog/sqlite.ts'
import { lostEpochsMax, repairLeaseMs, repairRetryMs } from '../limits.ts'
import { epochOf } from '../segment/name.ts'
import { Adoption } from './adoption.ts'
import type { AdoptionSummary } from './adoption-batch.ts'
import type { FoundSegments } from './found-segments.ts'
import type { Database } from './postgres.ts'
import type { SharedCatalog } from './shared-catalog.ts'
import { sharedSegmentKey } from './shared-objects.ts'

/** What a copy of the catalog knew. */
export interface KnownBefore {
  readonly version: number
  /** Segment of level 0 → the version that entered it. */
  readonly sequences: ReadonlyMap<string, number>
  readonly requests: readonly DeleteRequest[]
  /** Rules made by API. */
  readonly ruleGroups: readonly KeptGroup[]
}

/**
 * Who holds the lease of a repair: this process, whatever number it takes meanwhile. So after a failure it goes on at
 * once, also if the database did not answer when the lease was to be given up.
 */
const holder = randomInt(2 ** 47)

/** A delete request that was cancelled. */
export type CancelledRequest = Pick<DeleteRequest, 'tenant' | 'id'>

export interface RestoreParts {
  readonly database: Database
  readonly bucket: Bucket
  /** The catalog as the database has it now. */
  readonly catalog: SharedCatalog
  readonly found: FoundSegments
  readonly logger: Logger
  /** Number of this process. */
  readonly epoch: number
  /** Called once numbers of processes are safe, before segments are named with one. */
  readonly takeEpoch: () => Promise<void>
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void
}

/** Reads what a copy knows. */
export async function readKnown(copy: SqliteCatalog): Promise<KnownBefore> {
  const level0 = (await copy.listSegments()).filter(({ level }) => level === 0)
  return {
    version: copy.copiedVersion,
    sequences: new Map(level0.map(({ name, sequence }) => [name, sequence])),
    requests: copy.deleteRequests.listAll(),
    ruleGroups: copy.rules.listGroups(),
  }
}

/**
 * Brings the catalog in line with the bucket and with what was known. One replica at a time does so; doing it again
 * changes nothing.
 * @throws CatalogUnavailableError; BucketError; ChangeRefusedError: then it must be done again.
 */
export async function restoreLost(
  parts: RestoreParts,
  known: readonly KnownBefore[],
  cancelled: readonly CancelledRequest[] = [],
): Promise<AdoptionSummary> {
  const { database, catalog, logger } = parts
  const lease = await holdLease(database)
  try {
    await skipEpochs(parts)
    await parts.takeEpoch()
    await catalog.sync()
    const sequences = new Map(known.flatMap(one => [...one.sequences]))
    const least = known.reduce((most, { version }) => Math.max(most, version), 0) + 1
    let hasBegun = false
    const summary = await new Adoption(parts).restore({
      sequences,
      begin: async leastFound => {
        if (hasBegun) return
        await jump(catalog, Math.max(least, leastFound))
        await restoreRequests(
          catalog,
          known.flatMap(({ requests }) => requests),
          cancelled,
        )
        await restoreRules(
          catalog,
          known.flatMap(({ ruleGroups }) => ruleGroups),
        )
        hasBegun = true
      },
      ...(parts.onProgress && { onProgress: parts.onProgress }),
    })
    await catalog.sync()
    logger.warn({ ...summary }, 'entered again what the database has lost')
    return summary
  } finally {
    lease.end()
  }
}

/** Waits until no other replica does this, and keeps it so. */
async function holdLease(database: Database): Promise<{ end: () => void }> {
  const take = async () => {
    const [row] = await database.query<{ mine: boolean }>({
      text: "SELECT skald.lease('repair', $1, $2) AS mine",
      values: [holder, repairLeaseMs],
    })
    return row?.mine === true
  }
  while (!(await take())) await sleep(repairRetryMs)
  const timer = setInterval(() => void take().catch(() => undefined), repairLeaseMs / 3)
  return {
    end: () => {
      clearInterval(timer)
      const text = "DELETE FROM skald.leases WHERE kind = 'repair' AND epoch = $1"
      database.query({ text, values: [holder] }).catch(() => undefined)
    },
  }
}

/** The database would give out numbers of processes again that are in names of segments. */
async function skipEpochs({ database, bucket, epoch }: RestoreParts): Promise<void> {
  const objects = await bucket.list(sharedSegmentKey(''))
  const used = objects.reduce(
    (most, { key }) => Math.max(most, epochOf(key.slice(sharedSegmentKey('').length)) ?? 0),
    epoch,
  )
  await database.query({
    text: `SELECT setval(sequence, greatest(nextval(sequence), $1))
      FROM CAST(pg_get_serial_sequence('skald.replicas', 'epoch') AS regclass) AS sequence`,
    values: [used + lostEpochsMax],
  })
}

async function jump(catalog: SharedCatalog, least: number): Promise<void> {
  await catalog.make({
    text: 'SELECT skald.jump($1, $2) AS version',
    values: [randomUUID(), least],
  })
}

/**
 * Requests that the database lacks are received again, so that their lines are hidden at once and removed later. Those
 * that were cancelled, are cancelled again.
 */
async function restoreRequests(
  catalog: SharedCatalog,
  requests: readonly DeleteRequest[],
  cancelled: readonly CancelledRequest[],
): Promise<void> {
  await catalog.sync()
  const isCancelled = new Set(cancelled.map(({ tenant, id }) => `${id} ${tenant}`))
  const done = new Set<string>()
  for (const request of requests) {
    const key = `${request.id} ${request.tenant}`
    const present = await catalog.deleteRequests.known(request.tenant)
    if (done.has(key) || isCancelled.has(key) || present.some(({ id }) => id === request.id))
      continue
    done.add(key)
    await catalog.deleteRequests.add({ ...request, state: 'received', sequence: 0 })
  }
  for (const { tenant, id } of cancelled) {
    const present = await catalog.deleteRequests.known(tenant)
    if (present.some(one => one.id === id)) await catalog.deleteRequests.remove(tenant, id)
  }
}

/** Groups that the database lacks are made again. Of others, nobody knows which text is newer. */
async function restoreRules(catalog: SharedCatalog, groups: readonly KeptGroup[]): Promise<void> {
  for (const group of groups) {
    const isThere = catalog.copy.rules.listGroups().some(other => isSameGroup(other, group))
    if (!isThere) await catalog.changeRules({ kind: 'rule-group-set', group })
  }
}
