// What one query is asked for, and what its parts share while it runs.

import type { Direction } from '../blocks/block-view.ts'
import type { MutableScanStats } from '../blocks/stats.ts'
import type { QueryLimits } from '../limits.ts'
import type { LogSource } from '../plan/log-source.ts'

/** A query and the bounds it runs in. */
export interface QueryRequest {
  readonly logql: string
  /** Inclusive. */
  readonly startNs: bigint
  /** Exclusive for log queries, the last evaluation time for metric queries. */
  readonly endNs: bigint
  readonly stepNs: bigint
  /** Log queries return entries at least this far apart; 0 for all. */
  readonly intervalNs: bigint
  /** Most entries of a log query. */
  readonly limit: number
  readonly direction: Direction
  /** Evaluates at `endNs` alone. */
  readonly isInstant: boolean
  readonly limits: QueryLimits
  /** Whether a metric query of too many series is answered with some of them and a warning. */
  readonly allowsPartial?: boolean
}

/** A query while it runs. */
export interface QueryRun {
  readonly request: QueryRequest
  readonly source: LogSource
  readonly signal: AbortSignal
  readonly stats: MutableScanStats
  /** What is to be told beside the result. */
  readonly warnings: string[]
}
