// The storage of a store on a simulated disk, for one life of its process: commits, merges,
// retention and deletes, with every call to the disk and every transaction of the catalog in sight.

import { join } from 'node:path'
import type { Logger } from 'pino'
import type { LocalCatalog } from '../../src/catalog/catalog.ts'
import { openSqliteCatalog } from '../../src/catalog/sqlite.ts'
import { Compactor } from '../../src/compaction/compactor.ts'
import { DeleteSweep } from '../../src/compaction/delete-sweep.ts'
import { answerMergeJob, createSharedTools } from '../../src/compaction/merge-job.ts'
import { Retention } from '../../src/compaction/retention.ts'
import { openDeleteRegistry } from '../../src/deletes/delete-registry.ts'
import { Committer } from '../../src/ingest/committer.ts'
import { openDiskObjectStore } from '../../src/objects/disk.ts'
import { recover } from '../../src/recovery.ts'
import { SegmentIndex } from '../../src/segment-index.ts'
import { dayNs } from '../harness.ts'
import type { CatalogMedium } from './catalog-medium.ts'
import type { SimulatedDisk } from './simulated-disk.ts'

export interface LifeOptions {
  /** Where the catalog is. The segments are on the disk, below the same path. */
  readonly dir: string
  readonly disk: SimulatedDisk
  readonly medium: CatalogMedium
  readonly clock: { now(): number }
  readonly logger: Logger
}

export type StoreLife = Awaited<ReturnType<typeof openStoreLife>>

/** Transactions that the store waits for until they are synced. */
const syncedTransactions: ReadonlySet<string> = new Set(['settle', 'dropBefore'])
const transactions: ReadonlySet<string> = new Set([
  ...syncedTransactions,
  ...['addSegments', 'removeSegments', 'forgetDropped', 'retainStreams'],
])
const deleteTransactions: ReadonlySet<string> = new Set(['add', 'setState', 'remove'])

const tools = createSharedTools(['level'])

/** Opens and recovers the storage. @throws PowerLossError when the power ends meanwhile. */
export async function openStoreLife({ dir, disk, medium, clock, logger }: LifeOptions) {
  const segmentsDir = join(dir, 'segments')
  const sqlite = openSqliteCatalog(join(dir, 'catalog.sqlite'))
  const watch = <T extends object>(
    target: T,
    isSynced: (name: string, args: readonly unknown[]) => boolean | undefined,
  ): T =>
    new Proxy(target, {
      get: (_, property) => {
        const value: unknown = Reflect.get(target, property, target)
        if (typeof value !== 'function') return value
        const call = value.bind(target) as (...args: unknown[]) => Promise<unknown>
        return (...args: unknown[]) => {
          const synced = isSynced(String(property), args)
          if (synced === undefined) return call(...args)
          return disk.transaction(
            String(property),
            () => call(...args),
            () => {
              if (synced) medium.sync()
            },
          )
        }
      },
    })
  const requests = watch(sqlite.deleteRequests, name => deleteTransactions.has(name) || undefined)
  const watched = watch(sqlite as LocalCatalog, (name, args) => {
    if (!transactions.has(name)) return undefined
    if (name === 'addSegments') return (args[1] as readonly string[]).length > 0
    return syncedTransactions.has(name)
  })
  const catalog = new Proxy(watched, {
    get: (target, name) => (name === 'deleteRequests' ? requests : Reflect.get(target, name)),
  })
  let compactor: Compactor | undefined
  /** Ends the process. What SQLite would do when it closes must not count. */
  const end = async () => {
    await compactor?.close()
    await sqlite.close()
  }
  try {
    const objects = await openDiskObjectStore(segmentsDir, disk.files)
    let sequence = await recover({ catalog, objects, logger })
    const nextSequence = () => ++sequence
    const segments = new SegmentIndex(objects, catalog, logger)
    const registry = await openDeleteRegistry({ requests, clock })
    const deletes = new DeleteSweep({
      ...{ catalog, segments, registry, logger, clock, nextSequence },
      cancelPeriodMs: 0,
      mayDelete: () => true,
    })
    const limitsOf = () => ({ retentionNs: 2n * dayNs, retentionStreams: [] })
    const retention = new Retention({ catalog, segments, logger, clock, limitsOf })
    compactor = new Compactor({
      ...{ catalog, segments, logger, clock, nextSequence, deletes, retention },
      worker: { directory: segmentsDir, logLevelFields: ['level'] },
      merge: job => answerMergeJob(job, objects, { ...tools, reads: disk.reads }),
    })
    const committer = new Committer({
      ...{ objects, catalog, clock, logger, nextSequence },
      arriving: () => 0,
      onCommit: ({ name, footer }) => segments.commit(name, footer),
    })
    const flush = () => compactor!.flush()
    const recoverAgain = () => recover({ catalog, objects, logger })
    return { catalog, committer, registry, segmentsDir, flush, recoverAgain, end }
  } catch (error) {
    // The caller takes what the power loss left before it ends this life.
    throw new FailedStartError((error as Error).message, { cause: error, end })
  }
}

/** Thrown when a start fails. `end` closes what it had opened. */
export class FailedStartError extends Error {
  readonly end: () => Promise<void>

  constructor(message: string, { end, ...options }: ErrorOptions & { end: () => Promise<void> }) {
    super(message, options)
    this.name = 'FailedStartError'
    this.end = end
  }
}
