// Discovery of what tells nobody of its changes: it is asked again and again.

import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { pollRetryMsMax } from '../limits.ts'
import { ProblemReport } from './problem-report.ts'
import type { Discoverer, DiscoveryContext, TargetGroup } from './target-group.ts'

/** Outcome of asking once: what there is, and what is wrong with the rest. */
export interface Polled {
  readonly groups: readonly TargetGroup[]
  readonly problem?: string | undefined
}

export interface PolledDiscoveryOptions {
  /** Key of the configuration, for the log. */
  readonly key: string
  readonly refreshMs: number
  readonly context: DiscoveryContext
  /** Asks once; where it fails as a whole, what was found before stays. */
  readonly poll: (signal: AbortSignal) => Promise<Polled>
  readonly close?: () => void
}

/** Asks at an interval. */
export class PolledDiscovery implements Discoverer {
  readonly #options: PolledDiscoveryOptions
  readonly #abort = new AbortController()
  #groups = new Map<string, TargetGroup>()
  readonly #problem: ProblemReport
  #running: Promise<void> | undefined

  constructor(options: PolledDiscoveryOptions) {
    this.#options = options
    const { context, key } = options
    this.#problem = new ProblemReport({ logger: context.logger, fields: { discovery: key } })
  }

  start(onGroups: (groups: Iterable<TargetGroup>) => void): void {
    this.#running ??= this.#run(onGroups)
  }

  async #run(onGroups: (groups: Iterable<TargetGroup>) => void): Promise<void> {
    const { signal } = this.#abort
    const { poll, refreshMs } = this.#options
    while (!signal.aborted) {
      let waitMs = refreshMs
      try {
        const { groups, problem } = await poll(signal)
        if (signal.aborted) return
        this.#problem.tell(problem)
        onGroups(this.#keep(groups))
      } catch (error) {
        if (signal.aborted) return
        this.#problem.tell((error as Error).message)
        waitMs = Math.min(refreshMs, pollRetryMsMax)
      }
      await sleep(waitMs, undefined, { signal }).catch(() => undefined)
    }
  }

  /** Gives the groups of before where they are the same. */
  #keep(groups: readonly TargetGroup[]): Iterable<TargetGroup> {
    const before = this.#groups
    this.#groups = new Map(
      groups.map(group => {
        const known = before.get(group.source)
        return [group.source, known && isDeepStrictEqual(known, group) ? known : group]
      }),
    )
    return this.#groups.values()
  }

  async stop(): Promise<void> {
    this.#abort.abort()
    await this.#running
    this.#options.close?.()
  }
}
