// What service discovery finds: groups of targets, each group from one source (a file, a pod, a
// container) and replaced as a whole when its source changes.

import type { Logger } from 'pino'
import type { AgentMetrics } from '../metrics/agent-metrics.ts'
import type { ContainerLog } from '../targets/file-target.ts'

/**
 * Targets from one source; the labels of a target win over those of its group. Whoever finds the same
 * again gives the same object, so that it is not relabelled again.
 */
export interface TargetGroup {
  /** Name of the source, unique within its discoverer. */
  readonly source: string
  readonly labels: ReadonlyMap<string, string>
  readonly targets: readonly ReadonlyMap<string, string>[]
  /** Set where the targets are a container, whose log is known without a `__path__`. */
  readonly container?: ContainerLog
}

/** Finds targets and follows their changes. */
export interface Discoverer {
  /** Begins; `onGroups` is given all groups that there are, at first and after each change. */
  start(onGroups: (groups: Iterable<TargetGroup>) => void): void
  /** Ends; settles when no request or watch is left. */
  stop(): Promise<void>
}

/** What discoverers need from the agent around them. */
export interface DiscoveryContext {
  readonly jobName: string
  /** Name of this host, as `__host__` has it. */
  readonly hostname: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Name and version of this program, for the APIs that are asked. */
  readonly userAgent: string
  readonly metrics: AgentMetrics
  readonly logger: Logger
}

/** One entry of a `..._sd_configs` list, checked. */
export interface DiscoveryConfig {
  /** Kind of discovery, such as `file`. */
  readonly kind: string
  readonly create: (context: DiscoveryContext) => Discoverer
}
