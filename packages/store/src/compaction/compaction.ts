// Sets up the background work on segments: merges and, if deleting is allowed, retention and delete
// requests.

import type { StoreConfig } from '../config.ts'
import { type DeleteRegistry, openDeleteRegistry } from '../deletes/delete-registry.ts'
import type { StoreMetrics } from '../metrics.ts'
import type { TenantLimits } from '../tenant-limits.ts'
import { Compactor, type CompactorOptions } from './compactor.ts'
import { DeleteSweep } from './delete-sweep.ts'
import { Retention } from './retention.ts'

/** The delete requests, and the sweep that removes their entries. */
export interface Deletes {
  readonly registry: DeleteRegistry
  readonly sweep: DeleteSweep
}

export interface CompactionParts extends Omit<CompactorOptions, 'retention' | 'deletes'> {
  readonly limitsOf: (tenant: string) => TenantLimits
  readonly metrics: StoreMetrics
}

/** Creates the compactor. `deletes` is `undefined` if the configuration forbids deleting. */
export async function openCompaction(
  config: StoreConfig,
  parts: CompactionParts,
): Promise<{ compactor: Compactor; deletes: Deletes | undefined }> {
  if (!config.mayDelete) return { compactor: new Compactor(parts), deletes: undefined }
  const { catalog, clock, limitsOf, metrics } = parts
  const registry = await openDeleteRegistry({ requests: catalog.deleteRequests, clock })
  const sweep = new DeleteSweep({
    ...parts,
    registry,
    cancelPeriodMs: config.deletes.cancelPeriodMs,
    mayDelete: tenant => limitsOf(tenant).deletionMode === 'filter-and-delete',
    onProcessed: (tenant, count) => metrics.deletesProcessed.inc({ user: tenant }, count),
  })
  return {
    compactor: new Compactor({ ...parts, retention: new Retention(parts), deletes: sweep }),
    deletes: { registry, sweep },
  }
}
