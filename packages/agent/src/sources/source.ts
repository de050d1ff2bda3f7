// The interface of a source: anything but files that lines come from. A source is a file in this folder
// with a reader of its configuration and the code that runs it. A row in registry.ts adds it.

import type { RelabelRule } from '@skald/config-reading/relabel'
import type { Logger } from 'pino'
import type { Clocks } from '../clocks.ts'
import type { AgentMetrics, LaneMetrics } from '../metrics/agent-metrics.ts'
import type { Inlet } from './inlet.ts'

/** A running source. */
export interface Source {
  /** True if lines can come: it listens, or its program runs. */
  readonly isReady: boolean
  /** What it reads or where it listens, for people. */
  readonly place: string
  /** Why no lines come, if it runs without being ready. */
  readonly problem?: string | undefined
  /** Stops accepting lines. Resolves when no line is on its way into the pipeline. */
  stop(): Promise<void>
  /** Releases everything. Called after the servers' last answers. */
  close?(): Promise<void>
}

/** What a source needs from the agent. */
export interface SourceContext extends Clocks {
  readonly jobName: string
  readonly inlet: Inlet
  /** Distinguishes the copies of the source for several clients. Empty if there is one client. */
  readonly lane: string
  readonly cursors: Cursors
  readonly metrics: AgentMetrics
  /** Counters that count lines once for all copies of the source. */
  readonly laneMetrics: LaneMetrics
  readonly logger: Logger
  readonly hostname: string
}

/** Positions other than byte offsets, in the positions file. */
export interface Cursors {
  get(key: string): string | undefined
  set(key: string, value: string): void
}

/** Returns the key of a source's cursor. */
export function cursorKey({ jobName, lane }: Pick<SourceContext, 'jobName' | 'lane'>): string {
  return lane === '' ? `cursor-${jobName}` : `cursor-${jobName}-${lane}`
}

/** A job whose lines may come from a source, after checking. */
export interface SourcedJob {
  readonly jobName: string
  readonly relabelRules: readonly RelabelRule[]
  /** Where lines come from, other than files. */
  readonly source: SourceConfig | undefined
}

/** The checked configuration of one source. */
export interface SourceConfig {
  /** True if each client has its own copy, with its own position. Otherwise all share one. */
  readonly isPerClient: boolean
  /** Starts the source. Rejects with the system's error if it cannot listen. */
  readonly start: (context: SourceContext) => Promise<Source>
  /** Returns why it could not start on this machine now. Absent if that cannot be checked. */
  readonly probe?: () => Promise<string | undefined>
}
