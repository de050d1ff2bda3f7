// The whole agent. Each client has its own lane (tailers, pipelines, queue), so a server that is down
// delays nobody else. All lanes share one positions file and one HTTP server.

import { hostname as osHostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import type { DirectoryLock } from '@skald/wire/directory-lock'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { systemClocks } from './clocks.ts'
import { type AgentConfig, walDirectory } from './config/agent-config.ts'
import type { ScrapeConfig } from './config/scrape.ts'
import { JobTargets } from './discovery/job-targets.ts'
import { TargetMemory } from './discovery/target-memory.ts'
import type { AgentView } from './http/agent-view.ts'
import { startAgentServer } from './http/server.ts'
import {
  type AgentJob,
  addJob,
  type Lane,
  type LaneContext,
  removeJobs,
  startLane,
  stopLane,
} from './lane.ts'
import { flushLimitMs, reloadFlushLimitMs } from './limits.ts'
import { AgentMetrics } from './metrics/agent-metrics.ts'
import type { StageInspection } from './pipeline/stage.ts'
import { createPushTransport } from './push/client.ts'
import type { Delivery } from './push/delivery.ts'
import { clientKey, isUnchanged, planReload, type ReloadPlan } from './reload.ts'
import type { SourceStatus } from './sources/source-runner.ts'
import { SourceSet } from './sources/source-set.ts'
import { lockState } from './state-lock.ts'
import { HeldFiles } from './tail/held-files.ts'
import { KnownFiles } from './tail/known-files.ts'
import type { FoundFileStatus, TargetStatus } from './tail/managed-target.ts'
import { TimeJournal } from './tail/time-journal.ts'

export interface AgentOptions {
  readonly config: AgentConfig
  readonly logger: Logger
  /** Version of this program, for its metrics and for the servers it talks to. */
  readonly version: string
  /** Name of this host, for `__host__` and discovery. Defaults to the system's host name. */
  readonly hostname?: string
  /** Environment, for discovery inside a cluster. Defaults to empty. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Reads the configuration again for a reload. Rejects with ConfigError. */
  readonly loadConfig?: () => Promise<AgentConfig>
  /** False if the surrounding process has its own HTTP server. */
  readonly withHttpServer?: boolean
  /** Receives all entries in place of the configured clients. */
  readonly delivery?: Delivery | undefined
  /** Shows what each stage does. Absent without `-inspect`. */
  readonly inspect?: StageInspection | undefined
}

/** How much of the files' content from startup has been read. */
export interface AgentProgress {
  readonly files: number
  readonly bytesRead: number
  readonly bytesTotal: number
}

/** A running agent. */
export interface Agent extends AgentView {
  /** Address of the HTTP server, such as `http://127.0.0.1:9080`. Absent without a server. */
  readonly url: string | undefined
  /** Resolves after the first search for files. */
  readonly firstSync: Promise<void>
  progress(): AgentProgress
  /** Lists the files being read. */
  files(): readonly FoundFileStatus[]
  /** Ends all sources other than files. Resolves once every server has accepted what was read. */
  drain(): Promise<void>
  /** Sends what was read, saves positions and stops, within ten seconds. Later calls wait for the first. */
  stop(): Promise<void>
}

/**
 * Starts an agent: locks its state, then opens the positions file, the HTTP server and the first files.
 *
 * @throws DirectoryLockedError if another agent on this host uses the positions file; PositionsError if the
 * positions file is unusable; the system's error if the HTTP port is taken.
 */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const { positions, wal } = options.config
  const lock = await lockState({
    positions: positions.filename,
    buffer: wal.isEnabled ? walDirectory(options.config) : undefined,
    logger: options.logger,
  })
  try {
    const agent = new RunningAgent(options, lock)
    await agent.start()
    return agent
  } catch (error) {
    await lock.release()
    throw error
  }
}

class RunningAgent implements Agent {
  readonly metrics: AgentMetrics
  readonly #options: AgentOptions
  readonly #lock: DirectoryLock
  readonly #journal: TimeJournal
  readonly #known: KnownFiles
  readonly #memory: TargetMemory
  readonly #held = new HeldFiles()
  readonly #logger: Logger
  #config: AgentConfig
  #jobs: AgentJob[]
  #lanes: Lane[] = []
  readonly #sources: SourceSet
  #server: { readonly instance: FastifyInstance; readonly url: string } | undefined
  #reloading: Promise<unknown> = Promise.resolve()
  #stopping: Promise<void> | undefined
  #waiting: readonly string[] = []
  #firstSync: Promise<void> = Promise.resolve()

  constructor(options: AgentOptions, lock: DirectoryLock) {
    const { config, logger, withHttpServer = true } = options
    this.#options = options
    this.#lock = lock
    this.#config = config
    this.#logger = logger
    this.metrics = new AgentMetrics({ version: options.version, withProcess: withHttpServer })
    this.#journal = new TimeJournal({ path: `${config.positions.filename}.times`, logger })
    this.#known = new KnownFiles({
      ...config.positions,
      path: config.positions.filename,
      ...{ journal: this.#journal, logger, wallMs },
    })
    this.#memory = new TargetMemory({
      ...{ path: `${config.positions.filename}.targets`, logger, wallMs },
    })
    this.metrics.lags = () => this.#known.lags()
    for (const mistake of config.leftOut) {
      logger.error({ mistake }, 'Part of the configuration is left out: correct the mistake')
    }
    this.#setConfig(config)
    this.#sources = new SourceSet({
      ...{ metrics: this.metrics, logger, nowMs, wallMs },
      allocateNs: () => this.#journal.allocate(1),
      lanes: () =>
        this.#lanes.map(({ name, jobs, hasRoom, gaps }) => ({
          ...{ name, hasRoom, gaps },
          jobs: [...jobs].map(([{ config: job }, { pipeline }]) => ({ config: job, pipeline })),
        })),
      cursors: {
        get: key => this.#known.cursor(key),
        set: (key, value) => this.#known.setCursor(key, value),
      },
      hostname: options.hostname ?? osHostname(),
    })
    this.#jobs = config.scrapeConfigs.map(job => this.#createJob(job))
  }

  get #userAgent(): string {
    return `skald-agent/${this.#options.version}`
  }

  #createJob(config: ScrapeConfig): AgentJob {
    const { hostname = osHostname(), env = {}, logger } = this.#options
    // Targets listed in the configuration itself cannot disappear while the agent is down.
    const memory = config.discoveries.length > 0 ? this.#memory.open(config) : undefined
    const userAgent = this.#userAgent
    const { metrics } = this
    const options = { config, hostname, env, userAgent, metrics, logger, memory }
    return { config, targets: new JobTargets(options) }
  }

  async start(): Promise<void> {
    const { withHttpServer = true } = this.#options
    try {
      if (withHttpServer && !this.#config.server.isDisabled) {
        this.#server = await startAgentServer({ agent: this, logger: this.#logger })
      }
      const { clients } = this.#config
      this.#lanes = (this.#options.delivery ? clients.slice(0, 1) : clients).map(client =>
        startLane(
          client,
          createPushTransport(client.transport, this.#userAgent),
          this.#laneContext(),
        ),
      )
      for (const { targets } of this.#jobs) targets.start()
      await this.#sources.start()
    } catch (error) {
      await Promise.all(this.#jobs.map(({ targets }) => targets.stop()))
      await Promise.all(this.#lanes.map(lane => stopLane(lane, flushLimitMs)))
      await this.#server?.instance.close()
      throw error
    }
    const searches = this.#lanes.map(({ manager }) => manager.firstSync)
    this.#firstSync = Promise.all(searches).then(() => undefined)
  }

  #laneContext(): LaneContext {
    return {
      ...{ config: this.#config, logger: this.#logger, metrics: this.metrics, jobs: this.#jobs },
      ...{ journal: this.#journal, known: this.#known, held: this.#held },
      ...{ nowMs, wallMs, delivery: this.#options.delivery, inspect: this.#options.inspect },
    }
  }

  get config(): AgentConfig {
    return this.#config
  }

  #setConfig(config: AgentConfig): void {
    this.#config = config
    for (const doubt of config.doubts)
      this.#logger.warn({ doubt }, 'Configuration may not do what you mean')
    this.metrics.configMistakes.set(config.leftOut.length)
  }

  get blocksForRestart(): readonly string[] {
    return this.#waiting
  }

  get jobs(): readonly JobTargets[] {
    return this.#jobs.map(({ targets }) => targets)
  }

  get isReady(): boolean {
    return this.#lanes.some(({ manager }) => manager.openCount > 0) || this.#sources.isReady
  }

  get url(): string | undefined {
    return this.#server?.url
  }

  get firstSync(): Promise<void> {
    return this.#firstSync
  }

  progress(): AgentProgress {
    const { files, bytesRead, bytesTotal } = this.#lanes[0]?.manager.backlog ?? emptyBacklog
    return { files, bytesRead, bytesTotal }
  }

  files(): readonly FoundFileStatus[] {
    return this.#lanes[0]?.manager.files() ?? []
  }

  targets(): readonly TargetStatus[] {
    return this.#lanes[0]?.manager.targets() ?? []
  }

  sources(): readonly SourceStatus[] {
    return this.#sources.status()
  }

  async drain(): Promise<void> {
    await this.#sources.stop()
    await Promise.all(this.#lanes.map(({ delivery }) => delivery.drain()))
  }

  reload(): Promise<'changed' | 'unchanged'> {
    const reloaded = this.#reloading.then(() => this.#countedReload())
    // A failed reload must not make the next one fail.
    this.#reloading = reloaded.catch(() => undefined)
    return reloaded
  }

  async #countedReload(): Promise<'changed' | 'unchanged'> {
    try {
      const outcome = await this.#reload()
      this.metrics.reloadSuccesses.inc()
      this.#logger.info({ outcome }, 'Configuration reloaded')
      return outcome
    } catch (error) {
      this.metrics.reloadFailures.inc()
      const fields = { error: (error as Error).message }
      this.#logger.error(fields, 'Configuration not reloaded: the old one stays in force')
      throw error
    }
  }

  async #reload(): Promise<'changed' | 'unchanged'> {
    const next = (await this.#options.loadConfig?.()) ?? this.#config
    const plan = planReload(this.#config, next)
    for (const block of plan.notApplied) {
      this.#logger.warn({ block }, 'A reload cannot apply this changed block: restart the agent')
    }
    this.#waiting = plan.notApplied
    const { server, positions, wal } = this.#config
    const config = { ...next, server, positions, wal }
    if (this.#stopping !== undefined || isUnchanged(plan)) {
      this.#setConfig(config)
      return 'unchanged'
    }
    await this.#apply(config, plan)
    return 'changed'
  }

  /** Switches to a new configuration. */
  async #apply(config: AgentConfig, plan: ReloadPlan): Promise<void> {
    // Create the jobs before stopping anything: if this fails, nothing has changed.
    const added = plan.addedJobs.map(job => this.#createJob(job))
    const newClients = plan.restartsAll ? config.clients : plan.addedClients
    const transports = newClients.map(({ transport }) =>
      createPushTransport(transport, this.#userAgent),
    )
    const removed = this.#jobs.filter(({ config: job }) => plan.removedJobs.includes(job.jobName))
    const going = this.#lanes.filter(
      ({ key }) => plan.restartsAll || plan.removedClients.includes(key),
    )
    const staying = this.#lanes.filter(lane => !going.includes(lane))
    // A source sends to all clients, so it restarts when the clients change.
    const hasOtherLanes = going.length + newClients.length > 0
    await this.#endSources(hasOtherLanes ? undefined : plan.removedJobs)
    await Promise.all([
      ...going.map(lane => stopLane(lane, reloadFlushLimitMs)),
      ...staying.map(lane => removeJobs(lane, removed, reloadFlushLimitMs)),
    ])
    for (const { name } of going) this.#known.endSearches(name)
    const all = [...this.#jobs.filter(job => !removed.includes(job)), ...added]
    this.#setConfig(config)
    this.#jobs = config.scrapeConfigs.map(
      ({ jobName }) => all.find(({ config: job }) => job.jobName === jobName)!,
    )
    for (const lane of staying) for (const job of added) addJob(lane, job)
    const context = this.#laneContext()
    const started = newClients.map((client, i) => startLane(client, transports[i]!, context))
    const order = config.clients.map(clientKey)
    const placeOf = ({ key }: Lane) => order.indexOf(key)
    this.#lanes = [...staying, ...started].sort((a, b) => placeOf(a) - placeOf(b))
    for (const { targets } of added) targets.start()
    await Promise.all(removed.map(({ targets }) => targets.stop()))
    await this.#sources.start(
      hasOtherLanes ? undefined : added.map(({ config: job }) => job.jobName),
    )
  }

  /**
   * Ends the sources of the given jobs, or of all jobs, once what they read has been accepted, or soon
   * after.
   */
  async #endSources(jobNames: readonly string[] | undefined): Promise<void> {
    if (!(await this.#sources.stop(jobNames))) return
    const drained = Promise.all(this.#lanes.map(({ delivery }) => delivery.drain()))
    await Promise.race([drained, sleep(reloadFlushLimitMs)])
    await this.#sources.close()
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #stop(): Promise<void> {
    await this.#reloading
    await this.#sources.stop()
    await Promise.all([
      ...this.#jobs.map(({ targets }) => targets.stop()),
      ...this.#lanes.map(lane => stopLane(lane, flushLimitMs)),
    ])
    await this.#sources.close()
    this.#known.close()
    this.#memory.close()
    this.#journal.close()
    await this.#server?.instance.close()
    await this.#lock.release()
  }
}

const { nowMs, wallMs } = systemClocks
const emptyBacklog = { files: 0, bytesRead: 0, bytesTotal: 0 }
