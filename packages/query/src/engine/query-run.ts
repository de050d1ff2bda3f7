// The request of a query, and the state its parts share while it runs.

import type { Direction } from '../blocks/block-view.ts'
import type { MutableScanStats } from '../blocks/stats.ts'
import type { QueryLimits } from '../limits.ts'
import type { LeafResult } from '../plan/leaf-result.ts'
import type { LogSource } from '../plan/log-source.ts'
import type { GapTally } from './gap-tally.ts'

/** A query and its bounds. */
export interface QueryRequest {
  readonly logql: string
  /** Inclusive. */
  readonly startNs: bigint
  /** Exclusive for log queries, the last evaluation time for metric queries. */
  readonly endNs: bigint
  readonly stepNs: bigint
  /** Log queries return entries at least this far apart. 0 returns all. */
  readonly intervalNs: bigint
  /** Maximum number of entries of a log query. */
  readonly limit: number
  readonly direction: Direction
  /** Whether to evaluate at `endNs` only. */
  readonly isInstant: boolean
  readonly limits: QueryLimits
  /** Whether a metric query with too many series returns some of them and a warning, instead of an error. */
  readonly allowsPartial?: boolean
}

/** A query while it runs. */
export interface QueryRun {
  readonly request: QueryRequest
  readonly source: LogSource
  readonly signal: AbortSignal
  readonly stats: MutableScanStats
  /** Warnings to return with the result. */
  readonly warnings: string[]
  /** Gaps that the leaves met. */
  readonly gaps: GapTally
}

/** Adds the warnings of a leaf's result, each once. */
export function addWarnings(sum: string[], { warnings = [] }: LeafResult): void {
  for (const warning of warnings) if (!sum.includes(warning)) sum.push(warning)
}
