// All sources of the agent: started when its clients run, stopped before they are.

import type { Logger } from 'pino'
import type { AgentMetrics } from '../metrics.ts'
import type { ManagedJob } from '../tail/managed-target.ts'
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
  /** The clients that run, which a reload may change. */
  readonly lanes: () => readonly SourceLane[]
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
  #running: Running[] = []
  /** Stopped, but not closed yet. */
  #stopped: Running[] = []

  constructor(options: SourceSetOptions) {
    this.#options = options
  }

  /** Starts the sources of some jobs, or of all; all that run are stopped again when one fails. */
  async start(jobNames?: readonly string[]): Promise<void> {
    const lanes = this.#options.lanes()
    try {
      for (const { config } of lanes[0]?.jobs ?? []) {
        const { source, jobName } = config
        if (!source || jobNames?.includes(jobName) === false) continue
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
    const laneMetrics = metrics.forLane(lanes[0]!.name)
    const context = { jobName, inlet, lane, cursors, metrics, laneMetrics, hostname, nowMs }
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

  /**
   * Stops the sources of some jobs, or of all: no more lines come in, and what stages hold is sent on.
   * Tells whether there were any.
   */
  async stop(jobNames?: readonly string[]): Promise<boolean> {
    const going = this.#running.filter(({ jobName }) => jobNames?.includes(jobName) !== false)
    this.#running = this.#running.filter(running => !going.includes(running))
    for (const { inlet } of going) inlet.release()
    await Promise.all(going.map(({ source }) => source.stop()))
    for (const { inlet } of going) inlet.close()
    this.#stopped.push(...going)
    return going.length > 0
  }

  /** Closes what was stopped; called after the servers' last answers. */
  async close(): Promise<void> {
    const going = this.#stopped
    this.#stopped = []
    await Promise.all(going.map(({ source }) => source.close?.()))
  }
}
