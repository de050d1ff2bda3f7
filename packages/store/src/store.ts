// The store as a whole: opens its parts in order, closes them in the reverse order.

import { mkdir, rename } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import type { Catalog } from './catalog/catalog.ts'
import { openSqliteCatalog, type SqliteCatalog } from './catalog/sqlite.ts'
import { Compactor } from './compaction/compactor.ts'
import type { LoadedStoreConfig, StoreConfig } from './config.ts'
import { addLabelsRoutes } from './http/labels-routes.ts'
import { addOtlpRoute } from './http/otlp-route.ts'
import { addPushBodyParser, BodyUnpacker } from './http/push-body.ts'
import { addPushRoutes } from './http/push-route.ts'
import { addQueryRoutes } from './http/query-routes.ts'
import { createHttpServer, refuseOtherMethods, watchMethods } from './http/server.ts'
import { addStatusRoutes, type StatusRouteOptions } from './http/status-routes.ts'
import { Committer } from './ingest/committer.ts'
import { IngestQuotas } from './ingest/ingest-quotas.ts'
import { Ingester } from './ingest/ingester.ts'
import { PushBudget } from './ingest/push-budget.ts'
import { RefusalLog } from './ingest/refusal-log.ts'
import type { TenantLimits } from './limits.ts'
import { createStoreMetrics, type StoreMetrics, type StoreState } from './metrics.ts'
import { openDiskObjectStore } from './objects/disk.ts'
import { recover } from './recovery.ts'
import { createLogSource, type LogSourceParts } from './scan/log-source.ts'
import { ScanPool } from './scan/pool.ts'
import { SegmentIndex } from './segment-index.ts'
import { TenantOverrides } from './tenant-overrides.ts'

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
 * @throws ConfigError when the overrides cannot be used; the system's error when the directory, a file or
 * the port cannot be had.
 */
export async function startStore(options: StoreOptions): Promise<Store> {
  const { loaded, logger, version, clock = { now: () => Date.now() } } = options
  const { config } = loaded
  const metrics = createStoreMetrics(() => readState({ catalog, compactor, budget }))
  const overrides = createOverrides(loaded, metrics, logger)
  await overrides.start()
  const segmentsDir = join(config.dataDir, 'segments')
  await mkdir(segmentsDir, { recursive: true })
  const objects = await openDiskObjectStore(segmentsDir)
  const catalog = await openCatalog(join(config.dataDir, 'catalog.sqlite'), logger)
  let sequence = await recover({ catalog, objects, logger })
  const nextSequence = () => ++sequence

  const worker = { directory: segmentsDir, logLevelFields: config.limits.logLevelFields }
  const segments = new SegmentIndex(objects, catalog, logger)
  const compactor = new Compactor({ catalog, segments, logger, clock, nextSequence, worker })
  const budget = new PushBudget()
  const committer = new Committer({
    objects,
    catalog,
    clock,
    nextSequence,
    arriving: () => budget.arriving,
    onCommit: ({ name, footer, segment }) => {
      segments.put(name, footer)
      metrics.commits.inc()
      metrics.commitBytes.inc(segment.sizeBytes)
      compactor.wakeAfter(segment.sizeBytes)
    },
  })
  const { limitsOf } = overrides
  const quotas = new IngestQuotas({ hasDefaultRates: config.authEnabled, clock })
  const refusalLog = new RefusalLog(logger, clock)
  const ingester = new Ingester({ limitsOf, quotas, refusalLog, committer, metrics, clock })
  const pool = new ScanPool(worker)

  let state: 'starting' | 'ready' | 'stopping' = 'starting'
  const app = createHttpServer({ logger, metrics })
  await addRoutes(app, {
    config,
    limitsOf,
    clock,
    catalog,
    ingester,
    budget,
    sourceParts: { catalog, segments, pool },
    status: {
      metrics,
      config: loaded.raw,
      version,
      isReady: () => state === 'ready',
      flush: async () => {
        await committer.drain()
        await compactor.flush()
      },
    },
  })

  const closeParts = async () => {
    overrides.close()
    await committer.drain()
    await compactor.close()
    await pool.close()
    await catalog.close()
    await objects.close()
  }
  try {
    await app.listen({ host: config.listenAddress || '0.0.0.0', port: config.listenPort })
  } catch (error) {
    await closeParts()
    throw error
  }
  state = 'ready'
  const stop = once(async () => {
    state = 'stopping'
    await app.close()
    await closeParts()
  })
  return { url: urlOf(app.server.address() as AddressInfo), app, stop }
}

/** Makes a function that runs once and always gives the same promise. */
function once(run: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined
  return () => {
    running ??= run()
    return running
  }
}

function createOverrides(loaded: LoadedStoreConfig, metrics: StoreMetrics, logger: Logger) {
  return new TenantOverrides({
    files: loaded.config.overrides,
    limits: loaded.config.limits,
    rawLimits: loaded.raw.limits_config,
    logger,
    onRead: isUsable => metrics.overridesUsable.set(isUsable ? 1 : 0),
  })
}

function urlOf({ address, port }: AddressInfo): string {
  const host =
    address === '0.0.0.0' ? '127.0.0.1' : address.includes(':') ? `[${address}]` : address
  return `http://${host}:${port}`
}

interface RouteParts {
  readonly config: StoreConfig
  readonly limitsOf: (tenant: string) => TenantLimits
  readonly clock: { now(): number }
  readonly catalog: Catalog
  readonly ingester: Ingester
  readonly budget: PushBudget
  readonly sourceParts: LogSourceParts
  readonly status: StatusRouteOptions
}

async function addRoutes(app: FastifyInstance, parts: RouteParts): Promise<void> {
  const { config, limitsOf, clock, catalog, ingester, budget, sourceParts, status } = parts
  const { authEnabled } = config
  const methodsOf = watchMethods(app)
  const openSource = (tenant: string) => {
    const { maxQueryBytesRead } = limitsOf(tenant)
    return createLogSource(tenant, { ...sourceParts, maxQueryBytesRead })
  }
  await app.register(
    (routes, _options, done) => {
      // In a scope of its own: pushes are read in a way other bodies are not.
      routes.register((pushes, _pushesOptions, pushesDone) => {
        const pool = addPushBodyParser(pushes)
        const unpacker = new BodyUnpacker(budget)
        const pushOptions = { ingester, budget, authEnabled, pool, unpacker }
        addPushRoutes(pushes, pushOptions)
        addOtlpRoute(pushes, { ...pushOptions, clock, mappingOf: tenant => limitsOf(tenant).otlp })
        pushesDone()
      })
      addQueryRoutes(routes, { authEnabled, limitsOf, clock, openSource })
      addLabelsRoutes(routes, { authEnabled, limitsOf, clock, catalog })
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
