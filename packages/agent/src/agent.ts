// The agent as a whole: for each client a lane of its own (tailers, pipelines, queue), so that a
// server that is down holds up nobody else; one positions file, one HTTP server.

import { hostname as osHostname } from 'node:os'
import { dirname, join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { agentVersion, type ClientConfig } from './config/clients.ts'
import type { AgentConfig } from './config.ts'
import { startAgentServer } from './http/server.ts'
import { AgentMetrics } from './metrics.ts'
import { Pipeline } from './pipeline/pipeline.ts'
import { createStageContext } from './pipeline/stage-context.ts'
import { createPushTransport } from './push/client.ts'
import { DiskBuffer } from './push/disk-buffer.ts'
import { PushQueue } from './push/queue.ts'
import { RateLimiter } from './push/rate-limiter.ts'
import { HeldFiles } from './tail/held-files.ts'
import { KnownFiles } from './tail/known-files.ts'
import { ReadScheduler } from './tail/read-scheduler.ts'
import { type FoundFileStatus, TargetManager } from './tail/target-manager.ts'
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
  /** Sends what was read, saves positions and ends, within ten seconds. Further calls wait for the first. */
  stop(): Promise<void>
}

interface Lane {
  readonly queue: PushQueue
  readonly scheduler: ReadScheduler
  readonly manager: TargetManager
  readonly pipelines: readonly Pipeline[]
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
  const held = new HeldFiles()
  const context = { ...options, metrics, journal, known, held, nowMs }
  const lanes: Lane[] = []
  let server: { readonly instance: FastifyInstance; readonly url: string } | undefined
  let stopped: Promise<void> | undefined

  const agent: Agent = {
    metrics,
    firstSync: Promise.resolve(),
    get isReady() {
      return lanes.some(({ manager }) => manager.openCount > 0)
    },
    get url() {
      return server?.url
    },
    progress() {
      const { files, bytesRead, bytesTotal } = lanes[0]?.manager.backlog ?? emptyBacklog
      return { files, bytesRead, bytesTotal }
    },
    files: () => lanes[0]?.manager.files() ?? [],
    stop() {
      stopped ??= stop()
      return stopped
    },
  }

  async function stop(): Promise<void> {
    await Promise.all(lanes.map(lane => stopLane(lane)))
    known.close()
    journal.close()
    await server?.instance.close()
  }

  try {
    if (withHttpServer && !config.server.isDisabled) {
      server = await startAgentServer({ config, agent, logger })
    }
    for (const client of config.clients) lanes.push(startLane(client, context))
  } catch (error) {
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
  const { lineBytesMax, truncatesLines, streamsMax } = config.limits
  const clientMetrics = metrics.forClient(client.transport.url.host)
  const queue = new PushQueue({
    config: { ...client, lineBytesMax, truncatesLines, streamsMax },
    transport: createPushTransport(client.transport),
    metrics: clientMetrics,
    logger,
    beforeSend: () => journal.flush(),
    disk: openDiskBuffer(client, { config, logger, onBytes: clientMetrics.setStored }),
  })
  const scheduler = new ReadScheduler(() => queue.hasRoom)
  queue.onRoom = () => scheduler.pump()
  const limiter = createLimiter(config, { queue, metrics, nowMs })
  const jobs = config.scrapeConfigs.map(job => {
    const { jobName } = job
    const stageContext = createStageContext({ jobName, metrics, logger, nowMs })
    const stages = job.stages.map(createStage => createStage(stageContext))
    return { config: job, pipeline: new Pipeline(stages, limiter ?? queue) }
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
  return { queue, scheduler, manager, pipelines: jobs.map(({ pipeline }) => pipeline) }
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
    readonly queue: PushQueue
    readonly metrics: AgentMetrics
    readonly nowMs: () => number
  },
): RateLimiter | undefined {
  if (!limits.isLineRateLimited) return undefined
  const { queue, metrics, nowMs } = around
  const drop = () => metrics.droppedLines.inc({ reason: 'global_rate_limiter_drop' })
  return new RateLimiter({
    ...{ rate: limits.linesPerSecond, burst: limits.lineBurst, sink: queue, nowMs },
    onDrop: limits.dropsOverRate ? drop : undefined,
  })
}

async function stopLane({ queue, scheduler, manager, pipelines }: Lane): Promise<void> {
  await scheduler.stop()
  await manager.stop()
  await queue.stop(flushLimitMs)
  manager.close()
  for (const pipeline of pipelines) pipeline.close()
}
