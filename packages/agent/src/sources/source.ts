// What a source is: something other than files that lines come from. A source is one file in this
// folder: a reader of its configuration and what runs it. It is added by a row in registry.ts.

import type { Logger } from 'pino'
import type { AgentMetrics, LaneMetrics } from '../metrics/agent-metrics.ts'
import type { RelabelRule } from '../targets/relabel.ts'
import type { Inlet } from './inlet.ts'

/** A running source. */
export interface Source {
  /** Lines can come: it listens, or its program runs. */
  readonly isReady: boolean
  /** What it reads or where it listens, for people. */
  readonly place: string
  /** Why no lines come, where it runs without being ready. */
  readonly problem?: string | undefined
  /** Takes no more lines; settles when none is on its way into the pipeline. */
  stop(): Promise<void>
  /** After the last answer of the servers: gives everything back. */
  close?(): Promise<void>
}

/** What a source needs from the agent around it. */
export interface SourceContext {
  readonly jobName: string
  readonly inlet: Inlet
  /** Told apart from other clients' copies of the source; empty where there is one client. */
  readonly lane: string
  readonly cursors: Cursors
  readonly metrics: AgentMetrics
  /** What copies of the source for several clients count as one. */
  readonly laneMetrics: LaneMetrics
  readonly logger: Logger
  readonly hostname: string
  readonly nowMs: () => number
}

/** Positions that are no byte offsets, in the positions file. */
export interface Cursors {
  get(key: string): string | undefined
  set(key: string, value: string): void
}

/** Key of a source's place among the cursors. */
export function cursorKey({ jobName, lane }: Pick<SourceContext, 'jobName' | 'lane'>): string {
  return lane === '' ? `cursor-${jobName}` : `cursor-${jobName}-${lane}`
}

/** A job whose lines may come from a source, checked. */
export interface SourcedJob {
  readonly jobName: string
  readonly relabelRules: readonly RelabelRule[]
  /** Where lines come from other than files. */
  readonly source: SourceConfig | undefined
}

/** A checked configuration of one source. */
export interface SourceConfig {
  /** Each client has one of its own, with its own position; otherwise all share one. */
  readonly isPerClient: boolean
  /** Starts it; rejects with the system's error when it cannot listen. */
  readonly start: (context: SourceContext) => Promise<Source>
  /** Says why it could not be started on this machine now; absent where nothing can be said. */
  readonly probe?: () => Promise<string | undefined>
}
