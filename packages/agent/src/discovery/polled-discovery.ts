// Discovery that polls an API which sends no events.

import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { pollRetryMsMax } from '../limits.ts'
import { ProblemReport } from './problem-report.ts'
import type { Discoverer, DiscoveryContext, TargetGroup } from './target-group.ts'

/** Outcome of one poll: the targets, and a problem with the rest. */
export interface Polled {
  readonly groups: readonly TargetGroup[]
  readonly problem?: string | undefined
}

export interface PolledDiscoveryOptions {
  /** Configuration key, for the log. */
  readonly key: string
  readonly refreshMs: number
  readonly context: DiscoveryContext
  /** Polls once. If the whole poll fails, what was found before stays. */
  readonly poll: (signal: AbortSignal) => Promise<Polled>
  readonly close?: () => void
}

/** Polls at an interval. */
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

  /** Reuses earlier groups that have not changed. */
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
