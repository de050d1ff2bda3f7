// The agent as a whole: for each client a lane of its own (tailers, pipelines, queue), so that a
// server that is down holds up nobody else; one positions file, one HTTP server.

import { hostname as osHostname } from 'node:os'
import { dirname, join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { agentVersion, type ClientConfig } from './config/clients.ts'
import type { AgentConfig } from './config.ts'
import { startAgentServer } from './http/server.ts'
import type { StageInspector } from './inspect/stage-inspector.ts'
import { AgentMetrics } from './metrics.ts'
import { Pipeline } from './pipeline/pipeline.ts'
import { createStageContext } from './pipeline/stage-context.ts'
import { createPushTransport } from './push/client.ts'
import type { Delivery } from './push/delivery.ts'
import { DiskBuffer } from './push/disk-buffer.ts'
import { PushQueue } from './push/queue.ts'
import { RateLimiter } from './push/rate-limiter.ts'
import { SourceSet, type SourceStatus } from './sources/source-set.ts'
import { HeldFiles } from './tail/held-files.ts'
import { KnownFiles } from './tail/known-files.ts'
import { ReadScheduler } from './tail/read-scheduler.ts'
import { type FoundFileStatus, type ManagedJob, TargetManager } from './tail/target-manager.ts'
import { TimeJournal } from './tail/time-journal.ts'

// SIGTERM must be done within ten seconds; the rest is for positions and sockets.
const flushLimitMs = 7_000

export interface AgentOptions {
  readonly config: AgentConfig
  readonly logger: Logger
  /** Name of this host, for `__host__` and discovery; the system's by default. */
  readonly hostname?: string
  /** False where the surrounding process has an HTTP server of its own. */
  readonly withHttpServer?: boolean
  /** Where entries go instead of to the first client; then there is no other. */
  readonly delivery?: Delivery | undefined
  readonly inspector?: StageInspector | undefined
}

/** How much of what stood in the files at the start has been read. */
export interface AgentProgress {
  readonly files: number
  readonly bytesRead: number
  readonly bytesTotal: number
}

/** A running agent. */
export interface Agent {
  /** At least one file is being read. */
  readonly isReady: boolean
  readonly metrics: AgentMetrics
  /** Address of the HTTP server, such as `http://127.0.0.1:9080`; absent without one. */
  readonly url: string | undefined
  /** Settles when all files were searched for once. */
  readonly firstSync: Promise<void>
  progress(): AgentProgress
  /** Lists the files that are being read. */
  files(): readonly FoundFileStatus[]
  /** Lists the sources that are no files. */
  sources(): readonly SourceStatus[]
  /** Ends the sources that are no files; settles when all servers have taken what was read. */
  drain(): Promise<void>
  /** Sends what was read, saves positions and ends, within ten seconds. Further calls wait for the first. */
  stop(): Promise<void>
}

interface Lane {
  readonly name: string
  readonly delivery: Delivery
  readonly scheduler: ReadScheduler
  readonly manager: TargetManager
  readonly jobs: readonly ManagedJob[]
  /** Tells whether sources that are no files may send lines now. */
  readonly hasRoom: () => boolean
}

/**
 * Starts an agent: opens the positions file, the HTTP server and the first files.
 *
 * @throws PositionsError when the positions file cannot be used; the system's error when the HTTP
 *   port is taken.
 */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const { config, logger, withHttpServer = true } = options
  const metrics = new AgentMetrics({ version: agentVersion, withProcess: withHttpServer })
  const nowMs = () => Date.now()
  const journal = new TimeJournal(`${config.positions.filename}.times`)
  const known = new KnownFiles({
    ...config.positions,
    path: config.positions.filename,
    ...{ journal, logger, nowMs },
  })
  metrics.lags = () => known.lags()
  const held = new HeldFiles()
  const context = { ...options, metrics, journal, known, held, nowMs }
  const lanes: Lane[] = []
  let sources: SourceSet | undefined
  let server: { readonly instance: FastifyInstance; readonly url: string } | undefined
  let stopped: Promise<void> | undefined

  const agent: Agent = {
    metrics,
    firstSync: Promise.resolve(),
    get isReady() {
      return lanes.some(({ manager }) => manager.openCount > 0) || sources?.isReady === true
    },
    get url() {
      return server?.url
    },
    progress() {
      const { files, bytesRead, bytesTotal } = lanes[0]?.manager.backlog ?? emptyBacklog
      return { files, bytesRead, bytesTotal }
    },
    files: () => lanes[0]?.manager.files() ?? [],
    sources: () => sources?.status() ?? [],
    async drain() {
      await sources?.stop()
      await Promise.all(lanes.map(({ delivery }) => delivery.drain()))
    },
    stop() {
      stopped ??= stop()
      return stopped
    },
  }

  async function stop(): Promise<void> {
    await sources?.stop()
    await Promise.all(lanes.map(lane => stopLane(lane)))
    await sources?.close()
    known.close()
    journal.close()
    await server?.instance.close()
  }

  try {
    if (withHttpServer && !config.server.isDisabled) {
      server = await startAgentServer({ config, agent, logger })
    }
    const clients = options.delivery ? config.clients.slice(0, 1) : config.clients
    for (const client of clients) lanes.push(startLane(client, context))
    sources = new SourceSet({
      ...{ journal, metrics, logger, nowMs },
      lanes,
      cursors: { get: key => known.cursor(key), set: (key, value) => known.setCursor(key, value) },
      hostname: options.hostname ?? osHostname(),
    })
    await sources.start()
  } catch (error) {
    await Promise.all(lanes.map(lane => stopLane(lane)))
    await server?.instance.close()
    throw error
  }
  const firstSync = Promise.all(lanes.map(({ manager }) => manager.firstSync))
  return Object.defineProperties(agent, {
    firstSync: { value: firstSync.then(() => undefined), enumerable: true },
  })
}

const emptyBacklog = { files: 0, bytesRead: 0, bytesTotal: 0 }

interface LaneContext extends AgentOptions {
  readonly metrics: AgentMetrics
  readonly journal: TimeJournal
  readonly known: KnownFiles
  readonly held: HeldFiles
  readonly nowMs: () => number
}

function startLane(client: ClientConfig, context: LaneContext): Lane {
  const { config, metrics, journal, known, held, nowMs } = context
  const isOnly = config.clients.length === 1
  const lane = isOnly ? '' : (client.name ?? client.transport.url.href)
  const logger = isOnly ? context.logger : context.logger.child({ client: lane })
  const delivery = context.delivery ?? createQueue(client, { ...context, logger })
  const scheduler = new ReadScheduler(() => delivery.hasRoom)
  delivery.onRoom = () => scheduler.pump()
  const limiter = createLimiter(config, { delivery, metrics, nowMs })
  const jobs = config.scrapeConfigs.map(job => {
    const { jobName } = job
    const { inspector } = context
    const stageContext = createStageContext({ jobName, metrics, logger, nowMs, inspector })
    const stages = job.stages.map(createStage => createStage(stageContext))
    const takesEntries = job.source !== undefined
    return { config: job, pipeline: new Pipeline(stages, limiter ?? delivery, { takesEntries }) }
  })
  const manager = new TargetManager({
    limiter,
    ...{ jobs, lane, known, journal, scheduler, held, metrics, logger, nowMs },
    hostname: context.hostname ?? osHostname(),
    syncPeriodMs: config.target.syncPeriodMs,
    readsFilesOnce: config.target.readsFilesOnce,
    minPollMs: config.fileWatch.minPollMs,
    maxPollMs: config.fileWatch.maxPollMs,
  })
  const hasRoom = () => delivery.hasRoom && (limiter?.pausedUntilMs(nowMs()) ?? 0) === 0
  return { name: lane, delivery, scheduler, manager, jobs, hasRoom }
}

function createQueue(client: ClientConfig, context: LaneContext): PushQueue {
  const { config, metrics, journal, logger } = context
  const { lineBytesMax, truncatesLines, streamsMax } = config.limits
  const clientMetrics = metrics.forClient(client.transport.url.host)
  return new PushQueue({
    config: { ...client, lineBytesMax, truncatesLines, streamsMax },
    transport: createPushTransport(client.transport),
    metrics: clientMetrics,
    logger,
    beforeSend: () => journal.flush(),
    disk: openDiskBuffer(client, { config, logger, onBytes: clientMetrics.setStored }),
  })
}

/** Opens the directory where batches of a client wait that its server does not take. */
function openDiskBuffer(
  client: ClientConfig,
  around: {
    readonly config: AgentConfig
    readonly logger: Logger
    readonly onBytes: (bytes: number) => void
  },
): DiskBuffer | undefined {
  const { config, logger, onBytes } = around
  const { isEnabled, dir, bytesMax } = config.wal
  if (!isEnabled) return undefined
  const parent = dir === '' ? join(dirname(config.positions.filename), 'wal') : dir
  // Settings of a client may change while its batches lie there; not where they go.
  const name = client.name ?? `${client.transport.url.host}${client.transport.url.pathname}`
  const others = config.clients.filter(other => other !== client && other.name === client.name)
  const isAlone = others.every(other => other.transport.url.href !== client.transport.url.href)
  const place = isAlone ? name : `${name} ${config.clients.indexOf(client)}`
  const clientDir = join(parent, encodeURIComponent(place))
  return new DiskBuffer({ dir: clientDir, bytesMax, logger, onBytes })
}

function createLimiter(
  { limits }: AgentConfig,
  around: {
    readonly delivery: Delivery
    readonly metrics: AgentMetrics
    readonly nowMs: () => number
  },
): RateLimiter | undefined {
  if (!limits.isLineRateLimited) return undefined
  const { delivery, metrics, nowMs } = around
  const drop = () => metrics.droppedLines.inc({ reason: 'global_rate_limiter_drop' })
  return new RateLimiter({
    ...{ rate: limits.linesPerSecond, burst: limits.lineBurst, sink: delivery, nowMs },
    onDrop: limits.dropsOverRate ? drop : undefined,
  })
}

async function stopLane({ delivery, scheduler, manager, jobs }: Lane): Promise<void> {
  await scheduler.stop()
  await manager.stop()
  await delivery.stop(flushLimitMs)
  manager.close()
  for (const { pipeline } of jobs) pipeline.close()
}
