// Runs one source of one job. If it cannot start, retries with growing pauses while the agent's other jobs
// continue.

import { setTimeout as sleep } from 'node:timers/promises'
import { explainSystemError } from '@skald/wire'
import type { Logger } from 'pino'
import { describeError } from '../errors.ts'
import { sourceBackoff } from '../limits.ts'
import { backoffMs } from '../net/backoff.ts'
import type { Inlet } from './inlet.ts'
import type { Source, SourceConfig, SourceContext } from './source.ts'

/** Status of a source, for people. */
export interface SourceStatus {
  readonly job: string
  /** What it reads or where it listens. Empty if it has not started. */
  readonly place: string
  readonly isReady: boolean
  /** Why no lines can come. Absent while they can. */
  readonly problem?: string | undefined
}

/** Keeps a source running, or keeps trying to start it. */
export class SourceRunner {
  readonly jobName: string
  readonly #config: SourceConfig
  readonly #context: SourceContext
  readonly #inlet: Inlet
  readonly #logger: Logger
  readonly #stopping = new AbortController()
  #source: Source | undefined
  #problem: string | undefined
  #running: Promise<void> = Promise.resolve()

  constructor(config: SourceConfig, context: SourceContext) {
    this.jobName = context.jobName
    this.#config = config
    this.#context = context
    this.#inlet = context.inlet
    this.#logger = context.logger
  }

  get status(): SourceStatus {
    const { place = '', isReady = false, problem = this.#problem } = this.#source ?? {}
    return { job: this.jobName, place, isReady, ...(!isReady && { problem }) }
  }

  /** Starts the source. Resolves after the first attempt, successful or not. */
  async start(): Promise<void> {
    await this.#try(0)
    if (!this.#source) this.#running = this.#tryAgain()
  }

  async #tryAgain(): Promise<void> {
    const { signal } = this.#stopping
    for (let attempt = 0; !this.#source; attempt++) {
      const waitMs = backoffMs(sourceBackoff, attempt, { random: Math.random })
      await sleep(waitMs, undefined, { signal }).catch(() => undefined)
      if (signal.aborted) return
      await this.#try(attempt + 1)
    }
    this.#logger.info({ place: this.#source.place }, 'Job runs now')
  }

  async #try(attempt: number): Promise<void> {
    try {
      this.#source = await this.#config.start(this.#context)
      this.#problem = undefined
    } catch (error) {
      const problem = explainSystemError(error) ?? describeError(error)
      // Log a problem once, and again when it changes.
      if (problem !== this.#problem) {
        const fields = { error: problem, attempt }
        this.#logger.error(fields, 'Job cannot start, will try again: the other jobs continue')
      }
      this.#problem = problem
    }
  }

  /** Stops accepting lines. Resolves when no line is on its way into the pipeline. */
  async stop(): Promise<void> {
    this.#inlet.release()
    this.#stopping.abort()
    await this.#running
    await this.#source?.stop()
    this.#inlet.close()
  }

  /** Releases everything. Call it after the servers' last answers. */
  async close(): Promise<void> {
    await this.#source?.close?.()
  }
}
