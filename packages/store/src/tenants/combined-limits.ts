// The limits of a query that reads several tenants: mostly the smallest of each, as in Loki.

import { minBigint } from '@skald/go-dialect'
import type { QueryLimits } from '@skald/query'
import type { TenantLimits } from '../tenant-limits.ts'

/** Returns the limits of a query. With one tenant, they are the same object as the tenant's. */
export function limitsOfAll(
  tenants: readonly [string, ...string[]],
  limitsOf: (tenant: string) => TenantLimits,
): TenantLimits {
  const first = limitsOf(tenants[0])
  if (tenants.length === 1) return first
  const each = tenants.map(limitsOf)
  return {
    ...first,
    maxQueryLookbackNs: smallestNs(each.map(limits => limits.maxQueryLookbackNs)),
    maxQueryBytesRead: smallest(each.map(limits => limits.maxQueryBytesRead)),
    maxQuerierBytesRead: smallest(each.map(limits => limits.maxQuerierBytesRead)),
    queryTimeoutNs: smallestNs(each.map(limits => limits.queryTimeoutNs)),
    volumeEnabled: each.every(limits => limits.volumeEnabled),
    volumeMaxSeries: Math.min(...each.map(limits => limits.volumeMaxSeries)),
    query: combineQueryLimits(each.map(limits => limits.query)),
  }
}

function combineQueryLimits(each: readonly QueryLimits[]): QueryLimits {
  return {
    maxQuerySeries: Math.min(...each.map(limits => limits.maxQuerySeries)),
    maxEntriesLimitPerQuery: smallest(each.map(limits => limits.maxEntriesLimitPerQuery)),
    maxQueryLengthNs: smallestNs(each.map(limits => limits.maxQueryLengthNs)),
    maxQueryRangeNs: smallestNs(each.map(limits => limits.maxQueryRangeNs)),
    maxStreamsMatchersPerQuery: smallest(each.map(limits => limits.maxStreamsMatchersPerQuery)),
    splitQueriesByIntervalNs: smallestNs(each.map(limits => limits.splitQueriesByIntervalNs)),
    requiredLabels: [...new Set(each.flatMap(limits => limits.requiredLabels))],
    minimumLabelsNumber: smallest(each.map(limits => limits.minimumLabelsNumber)),
    shardAggregations: each
      .map(limits => limits.shardAggregations)
      .reduce((all, own) => all.filter(name => own.includes(name))),
  }
}

/** Returns the smallest limit. 0 is no limit. */
function smallest(limits: readonly number[]): number {
  const set = limits.filter(limit => limit > 0)
  return set.length > 0 ? Math.min(...set) : 0
}

function smallestNs(limits: readonly bigint[]): bigint {
  const set = limits.filter(limit => limit > 0n)
  return set.length > 0 ? set.reduce(minBigint) : 0n
}
