// The targets of one job, for all who read them: joins what its discoverers find, relabels it, and
// tells when the outcome has changed.

import { leftoverTargetsMs, targetsSettleMs } from '../limits.ts'
import type { FileTarget, TargetFeed } from '../targets/file-target.ts'
import type { RelabelRule } from '../targets/relabel.ts'
import { type OfferedTarget, offerTargets, withoutRepeats } from './offered-targets.ts'
import { type StaticConfig, staticGroups } from './static.ts'
import type { Discoverer, DiscoveryConfig, DiscoveryContext, TargetGroup } from './target-group.ts'
import type { JobMemory } from './target-memory.ts'

/** Where the targets of a job come from, checked. */
export interface DiscoveredJob {
  readonly jobName: string
  /** Equal for jobs that are written equally. */
  readonly identity: string
  readonly relabelRules: readonly RelabelRule[]
  readonly staticConfigs: readonly StaticConfig[]
  /** Where further targets are looked for. */
  readonly discoveries: readonly DiscoveryConfig[]
}

export interface JobTargetsOptions extends Omit<DiscoveryContext, 'jobName'> {
  readonly config: DiscoveredJob
  /** Targets of the last run; absent where nothing is remembered. */
  readonly memory?: JobMemory | undefined
}

/** Runs the discoverers of one job. */
export class JobTargets implements TargetFeed {
  readonly config: DiscoveredJob
  readonly #options: JobTargetsOptions
  readonly #discoverers: Discoverer[]
  /** What each discoverer has found; absent until its first answer. */
  readonly #groups = new Map<Discoverer, readonly TargetGroup[]>()
  readonly #staticGroups: readonly TargetGroup[]
  /** Outcomes of groups, which stay as long as the group itself does. */
  readonly #outcomes = new WeakMap<TargetGroup, readonly OfferedTarget[]>()
  readonly #listeners = new Set<() => void>()
  /** Failures that were counted, by target and reason. */
  #counted = new Set<string>()
  #offered: readonly OfferedTarget[] = []
  #targets: readonly FileTarget[] = []
  #timer: NodeJS.Timeout | undefined
  /** Of the last run, and gone since; absent until discovery has had its answers. */
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

  /** Begins to look for targets beyond those that the configuration lists. */
  start(): void {
    for (const discoverer of this.#discoverers) {
      discoverer.start(groups => {
        if (this.#isStopped) return
        this.#groups.set(discoverer, [...groups])
        this.#timer ??= setTimeout(() => this.#update(), targetsSettleMs)
      })
    }
  }

  /** Tells whether everything that looks for targets has had an answer. */
  get isComplete(): boolean {
    return this.#groups.size === this.#discoverers.length && this.#timer === undefined
  }

  /** What is to be read on this host. */
  get targets(): readonly FileTarget[] {
    return this.#targets
  }

  /** All targets as they were found, those that are not read among them. */
  get offered(): readonly OfferedTarget[] {
    return this.#offered
  }

  /** Calls back after each change; returns what ends that. */
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

  /** Remembers what discovery has, and gives what it had in the last run and has no more. */
  #remember(targets: readonly FileTarget[]): readonly FileTarget[] {
    const { memory } = this.#options
    if (!memory || this.#groups.size < this.#discoverers.length) return []
    // A container is followed by what its daemon tells.
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

  /** Counts each failure once, not at each update again. */
  #countFailures(): void {
    const failed = new Set<string>()
    for (const { discovered, outcome } of this.#offered) {
      if (typeof outcome !== 'string') continue
      let key = JSON.stringify([outcome, ...[...discovered].sort()])
      // The same target may be listed several times.
      while (failed.has(key)) key += '+'
      failed.add(key)
      if (!this.#counted.has(key)) this.#options.metrics.targetsFailed.inc({ reason: outcome })
    }
    this.#counted = failed
  }

  /** Ends discovery; settles when all of it has ended. */
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
