// A lane leads to one client. It has its own readers, pipelines and queue, so a server that is down delays
// nobody else.

import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Clocks } from './clocks.ts'
import { type AgentConfig, walDirectory } from './config/agent-config.ts'
import type { ClientConfig } from './config/clients.ts'
import type { ScrapeConfig } from './config/scrape.ts'
import type { JobTargets } from './discovery/job-targets.ts'
import { GapLog, gapStream } from './gaps/gap-log.ts'
import type { SinkLine } from './line/line-sink.ts'
import type { AgentMetrics, LaneMetrics } from './metrics/agent-metrics.ts'
import { Pipeline } from './pipeline/pipeline.ts'
import type { StageInspection } from './pipeline/stage.ts'
import { createStageContext } from './pipeline/stage-context.ts'
import type { PushTransport } from './push/client.ts'
import type { Delivery } from './push/delivery.ts'
import { DiskBuffer } from './push/disk-buffer.ts'
import { PushQueue } from './push/queue.ts'
import { RateLimiter } from './push/rate-limiter.ts'
import { clientKey } from './reload.ts'
import type { HeldFiles } from './tail/held-files.ts'
import type { KnownFiles } from './tail/known-files.ts'
import type { ManagedJob } from './tail/managed-job.ts'
import { ReadScheduler } from './tail/read-scheduler.ts'
import { TargetManager } from './tail/target-manager.ts'
import type { TimeJournal } from './tail/time-journal.ts'

/** A configured job with its targets, which all lanes share. */
export interface AgentJob {
  readonly config: ScrapeConfig
  readonly targets: JobTargets
}

/** The readers, pipelines and queue of one client. */
export interface Lane {
  /** Equal for clients with equal settings. */
  readonly key: string
  readonly name: string
  readonly metrics: LaneMetrics
  readonly delivery: Delivery
  readonly scheduler: ReadScheduler
  readonly manager: TargetManager
  readonly jobs: Map<AgentJob, ManagedJob>
  readonly createJob: (job: AgentJob) => ManagedJob
  /** Takes what is lost. Absent if markers are off. */
  readonly gaps: GapLog | undefined
  /** Returns true if sources other than files may send lines now. */
  readonly hasRoom: () => boolean
}

/** What lanes share. */
export interface LaneContext extends Clocks {
  readonly config: AgentConfig
  readonly logger: Logger
  readonly metrics: AgentMetrics
  readonly journal: TimeJournal
  readonly known: KnownFiles
  readonly held: HeldFiles
  readonly jobs: readonly AgentJob[]
  readonly delivery: Delivery | undefined
  readonly inspect: StageInspection | undefined
}

/** Starts the lane of a client. It receives nothing until its targets arrive. */
export function startLane(
  client: ClientConfig,
  transport: PushTransport,
  context: LaneContext,
): Lane {
  const { config, journal, known, held, nowMs, wallMs } = context
  const isOnly = config.clients.length === 1
  const lane = isOnly ? '' : laneName(client, config.clients)
  const metrics = context.metrics.forLane(lane)
  const logger = isOnly ? context.logger : context.logger.child({ client: lane })
  const queue = context.delivery
    ? undefined
    : createQueue(client, transport, { ...context, logger })
  const delivery = context.delivery ?? queue!
  const gaps =
    queue && config.limits.marksGaps ? startGaps(queue, { ...context, logger }, lane) : undefined
  const scheduler = new ReadScheduler(() => delivery.hasRoom)
  delivery.onRoom = () => scheduler.pump()
  const limiter = createLimiter(config, { delivery, metrics, nowMs, gaps })
  const createJob = ({ config: job, targets }: AgentJob): ManagedJob => {
    const { jobName, stages, discoveries, source } = job
    const { inspect } = context
    const stageContext = createStageContext({ jobName, metrics, logger, nowMs, wallMs, inspect })
    const built = stages.map(createStage => createStage(stageContext))
    const takesEntries = source !== undefined || discoveries.some(({ kind }) => kind === 'docker')
    const pipeline = new Pipeline(built, limiter ?? delivery, { takesEntries })
    return { config: job, pipeline, targets }
  }
  const jobs = new Map(context.jobs.map(job => [job, createJob(job)]))
  const manager = new TargetManager({
    limiter,
    jobs: [...jobs.values()],
    ...{ lane, known, journal, scheduler, held, metrics, logger, nowMs, wallMs, gaps },
    syncPeriodMs: config.target.syncPeriodMs,
    readsFilesOnce: config.target.readsFilesOnce,
    minPollMs: config.fileWatch.minPollMs,
    maxPollMs: config.fileWatch.maxPollMs,
  })
  const key = clientKey(client)
  const hasRoom = () => delivery.hasRoom && (limiter?.pausedUntilMs(nowMs()) ?? 0) === 0
  return { key, name: lane, metrics, delivery, scheduler, manager, jobs, createJob, gaps, hasRoom }
}

/**
 * Names a lane. Clients without names may share a URL, for example for several tenants; later ones get a
 * number.
 */
function laneName(client: ClientConfig, clients: readonly ClientConfig[]): string {
  const base = ({ name, transport }: ClientConfig) => name ?? transport.url.href
  const alike = clients.filter(other => base(other) === base(client))
  const place = alike.findIndex(({ identity }) => identity === client.identity)
  return place > 0 ? `${base(client)}#${place + 1}` : base(client)
}

/** Starts the gaps of a client. Their markers go into its queue. */
function startGaps(
  queue: PushQueue,
  { known, journal, nowMs, logger, metrics }: LaneContext,
  lane: string,
): GapLog {
  const gaps = new GapLog({
    ...{ lane, place: known, sink: queue, nowMs, logger },
    allocateNs: () => journal.allocate(1),
    onMarker: kind => metrics.gapMarkers.inc({ kind }),
  })
  queue.gaps = gaps
  gaps.start()
  return gaps
}

function createQueue(
  client: ClientConfig,
  transport: PushTransport,
  context: LaneContext,
): PushQueue {
  const { config, metrics, journal, logger } = context
  const { lineBytesMax, truncatesLines, streamsMax } = config.limits
  const clientMetrics = metrics.forClient(client.transport.url.host)
  return new PushQueue({
    config: { ...client, lineBytesMax, truncatesLines, streamsMax },
    transport,
    metrics: clientMetrics,
    logger,
    beforeSend: () => journal.flush(),
    disk: openDiskBuffer(client, { config, logger, onBytes: clientMetrics.setStored }),
  })
}

/** Opens the directory for batches that a client's server does not accept. */
function openDiskBuffer(
  client: ClientConfig,
  around: {
    readonly config: AgentConfig
    readonly logger: Logger
    readonly onBytes: (bytes: number) => void
  },
): DiskBuffer | undefined {
  const { config, logger, onBytes } = around
  const { isEnabled, bytesMax } = config.wal
  if (!isEnabled) return undefined
  const parent = walDirectory(config)
  // A client's settings may change while its batches are on disk, but not their destination.
  const name = client.name ?? `${client.transport.url.host}${client.transport.url.pathname}`
  const others = config.clients.filter(other => other !== client && other.name === client.name)
  const isAlone = others.every(other => other.transport.url.href !== client.transport.url.href)
  const place = isAlone ? name : `${name} ${config.clients.indexOf(client)}`
  const clientDir = join(parent, encodeURIComponent(place))
  return new DiskBuffer({ dir: clientDir, bytesMax, logger, onBytes })
}

/** Adds a job whose targets already exist. */
export function addJob({ manager, jobs, createJob }: Lane, added: AgentJob): void {
  const job = createJob(added)
  jobs.set(added, job)
  manager.addJob(job)
}

/** Ends jobs. Waits up to `limitMs` for the server to accept what they read. */
export async function removeJobs(
  { manager, jobs }: Lane,
  removed: readonly AgentJob[],
  limitMs: number,
): Promise<void> {
  const going = removed.map(job => jobs.get(job)!)
  await Promise.all(going.map(job => manager.removeJob(job, limitMs)))
  for (const job of going) job.pipeline.close()
  for (const job of removed) jobs.delete(job)
}

function createLimiter(
  { limits }: AgentConfig,
  around: {
    readonly delivery: Delivery
    readonly metrics: LaneMetrics
    readonly nowMs: () => number
    readonly gaps: GapLog | undefined
  },
): RateLimiter | undefined {
  if (!limits.isLineRateLimited) return undefined
  const { delivery, metrics, nowMs, gaps } = around
  const drop = ({ labels, start, end }: SinkLine) => {
    metrics.droppedLines.inc({ reason: 'global_rate_limiter_drop' })
    gaps?.note({ ...gapStream(labels), kind: 'over_rate', bytes: end - start, lines: 1 })
  }
  return new RateLimiter({
    rate: { perSecond: limits.linesPerSecond, burst: limits.lineBurst },
    ...{ sink: delivery, nowMs },
    onDrop: limits.dropsOverRate ? drop : undefined,
  })
}

/** Ends a lane: sends what was read within `limitMs` and keeps the positions. */
export async function stopLane(
  { delivery, scheduler, manager, jobs, metrics, gaps }: Lane,
  limitMs: number,
): Promise<void> {
  await scheduler.stop()
  await manager.stop()
  gaps?.flush()
  await delivery.stop(limitMs)
  gaps?.close()
  manager.close()
  for (const { pipeline } of jobs.values()) pipeline.close()
  metrics.end()
}
