// All sources of the agent: started when its clients run, stopped before they are.

import type { Logger } from 'pino'
import type { AgentMetrics } from '../metrics.ts'
import type { ManagedJob } from '../tail/target-manager.ts'
import type { TimeJournal } from '../tail/time-journal.ts'
import { Inlet, type InletLane } from './inlet.ts'
import type { Cursors, Source, SourceConfig } from './source.ts'

/** What a client's lane shows to sources. */
export interface SourceLane {
  /** Name of the client; empty where there is one. */
  readonly name: string
  readonly jobs: readonly ManagedJob[]
  readonly hasRoom: () => boolean
}

export interface SourceSetOptions {
  readonly lanes: readonly SourceLane[]
  readonly cursors: Cursors
  readonly journal: TimeJournal
  readonly metrics: AgentMetrics
  readonly logger: Logger
  readonly hostname: string
  readonly nowMs: () => number
}

interface Running {
  readonly jobName: string
  readonly source: Source
  readonly inlet: Inlet
}

/** A source as people see it. */
export interface SourceStatus {
  readonly job: string
  readonly place: string
  readonly isReady: boolean
}

/** The sources that run. */
export class SourceSet {
  readonly #options: SourceSetOptions
  readonly #running: Running[] = []

  constructor(options: SourceSetOptions) {
    this.#options = options
  }

  /** Starts the sources of all jobs; those that were started are stopped again when one fails. */
  async start(): Promise<void> {
    const { lanes } = this.#options
    try {
      for (const { config } of lanes[0]?.jobs ?? []) {
        const { source, jobName } = config
        if (!source) continue
        const groups = source.isPerClient ? lanes.map(lane => [lane]) : [lanes]
        for (const group of groups) await this.#startOne(jobName, source, group)
      }
    } catch (error) {
      await this.stop()
      await this.close()
      throw error
    }
  }

  async #startOne(
    jobName: string,
    source: SourceConfig,
    lanes: readonly SourceLane[],
  ): Promise<void> {
    const { journal, metrics, nowMs, cursors, logger, hostname } = this.#options
    const jobs = lanes.map(lane => lane.jobs.find(({ config }) => config.jobName === jobName)!)
    const inletLanes: InletLane[] = jobs.map(({ pipeline }, i) => ({
      pipeline,
      mayTake: () => lanes[i]!.hasRoom() && pipeline.pausedUntilMs(nowMs()) === 0,
      countMissed: () => metrics.droppedLines.inc({ reason: 'client_without_room' }),
    }))
    const inlet = new Inlet({
      ...{ jobName, lanes: inletLanes, nowMs, rules: jobs[0]!.config.relabelRules },
      allocateNs: () => journal.allocate(1),
    })
    const lane = source.isPerClient ? lanes[0]!.name : ''
    const context = { jobName, inlet, lane, cursors, metrics, hostname, nowMs }
    try {
      const started = await source.start({ ...context, logger: logger.child({ job: jobName }) })
      this.#running.push({ jobName, source: started, inlet })
    } catch (error) {
      inlet.close()
      throw error
    }
  }

  get isReady(): boolean {
    return this.#running.some(({ source }) => source.isReady)
  }

  status(): SourceStatus[] {
    return this.#running.map(({ jobName: job, source: { place, isReady } }) => ({
      ...{ job, place, isReady },
    }))
  }

  /** No more lines come in; what stages hold is sent on. */
  async stop(): Promise<void> {
    await Promise.all(this.#running.map(({ source }) => source.stop()))
    for (const { inlet } of this.#running) inlet.close()
  }

  /** After the servers' last answers. */
  async close(): Promise<void> {
    await Promise.all(this.#running.map(({ source }) => source.close?.()))
  }
}
