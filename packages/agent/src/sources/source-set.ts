// All sources of the agent. They start after its clients and stop before them.

import type { Logger } from 'pino'
import type { Clocks } from '../clocks.ts'
import { type GapSink, gapStream } from '../gaps/gap-log.ts'
import type { AgentMetrics } from '../metrics/agent-metrics.ts'
import type { Pipeline } from '../pipeline/pipeline.ts'
import { Inlet, type InletLane } from './inlet.ts'
import type { Cursors, SourceConfig, SourcedJob } from './source.ts'
import { SourceRunner, type SourceStatus } from './source-runner.ts'

/** What sources see of a client's lane. */
export interface SourceLane {
  /** Name of the client. Empty if there is only one. */
  readonly name: string
  readonly jobs: readonly { readonly config: SourcedJob; readonly pipeline: Pipeline }[]
  readonly hasRoom: () => boolean
  /** Takes what is lost. Absent if markers are off. */
  readonly gaps: GapSink | undefined
}

export interface SourceSetOptions extends Clocks {
  /** Returns the running clients, which a reload may change. */
  readonly lanes: () => readonly SourceLane[]
  readonly cursors: Cursors
  /** Returns a time for a line that has none. Never returns the same time twice. */
  readonly allocateNs: () => bigint
  readonly metrics: AgentMetrics
  readonly logger: Logger
  readonly hostname: string
}

/** The running sources. */
export class SourceSet {
  readonly #options: SourceSetOptions
  #running: SourceRunner[] = []
  /** Sources that are stopped but not closed yet. */
  #stopped: SourceRunner[] = []

  constructor(options: SourceSetOptions) {
    this.#options = options
    options.metrics.sourceStates = () => this.status()
  }

  /** Starts the sources of the given jobs, or of all jobs. Resolves after one attempt for each. */
  async start(jobNames?: readonly string[]): Promise<void> {
    const lanes = this.#options.lanes()
    for (const { config } of lanes[0]?.jobs ?? []) {
      const { source, jobName } = config
      if (!source || jobNames?.includes(jobName) === false) continue
      const groups = source.isPerClient ? lanes.map(lane => [lane]) : [lanes]
      for (const group of groups) await this.#startOne(jobName, source, group)
    }
  }

  async #startOne(
    jobName: string,
    source: SourceConfig,
    lanes: readonly SourceLane[],
  ): Promise<void> {
    const { allocateNs, metrics, nowMs, wallMs, cursors, logger, hostname } = this.#options
    const jobs = lanes.map(lane => lane.jobs.find(({ config }) => config.jobName === jobName)!)
    const inletLanes: InletLane[] = jobs.map(({ pipeline }, i) => ({
      pipeline,
      mayTake: () => lanes[i]!.hasRoom() && pipeline.pausedUntilMs(nowMs()) === 0,
      countMissed: (labels, line) => {
        metrics.droppedLines.inc({ reason: 'client_without_room' })
        const bytes = Buffer.byteLength(line)
        lanes[i]!.gaps?.note({ ...gapStream(labels), kind: 'no_room', bytes, lines: 1 })
      },
    }))
    const inlet = new Inlet({
      ...{ jobName, lanes: inletLanes, nowMs, rules: jobs[0]!.config.relabelRules },
      allocateNs,
    })
    const lane = source.isPerClient ? lanes[0]!.name : ''
    const laneMetrics = metrics.forLane(lanes[0]!.name)
    const clocks = { nowMs, wallMs }
    const context = { jobName, inlet, lane, cursors, metrics, laneMetrics, hostname, ...clocks }
    const runner = new SourceRunner(source, { ...context, logger: logger.child({ job: jobName }) })
    this.#running.push(runner)
    await runner.start()
  }

  get isReady(): boolean {
    return this.#running.some(({ status }) => status.isReady)
  }

  status(): SourceStatus[] {
    return this.#running.map(({ status }) => status)
  }

  /**
   * Stops the sources of the given jobs, or of all jobs: no more lines come in, and stages pass on what
   * they hold. Returns true if there were any.
   */
  async stop(jobNames?: readonly string[]): Promise<boolean> {
    const going = this.#running.filter(({ jobName }) => jobNames?.includes(jobName) !== false)
    this.#running = this.#running.filter(runner => !going.includes(runner))
    await Promise.all(going.map(runner => runner.stop()))
    this.#stopped.push(...going)
    return going.length > 0
  }

  /** Closes the stopped sources. Call it after the servers' last answers. */
  async close(): Promise<void> {
    const going = this.#stopped
    this.#stopped = []
    await Promise.all(going.map(runner => runner.close()))
  }
}
