// Decides how long a tenant's streams are kept, like Loki: the rule with the highest priority that
// selects the stream wins, at equal priorities the one with the shortest period. Without such a
// rule, the tenant's own period applies.

import { ascending, type LabelSet } from '@skald/wire'
import { compileMatchers } from '@skald/wire/compile-matcher'
import type { TenantLimits } from '../tenant-limits.ts'

/** Periods of a tenant, in nanoseconds. 0 means forever. */
export interface RetentionPeriods {
  readonly shortestNs: bigint
  readonly longestNs: bigint
  readonly periodOf: (labels: LabelSet) => bigint
}

/** Derives the periods from a tenant's limits. */
export function createRetentionPeriods({
  retentionNs,
  retentionStreams,
}: Pick<TenantLimits, 'retentionNs' | 'retentionStreams'>): RetentionPeriods {
  const rules = retentionStreams
    .map(({ matchers, priority, periodNs }) => ({
      accepts: compileMatchers(matchers),
      priority,
      periodNs,
    }))
    .sort((a, b) => b.priority - a.priority || Number(a.periodNs - b.periodNs))
  const all = [retentionNs, ...rules.map(({ periodNs }) => periodNs)].sort(ascending)
  return {
    shortestNs: all.find(periodNs => periodNs > 0n) ?? 0n,
    longestNs: all[0] === 0n ? 0n : all.at(-1)!,
    periodOf: labels => rules.find(({ accepts }) => accepts(labels))?.periodNs ?? retentionNs,
  }
}
