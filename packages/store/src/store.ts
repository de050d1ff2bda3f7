// The store as a whole: opens its parts in order, closes them in the reverse order.

import { mkdir, rename } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { LogSource } from '@skald/query'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import type { Catalog } from './catalog/catalog.ts'
import { openSqliteCatalog, type SqliteCatalog } from './catalog/sqlite.ts'
import { Compactor, type CompactorOptions } from './compaction/compactor.ts'
import { Retention } from './compaction/retention.ts'
import type { LoadedStoreConfig, StoreConfig } from './config.ts'
import { addDetectedRoutes } from './http/detected-routes.ts'
import { addDrilldownRoutes } from './http/drilldown-routes.ts'
import { addIndexRoutes } from './http/index-routes.ts'
import { addLabelsRoutes } from './http/labels-routes.ts'
import { addPatternsRoute } from './http/patterns-route.ts'
import { addPushRoutes } from './http/push-route.ts'
import { addQueryRoutes } from './http/query-routes.ts'
import { addRulesRoutes } from './http/rules-routes.ts'
import { createHttpServer, refuseOtherMethods, watchMethods } from './http/server.ts'
import { addStatusRoutes, type StatusRouteOptions } from './http/status-routes.ts'
import { addTailRoutes, upgradesBelow } from './http/tail-route.ts'
import { Committer } from './ingest/committer.ts'
import { Ingester } from './ingest/ingester.ts'
import { PushBudget } from './ingest/push-budget.ts'
import type { TenantLimits } from './limits.ts'
import { createStoreMetrics, type StoreMetrics, type StoreState } from './metrics.ts'
import { openDiskObjectStore } from './objects/disk.ts'
import { recover } from './recovery.ts'
import { createLogSource } from './scan/log-source.ts'
import { ScanPool } from './scan/pool.ts'
import { SegmentIndex } from './segment-index.ts'
import { TailHub } from './tail/tail-hub.ts'

export interface StoreOptions {
  readonly loaded: LoadedStoreConfig
  readonly logger: Logger
  readonly version: string
  readonly clock?: { now(): number }
}

/** A running store. */
export interface Store {
  /** Where it listens, as `http://127.0.0.1:3100`. */
  readonly url: string
  readonly app: FastifyInstance
  /** Finishes what it took in, then lets everything go. Calling it again waits for the same end. */
  stop(): Promise<void>
}

/**
 * Opens the data directory, recovers, and listens.
 *
 * @throws the system's error when the directory or the port cannot be had.
 */
export async function startStore(options: StoreOptions): Promise<Store> {
  const { loaded, logger, version, clock = { now: () => Date.now() } } = options
  const { config } = loaded
  const segmentsDir = join(config.dataDir, 'segments')
  await mkdir(segmentsDir, { recursive: true })
  const objects = await openDiskObjectStore(segmentsDir)
  const catalog = await openCatalog(join(config.dataDir, 'catalog.sqlite'), logger)
  let sequence = await recover({ catalog, objects, logger })
  const nextSequence = () => ++sequence

  const worker = { directory: segmentsDir, logLevelFields: config.limits.logLevelFields }
  const segments = new SegmentIndex(objects, catalog, logger)
  const compactor = openCompactor(config.limits, {
    ...{ catalog, segments, logger, clock, nextSequence, worker },
  })
  const budget = new PushBudget()
  const hub = new TailHub({ segments, logger, worker })
  const metrics = createStoreMetrics(() => readState({ catalog, compactor, budget }))
  const committer = new Committer({
    objects,
    catalog,
    clock,
    nextSequence,
    arriving: () => budget.arriving,
    onCommit: ({ name, footer, segment }) => {
      segments.put(name, footer)
      hub.commit(name, segment.sizeBytes)
      metrics.commits.inc()
      metrics.commitBytes.inc(segment.sizeBytes)
      compactor.wakeAfter(segment.sizeBytes)
    },
  })
  const ingester = new Ingester({ limits: config.limits, committer, metrics, clock })
  const pool = new ScanPool(worker)

  let state: 'starting' | 'ready' | 'stopping' = 'starting'
  const app = createHttpServer({
    logger,
    metrics,
    mayUpgrade: upgradesBelow(config.httpPathPrefix),
    bodyPauseMs: config.httpReadTimeoutMs,
  })
  await addRoutes(app, {
    config,
    clock,
    catalog,
    ingester,
    budget,
    hub,
    metrics,
    openSource: tenant => createLogSource(tenant, { catalog, segments, pool }),
    status: {
      metrics,
      config: loaded.raw,
      version,
      logger,
      state: () => state,
      flush: async () => {
        await committer.drain()
        await compactor.flush()
      },
    },
  })

  const parts = [committer, compactor, hub, pool, catalog, objects]
  try {
    await app.listen({ host: config.listenAddress || '0.0.0.0', port: config.listenPort })
  } catch (error) {
    await closeAll(parts)
    throw error
  }
  state = 'ready'
  const url = urlOf(app.server.address() as AddressInfo)
  const stop = onlyOnce(async () => {
    state = 'stopping'
    await app.close()
    await closeAll(parts)
  })
  return { url, app, stop }
}

/** Closes one after the other. */
async function closeAll(parts: readonly { close(): Promise<void> }[]): Promise<void> {
  for (const part of parts) await part.close()
}

/** Runs once; all later calls wait for the end of the first. */
function onlyOnce(run: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined
  return () => {
    running ??= run()
    return running
  }
}

function urlOf({ address, port }: AddressInfo): string {
  const host =
    address === '0.0.0.0' ? '127.0.0.1' : address.includes(':') ? `[${address}]` : address
  return `http://${host}:${port}`
}

function openCompactor(
  { retentionNs }: TenantLimits,
  parts: Omit<CompactorOptions, 'retention'>,
): Compactor {
  if (retentionNs === 0n) return new Compactor(parts)
  const retention = new Retention({ ...parts, periodNs: () => retentionNs })
  return new Compactor({ ...parts, retention })
}

interface RouteParts {
  readonly config: StoreConfig
  readonly clock: { now(): number }
  readonly catalog: Catalog
  readonly ingester: Ingester
  readonly budget: PushBudget
  readonly hub: TailHub
  readonly metrics: StoreMetrics
  readonly openSource: (tenant: string) => LogSource
  readonly status: StatusRouteOptions
}

async function addRoutes(app: FastifyInstance, parts: RouteParts): Promise<void> {
  const { config, clock, catalog, ingester, budget, hub, metrics, openSource, status } = parts
  const { authEnabled, limits } = config
  const methodsOf = watchMethods(app)
  await app.register(
    (routes, _options, done) => {
      // In a scope of its own: pushes are read in a way other bodies are not.
      routes.register((pushes, _pushOptions, pushesDone) => {
        addPushRoutes(pushes, { ingester, budget, authEnabled })
        pushesDone()
      })
      // So that the routes beside it are no websockets.
      routes.register((tails, _tailOptions, tailsDone) => {
        addTailRoutes(tails, { authEnabled, limits, clock, openSource, hub, metrics })
        tailsDone()
      })
      addQueryRoutes(routes, { authEnabled, limits, clock, openSource })
      addDrilldownRoutes(routes, { authEnabled, limits, version: status.version })
      addIndexRoutes(routes, { authEnabled, limits, clock, openSource })
      addPatternsRoute(routes, { authEnabled, limits, clock, openSource })
      addDetectedRoutes(routes, { authEnabled, limits, clock, catalog, openSource })
      addLabelsRoutes(routes, { authEnabled, limits, clock, catalog })
      addRulesRoutes(routes, { authEnabled })
      addStatusRoutes(routes, status)
      done()
    },
    { prefix: config.httpPathPrefix },
  )
  refuseOtherMethods(app, methodsOf)
}

/** A damaged catalog is put aside: it is made again from the segments. */
async function openCatalog(path: string, logger: Logger): Promise<SqliteCatalog> {
  try {
    return openSqliteCatalog(path)
  } catch (error) {
    const { code } = error as { code?: string }
    if (code !== 'SQLITE_CORRUPT' && code !== 'SQLITE_NOTADB') throw error
    const aside = `${path}.damaged-${Date.now()}`
    await rename(path, aside)
    logger.error({ err: error, aside }, 'the catalog is damaged, making it again from the segments')
    return openSqliteCatalog(path)
  }
}

async function readState(parts: {
  catalog: SqliteCatalog
  compactor: Compactor
  budget: PushBudget
}): Promise<StoreState> {
  const { catalog, compactor, budget } = parts
  const levels = new Map<number, { segments: number; bytes: number }>()
  for (const { level, sizeBytes } of await catalog.listSegments()) {
    const sum = levels.get(level) ?? { segments: 0, bytes: 0 }
    levels.set(level, { segments: sum.segments + 1, bytes: sum.bytes + sizeBytes })
  }
  const { streams } = await catalog.totals()
  return {
    compactions: compactor.runs,
    isCompacting: compactor.isRunning,
    pendingPushBytes: budget.bytes,
    streams,
    levels,
  }
}
