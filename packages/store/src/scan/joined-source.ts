// The source for queries that read several tenants: runs a leaf for each of them, as if it were alone, and merges what
// they found. The engine learns of the tenants only by their label.

import {
  chooseTenants,
  type Leaf,
  type LogSource,
  leafOfTenant,
  mergeTenants,
  type TenantResult,
} from '@skald/query'
import { tenantLeavesAtOnce } from '../limits.ts'
import type { TenantLimits } from '../tenant-limits.ts'
import { type LogSourceParts, noLimits, selectOfTenant } from './log-source.ts'

export interface JoinedSourceParts {
  /** Sorted, without repetition. */
  readonly tenants: readonly string[]
  /** Returns the parts of a tenant's own source. */
  readonly partsOf: (tenant: string) => LogSourceParts
  /** How much a leaf may read of all tenants together; 0 for no limit. */
  readonly limits: Pick<TenantLimits, 'maxQueryBytesRead' | 'maxQuerierBytesRead'>
}

/** Creates the source. */
export function createJoinedSource(parts: JoinedSourceParts): LogSource {
  return {
    select: async (leaf, signal) => {
      const { tenants, matchers } = chooseTenants(parts.tenants, leaf.matchers)
      const found = await selectOfEach(tenants, leafOfTenant(leaf, matchers), { parts, signal })
      signal.throwIfAborted()
      return mergeTenants(leaf, found)
    },
  }
}

/** Runs a leaf for each tenant, a few at a time. If one fails, the others end too. */
async function selectOfEach(
  tenants: readonly string[],
  leaf: Leaf,
  { parts, signal }: { readonly parts: JoinedSourceParts; readonly signal: AbortSignal },
): Promise<TenantResult[]> {
  const { maxQueryBytesRead, maxQuerierBytesRead } = parts.limits
  // What was read of one tenant counts for the next, so they run one by one.
  const atOnce = maxQueryBytesRead > 0 || maxQuerierBytesRead > 0 ? 1 : tenantLeavesAtOnce
  const controller = new AbortController()
  const either = AbortSignal.any([signal, controller.signal])
  const found: TenantResult[] = []
  let bytesBefore = 0
  const select = async (tenant: string) => {
    const own = parts.partsOf(tenant)
    const { cardinalityLimit } = own.limits ?? noLimits
    const limits = { cardinalityLimit, maxQueryBytesRead, maxQuerierBytesRead, bytesBefore }
    const answer = await selectOfTenant({ tenant, leaf }, { ...own, limits }, either)
    return { tenant, ...answer }
  }
  try {
    for (let from = 0; from < tenants.length; from += atOnce) {
      const answers = await Promise.all(tenants.slice(from, from + atOnce).map(select))
      for (const { tenant, result, chosenBytes } of answers) {
        found.push({ tenant, result })
        bytesBefore += chosenBytes
      }
    }
    return found
  } finally {
    controller.abort()
  }
}
