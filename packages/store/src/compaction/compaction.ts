// Sets up the background work on segments: merges, retention by size and by free space, and, if
// deleting is allowed, retention by age and delete requests.

import type { StoreConfig } from '../config.ts'
import { type DeleteRegistry, openDeleteRegistry } from '../deletes/delete-registry.ts'
import { KeptDeleteRequests } from '../deletes/kept-delete-requests.ts'
import type { StoreMetrics } from '../metrics.ts'
import type { TenantLimits } from '../tenant-limits.ts'
import { Compactor, type CompactorOptions } from './compactor.ts'
import { DeleteSweep } from './delete-sweep.ts'
import { Retention } from './retention.ts'
import { SpaceRetention, type SpaceRetentionOptions } from './space-retention.ts'

/** The delete requests, and the sweep that removes their entries. */
export interface Deletes {
  readonly registry: DeleteRegistry
  readonly sweep: DeleteSweep
}

export interface CompactionParts
  extends Omit<CompactorOptions, 'retention' | 'space' | 'deletes'>,
    Pick<SpaceRetentionOptions, 'objects' | 'readUsage'> {
  readonly limitsOf: (tenant: string) => TenantLimits
  readonly metrics: StoreMetrics
  /** Makes changes of delete requests durable beyond this disk. Absent without a bucket. */
  readonly keepRequests?: (() => Promise<void>) | undefined
  /** A segment's number, if it is not the one in its name. */
  readonly numberOf?: ((segment: string) => number) | undefined
}

/** The parts of compaction that others use. */
export interface Compaction {
  readonly compactor: Compactor
  readonly space: SpaceRetention
  readonly deletes: Deletes | undefined
}

/** Creates the compactor. `deletes` is `undefined` if the configuration forbids deleting. */
export async function openCompaction(
  config: StoreConfig,
  parts: CompactionParts,
): Promise<Compaction> {
  const { catalog, clock, limitsOf, metrics } = parts
  const space = new SpaceRetention({
    ...parts,
    settings: config.space,
    onDelete: (tenant, reason, bytes) => metrics.retentionBytes.inc({ tenant, reason }, bytes),
  })
  if (!config.mayDelete) {
    return { compactor: new Compactor({ ...parts, space }), space, deletes: undefined }
  }
  const { keepRequests } = parts
  const requests = keepRequests
    ? new KeptDeleteRequests(catalog.deleteRequests, keepRequests)
    : catalog.deleteRequests
  const registry = await openDeleteRegistry({ requests, clock })
  const sweep = new DeleteSweep({
    ...parts,
    registry,
    cancelPeriodMs: config.deletes.cancelPeriodMs,
    mayDelete: tenant => limitsOf(tenant).deletionMode === 'filter-and-delete',
    onProcessed: (tenant, count) => metrics.deletesProcessed.inc({ user: tenant }, count),
  })
  return {
    compactor: new Compactor({ ...parts, space, retention: new Retention(parts), deletes: sweep }),
    space,
    deletes: { registry, sweep },
  }
}
