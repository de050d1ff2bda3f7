// Opens what queries read: the source of one tenant, or that of several together.

import type { TimeRange } from './catalog/catalog.ts'
import type { Deletes } from './compaction/compaction.ts'
import type { LineRouteOptions } from './http/query-context.ts'
import type { AnswerHold } from './memory/answer-hold.ts'
import { createJoinedSource } from './scan/joined-source.ts'
import { createLogSource, type LogSourceParts } from './scan/log-source.ts'
import type { TenantLimits } from './tenant-limits.ts'
import { limitsOfAll } from './tenants/combined-limits.ts'

interface TenantParts {
  readonly limitsOf: (tenant: string) => TenantLimits
  /** Hides deleted entries. Absent if nothing may be deleted. */
  readonly deletes: Deletes | undefined
}

/** Returns what opens a source, with the limits and the delete rules of its tenants. */
export function openSourceBy(
  parts: LogSourceParts,
  { limitsOf, deletes }: TenantParts,
): LineRouteOptions['openSource'] {
  const partsOf = (tenant: string, hold: AnswerHold | undefined): LogSourceParts => {
    const limits = limitsOf(tenant)
    const rulesFor = (range: TimeRange) =>
      limits.deletionMode === 'disabled' ? [] : (deletes?.registry.rulesFor(tenant, range) ?? [])
    return { ...parts, limits, rulesFor, hold }
  }
  return (tenants, hold) => {
    const [first, ...others] = tenants
    if (others.length === 0) return createLogSource(first, partsOf(first, hold))
    const limits = limitsOfAll(tenants, limitsOf)
    return createJoinedSource({ tenants, partsOf: tenant => partsOf(tenant, hold), limits, hold })
  }
}
