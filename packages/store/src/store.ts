// The store as a whole: opens its parts in order and closes them in reverse order.

import { packUrl } from '@skald/page/pack-url'
import { makePrivateDirectory } from '@skald/wire'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import type { AuthSource } from './auth/auth-watch.ts'
import type { Catalog } from './catalog/catalog.ts'
import { startCatalogCheck } from './catalog-check.ts'
import { type Deletes, openCompaction } from './compaction/compaction.ts'
import type { Compactor } from './compaction/compactor.ts'
import { mergerOf } from './compaction/merge-job.ts'
import { formatOutlook } from './compaction/outlook.ts'
import type { LoadedStoreConfig, StoreConfig } from './config.ts'
import { configInForce } from './config-in-force.ts'
import { enterDirectory } from './enter-directory.ts'
import { addCardinalityRoute } from './http/cardinality-route.ts'
import { addDeleteRoutes } from './http/delete-routes.ts'
import { addDetectedRoutes } from './http/detected-routes.ts'
import { addDrilldownRoutes } from './http/drilldown-routes.ts'
import { addExportRoute } from './http/export-route.ts'
import { addIndexRoutes } from './http/index-routes.ts'
import { addLabelsRoutes } from './http/labels-routes.ts'
import type { Listener } from './http/listener.ts'
import { addOtlpRoute } from './http/otlp-route.ts'
import { readPagePack } from './http/page-pack.ts'
import { addPageRoutes } from './http/page-routes.ts'
import { addPatternsRoute } from './http/patterns-route.ts'
import { addPushBodyParser, BodyUnpacker } from './http/push-body.ts'
import { addPushRoutes } from './http/push-route.ts'
import type { LineRouteOptions, ReadRouteOptions } from './http/query-context.ts'
import { addQueryRoutes } from './http/query-routes.ts'
import { addRulesRoutes, type RulesService } from './http/rules-routes.ts'
import { createHttpServer } from './http/server.ts'
import { addStatusRoute, type StatusRouteParts } from './http/status-route.ts'
import { addStatusRoutes, type StatusRouteOptions } from './http/status-routes.ts'
import { addTailRoutes, upgradesBelow } from './http/tail-route.ts'
import { CardinalityGuard } from './ingest/cardinality-guard.ts'
import { Committer } from './ingest/committer.ts'
import { IngestQuotas } from './ingest/ingest-quotas.ts'
import { Ingester } from './ingest/ingester.ts'
import { PushBudget } from './ingest/push-budget.ts'
import { PushNotes } from './ingest/push-notes.ts'
import { RefusalLog } from './ingest/refusal-log.ts'
import { UnpackedRoom } from './ingest/unpacked-room.ts'
import { ruleThreads } from './limits.ts'
import { HeapGrowth } from './memory/heap-growth.ts'
import { openMemory, type StoreMemory } from './memory/store-memory.ts'
import { countWork, createStoreMetrics, type StoreMetrics } from './metrics.ts'
import { DiskRoom } from './objects/disk-room.ts'
import { readDiskUsage } from './objects/disk-usage.ts'
import type { StoreFiles } from './objects/files.ts'
import { type OpenAuth, openAuth } from './open-auth.ts'
import { openRules } from './open-rules.ts'
import { openSourceBy } from './open-sources.ts'
import { closeAll, onlyOnce, type Part } from './parts.ts'
import { ArrivalTimes } from './receivers/arrival-times.ts'
import { greetAtRoot } from './receivers/elasticsearch/greeting-routes.ts'
import { addReceiverRoutes, startReceivers } from './receivers/receivers.ts'
import type { Replica, ReplicaServers } from './scaled/replica.ts'
import type { LogSourceParts } from './scan/log-source.ts'
import { ScanPool } from './scan/pool.ts'
import { SegmentDamage } from './scan/segment-damage.ts'
import { SharedRuns } from './scan/shared-runs.ts'
import { SegmentIndex } from './segment-index.ts'
import { openStorage, type RemoteStorage, type StorageOptions } from './storage.ts'
import { readState } from './store-state.ts'
import { TailBudget } from './tail/tail-budget.ts'
import { TailHub } from './tail/tail-hub.ts'
import type { TenantLimits } from './tenant-limits.ts'
import { TenantOverrides } from './tenant-overrides.ts'
import { CertificateWatch } from './tls/certificate-watch.ts'

export interface StoreOptions {
  readonly loaded: LoadedStoreConfig
  readonly logger: Logger
  readonly version: string
  readonly clock?: { now(): number }
  /**
   * The file operations below the segments, if they are not the system's. Merges then run without a
   * thread, so that theirs are too.
   */
  readonly files?: StoreFiles
  /** The servers of a replica, if they are not S3 and PostgreSQL. */
  readonly servers?: ReplicaServers
  /** Where to read who may come in again; absent if the configuration is in no file. */
  readonly authSource?: AuthSource
  /** A token that may push for every tenant: of the agent in the same process. */
  readonly ownToken?: string
  /** What else the process serves on the store's port; absent if it runs only a store. */
  readonly beside?: Beside
}

/** Another part of the process that runs alongside the store. */
export interface Beside {
  /** Adds its routes. */
  readonly addRoutes: (app: FastifyInstance) => void
  /** Returns its metrics for /metrics. */
  readonly metrics: () => Promise<string>
}

/** A running store. */
export interface Store {
  /** Address it listens on, such as `0.0.0.0:3100`. */
  readonly address: string
  /** URL to reach it from this machine, such as `http://127.0.0.1:3100`. */
  readonly url: string
  /** Where its other receivers listen: syslog in the order of the configuration, then OTLP. */
  readonly receiverPlaces: readonly string[]
  readonly app: FastifyInstance
  /** Finishes accepted work, then closes everything. Further calls wait for the same stop. */
  stop(): Promise<void>
}

/**
 * Listens, locks the data directory and recovers. Resolves when the store is ready. Until then
 * requests get 503.
 * @throws ConfigError when the overrides are invalid; DirectoryLockedError when another process of
 * this host uses the data directory (it waits for one of another host or container); the system's
 * error when the directory, a file or the port is not available.
 */
export async function startStore(options: StoreOptions): Promise<Store> {
  const { config } = options.loaded
  const opened: Part[] = []
  try {
    makePrivateDirectory(config.dataDir)
    const { listener, lock, certificate } = await enterDirectory(config, options.logger)
    opened.push(lock, listener)
    return await openStore(options, { listener, certificate }, opened)
  } catch (error) {
    await closeAll(opened)
    throw error
  }
}

/** The socket, and what it shows if it speaks TLS. */
type Entrance = Omit<Awaited<ReturnType<typeof enterDirectory>>, 'lock'>

/** Returns nothing if the store speaks plain HTTP. */
function watchCertificate(
  { loaded, logger }: StoreOptions,
  { listener, certificate }: Entrance,
  { registry }: StoreMetrics,
): CertificateWatch[] {
  const { tls } = loaded.config
  const { tlsServer } = listener
  if (!tls || !tlsServer || !certificate) return []
  return [new CertificateWatch({ config: tls, certificate, server: tlsServer, logger, registry })]
}

/** Opens the parts of the store in order. Adds each to `opened`, so that the caller can close it. */
async function openStore(
  options: StoreOptions,
  { listener, certificate }: Entrance,
  opened: Part[],
): Promise<Store> {
  const { loaded, logger, version, beside, clock = Date } = options
  const { config } = loaded
  const own = <T extends Part>(part: T): T => {
    opened.push(part)
    return part
  }
  const metrics = createStoreMetrics(() =>
    readState({
      ...{ catalog, compactor, space, budget, memory, remote },
      labels: () => guard.list(limitsOf),
    }),
  )
  for (const watch of watchCertificate(options, { listener, certificate }, metrics)) own(watch)
  const overrides = own(await startOverrides(loaded, metrics, logger))
  listener.status = 'it is recovering'
  const bucket = bucketOptionsOf(config, { metrics, clock, listener })
  const storage = await openStorage({
    ...{ dataDir: config.dataDir, logger, files: options.files, bucket, own },
    ...{ shared: config.catalog, servers: options.servers },
    logLevelFields: config.limits.logLevelFields,
  })
  const { segmentsDir, objects, disk, remote, replica, catalog, nextSequence } = storage

  own(new HeapGrowth())
  const memory = openMemory({
    ...{ maxBytes: config.maxMemoryBytes, threads: () => pool },
    onRefused: () => metrics.queriesRefused.inc(),
  })
  const plan = memory?.plan
  const worker = { directory: segmentsDir, logLevelFields: config.limits.logLevelFields }
  const segments = new SegmentIndex(objects, catalog, logger)
  const stored = await catalog.listSegments()
  const scanWorker = { ...worker, ledger: memory?.ledger }
  const hold = remote?.objects.holdRanges.bind(remote.objects)
  const scanning = { heapBytes: plan?.scanHeapBytes, hold }
  const pool: ScanPool = own(new ScanPool(scanWorker, undefined, scanning))
  const hub = own(
    new TailHub({
      ...{ segments, logger, worker, stored, dataDir: config.dataDir },
      heapBytes: plan?.tailHeapBytes,
      resumes: replica === undefined,
    }),
  )
  const { limitsOf } = overrides
  const room = new DiskRoom({
    ...{ directory: segmentsDir, catalog, clock },
    ...reliefBy(config, () => compactor, remote),
  })
  const readUsage = () => readDiskUsage(segmentsDir)
  const { compactor, space, deletes } = await openCompaction(localSpaceOf(config), {
    ...{ catalog, objects, segments, logger, clock, nextSequence, worker, limitsOf, metrics },
    onDamage: () => metrics.segmentsSetAside.inc(),
    ...(options.files && { merge: mergerOf(disk, worker.logLevelFields) }),
    ...{ readUsage, room: merge => room.forMerge(merge), bucket: remote?.objects },
    ...{ keepRequests: storage.keepRequests, turn: replica?.turn },
    numberOf: replica && (name => replica.catalog.numberOf(name)),
  })
  own(compactor)
  const budget = new PushBudget(plan?.pushBytes)
  const committer = own(
    new Committer({
      ...{ objects, catalog, clock, logger, nextSequence },
      arriving: () => budget.arriving,
      room: replica?.checkCommit ?? (bytes => room.forCommit(bytes)),
      ...(replica && { pace: replica.pace }),
      onCommit: ({ name, footer, segment }) => {
        segments.commit(name, footer)
        // Of replicas, they come in the order of the catalog.
        if (!replica) hub.commit(name, segment.sizeBytes)
        metrics.commits.inc()
        metrics.commitBytes.inc(segment.sizeBytes)
        compactor.wakeAfter(segment.sizeBytes)
      },
    }),
  )
  const damage = new SegmentDamage({
    logger,
    onSegment: thing => metrics.damagedSegments[thing].inc(),
  })
  const guard = new CardinalityGuard({ logger, clock })
  const notes = new PushNotes(clock)
  const ingester = createIngester(config, {
    ...{ limitsOf, committer, metrics, logger, clock, guard, notes, replica },
  })

  const arrivals = new ArrivalTimes(clock)

  let state: 'starting' | 'ready' | 'stopping' = 'starting'
  const app = createHttpServer({
    ...{ logger, metrics, listener },
    mayUpgrade: upgradesBelow(config.httpPathPrefix),
    bodyPauseMs: config.httpReadTimeoutMs,
  })
  const auth = await openAuth({
    ...{ config, logger, clock, metrics, source: options.authSource, ownToken: options.ownToken },
    push: (tenant, streams) => ingester.push(tenant, streams),
  })
  if (auth) own(auth).guard.addTo(app)
  const sourceParts: LogSourceParts = {
    ...{ catalog, segments, pool, runs: new SharedRuns(), gate: memory?.gate },
    onDamage: (segment, thing, text) => {
      damage.report(segment, thing, text)
      remote?.distrust(segment)
    },
    onWork: stats => countWork(metrics, stats),
  }
  const sources = (parts: LogSourceParts) => openSourceBy(parts, { limitsOf, deletes })
  const rules = await openRules({
    ...{ loaded, logger, clock, storage, metrics, limitsOf, version },
    // Separate threads, so that no dashboard delays a rule.
    openSource: () => {
      const threads = own(new ScanPool(scanWorker, ruleThreads, scanning))
      const open = sources({ ...sourceParts, pool: threads })
      return tenant => open([tenant])
    },
  })
  if (rules) own(rules.ruler)
  await addRoutes(app, {
    ...{ config, limitsOf, clock, catalog, ingester, guard, budget, deletes, hub, metrics, beside },
    ...{ memory, openSource: sources(sourceParts), rules, auth, arrivals },
    shown: {
      ...{ version, compactor, notes, hasAgent: beside !== undefined },
      ...{ outlook: () => space.outlook(), state: () => state },
    },
    status: {
      ...{ metrics, moreMetrics: beside?.metrics, config, version, logger },
      shown: async () =>
        configInForce(
          { ...loaded, config: { ...config, auth: auth?.current() } },
          logger.level,
          await space.outlook(),
        ),
      outlook: async () => formatOutlook(await space.outlook()),
      state: () => state,
      flush: async () => {
        await committer.drain()
        await compactor.flush()
      },
    },
  })
  await app.ready()
  await replica?.start({
    ...{ segments, hub, ingester, compactor, registry: deletes?.registry },
    noteRules: rules?.noteChanges,
  })
  await rules?.ruler.start()
  const receiving = {
    ...{ ingester, budget, metrics, logger, clock, arrivals, limitsOf },
    admit: auth?.guard.admitCall.bind(auth.guard),
  }
  const receivers = own(await startReceivers(config, receiving))
  listener.serve((request, response) => app.routing(request, response))
  state = 'ready'
  const onDamage = () => metrics.catalogRepairs.inc()
  // Reading the footers of a whole bucket after each start would cost more than it brings.
  if (storage.local)
    own(startCatalogCheck({ catalog: storage.local, objects: disk, logger, onDamage }))
  const stop = onlyOnce(async () => {
    state = 'stopping'
    const silent = listener.close()
    await app.close()
    await silent
    await closeAll(opened)
  })
  const { address, url } = listener
  return { address, url, receiverPlaces: receivers.places, app, stop }
}

interface BucketUse {
  readonly metrics: StoreMetrics
  readonly clock: { now(): number }
  readonly listener: Listener
}

/** Returns what the storage needs to know about the bucket, if there is one. */
function bucketOptionsOf(
  { bucket, space: { minFreeBytes } }: StoreConfig,
  { metrics, clock, listener }: BucketUse,
): StorageOptions['bucket'] {
  if (!bucket) return undefined
  return {
    ...{ config: bucket, clock, minFreeBytes },
    onWait: (what = 'the bucket') => {
      listener.status = `it is waiting for ${what}`
    },
    onRequest: (operation, outcome, bytes) => {
      metrics.bucketRequests.inc({ operation, outcome })
      metrics.bucketBytes.inc({ operation }, bytes)
    },
  }
}

/** With a bucket, the free space of the local disk says nothing about how much the store may keep. */
function localSpaceOf(config: StoreConfig): StoreConfig {
  return config.bucket ? { ...config, space: { ...config.space, minFreeBytes: 0 } } : config
}

/** Lets a compactor make room when the disk is nearly full, unless free space does not matter. */
function reliefBy(
  { space: { minFreeBytes } }: StoreConfig,
  compactor: () => Compactor,
  remote: RemoteStorage | undefined,
) {
  if (minFreeBytes === 0 && !remote) return {}
  const relief = {
    minFreeBytes: minFreeBytes || undefined,
    onShort: () => compactor().wake(),
    makeRoom: async () => (await remote?.shrinkCache()) || (await compactor().makeRoom()),
  }
  return { relief }
}

async function startOverrides(loaded: LoadedStoreConfig, metrics: StoreMetrics, logger: Logger) {
  const { overrides: files, limits, mayDelete } = loaded.config
  const overrides = new TenantOverrides({
    ...{ files, limits, mayDelete, logger },
    rawLimits: loaded.raw.limits_config,
    onRead: isUsable => metrics.overridesUsable.set(isUsable ? 1 : 0),
  })
  await overrides.start()
  return overrides
}

interface IngesterParts {
  readonly guard: CardinalityGuard
  readonly notes: PushNotes
  readonly limitsOf: (tenant: string) => TenantLimits
  readonly committer: Committer
  readonly metrics: StoreMetrics
  readonly logger: Logger
  readonly clock: { now(): number }
  /** Absent if this store is the only one. */
  readonly replica: Replica | undefined
}

function createIngester({ authEnabled }: StoreConfig, parts: IngesterParts): Ingester {
  const { logger, clock, replica } = parts
  const replicas = replica && (() => replica.liveReplicas)
  const quotas = new IngestQuotas({ hasDefaultRates: authEnabled, clock, replicas })
  return new Ingester({ ...parts, quotas, refusalLog: new RefusalLog(logger, clock) })
}

interface RouteParts {
  readonly config: StoreConfig
  readonly limitsOf: (tenant: string) => TenantLimits
  readonly clock: { now(): number }
  readonly catalog: Catalog
  readonly ingester: Ingester
  readonly guard: CardinalityGuard
  readonly budget: PushBudget
  readonly arrivals: ArrivalTimes
  readonly memory: StoreMemory | undefined
  readonly deletes: Deletes | undefined
  readonly hub: TailHub
  readonly metrics: StoreMetrics
  readonly status: StatusRouteOptions
  /** What /skald/status shows. */
  readonly shown: Omit<StatusRouteParts, keyof ReadRouteOptions | 'catalog'>
  readonly beside: Beside | undefined
  readonly rules: RulesService | undefined
  readonly auth: OpenAuth | undefined
  readonly openSource: LineRouteOptions['openSource']
}

async function addRoutes(app: FastifyInstance, parts: RouteParts): Promise<void> {
  const { config, limitsOf, clock, catalog, ingester, guard, budget, deletes } = parts
  const { hub, metrics, status, shown, beside, memory, rules, auth, openSource } = parts
  const { authEnabled } = config
  const reading = {
    authEnabled,
    mayJoinTenants: config.mayJoinTenants,
    limitsOf,
    clock,
    openSource,
    createHold: memory?.hold.bind(memory),
  }
  await app.register(
    (routes, _options, done) => {
      // In a separate scope, because pushes have their own body parser.
      routes.register((pushes, _pushesOptions, pushesDone) => {
        const pool = addPushBodyParser(pushes)
        const unpacker = new BodyUnpacker()
        const room = new UnpackedRoom()
        const pushOptions = { ingester, budget, authEnabled, pool, unpacker, room }
        addPushRoutes(pushes, pushOptions)
        addOtlpRoute(pushes, { ...pushOptions, clock, mappingOf: tenant => limitsOf(tenant).otlp })
        addReceiverRoutes(pushes, { ...pushOptions, clock, limitsOf, arrivals: parts.arrivals })
        pushesDone()
      })
      // In a separate scope, so that the other routes do not become websockets.
      routes.register((tails, _tailOptions, tailsDone) => {
        const tailBudget = memory && new TailBudget(memory.plan.tailBytes, () => memory.isShort)
        addTailRoutes(tails, {
          ...reading,
          hub,
          metrics,
          ...(tailBudget && { budget: tailBudget }),
        })
        tailsDone()
      })
      // In a separate scope, because they have their own error texts.
      routes.register((deleting, _deletingOptions, deletingDone) => {
        addDeleteRoutes(deleting, {
          ...reading,
          deletes: deletes && { registry: deletes.registry, progress: deletes.sweep },
          maxIntervalNs: config.deletes.maxIntervalNs,
          onRequest: tenant => metrics.deletesReceived.inc({ user: tenant }),
        })
        deletingDone()
      })
      const demotedOf = guard.demotedOf.bind(guard)
      addQueryRoutes(routes, { ...reading, demotedOf })
      addExportRoute(routes, reading)
      addCardinalityRoute(routes, { ...reading, guard })
      addDrilldownRoutes(routes, { ...reading, version: status.version })
      addIndexRoutes(routes, reading)
      if (config.hasPatterns) addPatternsRoute(routes, reading)
      addDetectedRoutes(routes, { ...reading, catalog })
      addLabelsRoutes(routes, { ...reading, catalog })
      addRulesRoutes(routes, { authEnabled, ruler: rules })
      addStatusRoute(routes, { ...reading, ...shown, catalog })
      greetAtRoot(routes)
      const hasPage = addPageRoutes(routes, config.hasPage ? readPagePack(packUrl) : [])
      addStatusRoutes(routes, { ...status, hasPage })
      auth?.addSignInRoutes(routes, auth)
      beside?.addRoutes(routes)
      done()
    },
    { prefix: config.httpPathPrefix },
  )
}
