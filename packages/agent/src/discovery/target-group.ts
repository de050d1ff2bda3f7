// What service discovery finds: groups of targets. Each group comes from one source (a file, a pod, a
// container) and is replaced as a whole when the source changes.

import type { Logger } from 'pino'
import type { AgentMetrics } from '../metrics/agent-metrics.ts'
import type { ContainerLog } from '../targets/file-target.ts'

/**
 * Targets from one source. A target's labels win over those of its group. A discoverer that finds the same
 * targets again must return the same object, which saves relabelling them.
 */
export interface TargetGroup {
  /** Name of the source, unique within its discoverer. */
  readonly source: string
  readonly labels: ReadonlyMap<string, string>
  readonly targets: readonly ReadonlyMap<string, string>[]
  /** Set if the targets are a container, whose log is known without a `__path__`. */
  readonly container?: ContainerLog
}

/** Finds targets and follows their changes. */
export interface Discoverer {
  /** Starts. Calls `onGroups` with all groups, first when they are known and then after each change. */
  start(onGroups: (groups: Iterable<TargetGroup>) => void): void
  /** Stops. Resolves once no request or watch is left. */
  stop(): Promise<void>
}

/** What discoverers need from the agent. */
export interface DiscoveryContext {
  readonly jobName: string
  /** Name of this host, as in `__host__`. */
  readonly hostname: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Name and version of this program, for API requests. */
  readonly userAgent: string
  readonly metrics: AgentMetrics
  readonly logger: Logger
}

/** One checked entry of a `..._sd_configs` list. */
export interface DiscoveryConfig {
  /** Kind of discovery, such as `file`. */
  readonly kind: string
  readonly create: (context: DiscoveryContext) => Discoverer
}
