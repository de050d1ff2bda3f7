// The targets of one job, for everything that reads them. Joins the results of the job's discoverers,
// relabels them, and notifies its listeners of changes.

import type { RelabelRule } from '@skald/config-reading/relabel'
import { leftoverTargetsMs, targetsSettleMs } from '../limits.ts'
import type { FileTarget, TargetFeed } from '../targets/file-target.ts'
import { type OfferedTarget, offerTargets, withoutRepeats } from './offered-targets.ts'
import { type StaticConfig, staticGroups } from './static.ts'
import type { Discoverer, DiscoveryConfig, DiscoveryContext, TargetGroup } from './target-group.ts'
import type { JobMemory } from './target-memory.ts'

/** Where a job's targets come from, after checking. */
export interface DiscoveredJob {
  readonly jobName: string
  /** Equal for jobs with equal settings. */
  readonly identity: string
  readonly relabelRules: readonly RelabelRule[]
  readonly staticConfigs: readonly StaticConfig[]
  /** Where to look for further targets. */
  readonly discoveries: readonly DiscoveryConfig[]
}

export interface JobTargetsOptions extends Omit<DiscoveryContext, 'jobName'> {
  readonly config: DiscoveredJob
  /** Targets of the last run. Absent if nothing is remembered. */
  readonly memory?: JobMemory | undefined
}

/** Runs the discoverers of one job. */
export class JobTargets implements TargetFeed {
  readonly config: DiscoveredJob
  readonly #options: JobTargetsOptions
  readonly #discoverers: Discoverer[]
  /** Groups found by each discoverer. Absent until its first answer. */
  readonly #groups = new Map<Discoverer, readonly TargetGroup[]>()
  readonly #staticGroups: readonly TargetGroup[]
  /** Relabelled targets of each group, kept as long as the group. */
  readonly #outcomes = new WeakMap<TargetGroup, readonly OfferedTarget[]>()
  readonly #listeners = new Set<() => void>()
  /** Failures already counted, by target and reason. */
  #counted = new Set<string>()
  #offered: readonly OfferedTarget[] = []
  #targets: readonly FileTarget[] = []
  #timer: NodeJS.Timeout | undefined
  /** Targets of the last run that are gone now. Absent until all discoverers have answered. */
  #leftover: readonly FileTarget[] | undefined
  #leftoverTimer: NodeJS.Timeout | undefined
  #isStopped = false

  constructor(options: JobTargetsOptions) {
    const { config, hostname, env, userAgent, metrics, logger } = options
    this.config = config
    this.#options = options
    const { jobName } = config
    const context = {
      ...{ jobName, hostname, env, userAgent, metrics },
      logger: logger.child({ job: jobName }),
    }
    this.#discoverers = config.discoveries.map(({ create }) => create(context))
    this.#staticGroups = staticGroups(config.staticConfigs, 'static')
    this.#resolve()
  }

  /** Starts looking for targets beyond those listed in the configuration. */
  start(): void {
    for (const discoverer of this.#discoverers) {
      discoverer.start(groups => {
        if (this.#isStopped) return
        this.#groups.set(discoverer, [...groups])
        this.#timer ??= setTimeout(() => this.#update(), targetsSettleMs)
      })
    }
  }

  /** True if every discoverer has answered. */
  get isComplete(): boolean {
    return this.#groups.size === this.#discoverers.length && this.#timer === undefined
  }

  /** Targets to read on this host. */
  get targets(): readonly FileTarget[] {
    return this.#targets
  }

  /** All targets as found, including those not read here. */
  get offered(): readonly OfferedTarget[] {
    return this.#offered
  }

  /** Calls `listener` after each change. Returns a function that unsubscribes it. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #update(): void {
    this.#timer = undefined
    this.#resolve()
    for (const listener of this.#listeners) listener()
  }

  #resolve(): void {
    const { metrics } = this.#options
    const found = this.#discoverers.flatMap(discoverer => this.#groups.get(discoverer) ?? [])
    const groups = [...this.#staticGroups, ...found]
    this.#offered = withoutRepeats(groups.flatMap(group => this.#offer(group)))
    const before = this.#targets.length
    const targets = this.#offered
      .map(({ outcome }) => outcome)
      .filter(outcome => typeof outcome !== 'string')
    this.#targets = [...targets, ...this.#remember(targets)]
    metrics.targetsActive.inc(this.#targets.length - before)
    this.#countFailures()
  }

  /** Remembers the current targets. Returns those of the last run that are gone now. */
  #remember(targets: readonly FileTarget[]): readonly FileTarget[] {
    const { memory } = this.#options
    if (!memory || this.#groups.size < this.#discoverers.length) return []
    // Containers are followed through their daemon.
    const files = targets.filter(({ container }) => container === undefined)
    const paths = new Set(files.map(({ path }) => path))
    if (!this.#leftover) {
      this.#leftover = memory.targets
      this.#leftoverTimer = setTimeout(() => {
        this.#leftover = []
        this.#update()
      }, leftoverTargetsMs)
    }
    memory.keep(files)
    return this.#leftover.filter(({ path }) => !paths.has(path))
  }

  #offer(group: TargetGroup): readonly OfferedTarget[] {
    const known = this.#outcomes.get(group)
    if (known) return known
    const { config, hostname } = this.#options
    const offered = offerTargets(group, { rules: config.relabelRules, hostname })
    this.#outcomes.set(group, offered)
    return offered
  }

  /** Counts each failure once, not again at every update. */
  #countFailures(): void {
    const failed = new Set<string>()
    for (const { discovered, outcome } of this.#offered) {
      if (typeof outcome !== 'string') continue
      let key = JSON.stringify([outcome, ...[...discovered].sort()])
      // The same target may be listed more than once.
      while (failed.has(key)) key += '+'
      failed.add(key)
      if (!this.#counted.has(key)) this.#options.metrics.targetsFailed.inc({ reason: outcome })
    }
    this.#counted = failed
  }

  /** Stops discovery. Resolves once all discoverers have stopped. */
  async stop(): Promise<void> {
    if (this.#isStopped) return
    this.#isStopped = true
    clearTimeout(this.#timer)
    clearTimeout(this.#leftoverTimer)
    this.#listeners.clear()
    this.#options.metrics.targetsActive.dec(this.#targets.length)
    await Promise.all(this.#discoverers.map(discoverer => discoverer.stop()))
  }
}
