// What the pages show of a running agent, and the reload they can request.

import type { AgentConfig } from '../config/agent-config.ts'
import type { JobTargets } from '../discovery/job-targets.ts'
import type { AgentMetrics } from '../metrics/agent-metrics.ts'
import type { SourceStatus } from '../sources/source-runner.ts'
import type { TargetStatus } from '../tail/managed-target.ts'

/** A running agent, as its pages see it. */
export interface AgentView {
  /** True if at least one file is being read. */
  readonly isReady: boolean
  readonly metrics: AgentMetrics
  /** The configuration in force. */
  readonly config: AgentConfig
  /** The jobs, with the targets their discovery has found. */
  readonly jobs: readonly JobTargets[]
  /** Lists the targets with their files and positions. */
  targets(): readonly TargetStatus[]
  /** Lists the sources other than files. */
  sources(): readonly SourceStatus[]
  /**
   * Reads the configuration again and applies what has changed.
   *
   * @throws ConfigError if it is unusable. The old configuration then stays in force.
   */
  reload(): Promise<'changed' | 'unchanged'>
  /** Changed blocks that take effect only after a restart. */
  readonly blocksForRestart: readonly string[]
}
