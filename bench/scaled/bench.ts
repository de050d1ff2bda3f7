// npm run bench -- scaled: measures replicas over a bucket and a PostgreSQL beside a store with local files, in one
// run. All parts are real processes on loopback.

import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { noBucket } from '../../e2e/versitygw-process.ts'
import { noPostgres } from '../../test/postgres-server.ts'
import { readTreeCpuSeconds } from '../cpu.ts'
import { pushAll } from '../ingest.ts'
import type { Load } from '../load.ts'
import type { BenchOptions } from '../options.ts'
import { absentText, countEntries, type QueryResult, queryPath, runQueries } from '../query.ts'
import { Random } from '../random.ts'
import type { Records } from '../record-file.ts'
import { HttpClient, type Server, startStoreServer } from '../server.ts'
import { type Cluster, startCluster } from './cluster.ts'
import { type PushOutcomes, pushSteadily } from './pushes.ts'
import { openSlowBucket, type SlowBucket } from './slow-bucket.ts'
import { enterSegments, multiplySegments } from './synthetic-catalog.ts'

/** What the scaled benchmark needs from the command line. */
export interface ScaledRun {
  readonly options: BenchOptions
  readonly workDir: string
  readonly load: Load
  readonly note: (text: string) => void
}

/** CPU of an ingest, to the last answer and until all is merged. */
export interface IngestCpu {
  readonly megabytes: number
  readonly pushSeconds: number
  readonly mergedSeconds: number
  /** Of PostgreSQL, to the last answer. 0 for local files. */
  readonly postgresSeconds: number
}

/** What a query read from the bucket with nothing on the disk. */
export interface ColdNeedle {
  readonly lineGigabytes: number
  readonly segmentCount: number
  readonly storedBytes: number
  readonly requests: number
  readonly bytes: number
  readonly blocksScanned: number
}

/** Time from the start of a replica's process to its first 200. */
export interface ReplicaStarts {
  readonly streamCount: number
  readonly segmentCount: number
  readonly withOwnCopyMs: number
  readonly fromBucketMs: number
}

export interface ScaledResult {
  readonly embedded: IngestCpu
  readonly one: IngestCpu
  /** One replica that takes as much as each of the three. */
  readonly oneShare: IngestCpu
  readonly three: IngestCpu
  readonly embeddedQueries: readonly QueryResult[]
  readonly replicaQueries: readonly QueryResult[]
  readonly slow: PushOutcomes
  readonly away: PushOutcomes
  readonly lostLines: number
  readonly fast: PushOutcomes
  readonly putsPerGigabyte: number
  readonly coldNeedle: ColdNeedle
  readonly starts: ReplicaStarts
}

const replicaCount = 3
/** Several pushes must be under way, so that a commit has more than one. */
const connectionCount = 8
/** Megabytes of lines a second for each replica: three of them take half of two cores. */
const steadyMegabytes = 3
const streamCount = 200_000
const segmentCount = 20_000
/** Lines that the cold search goes over. */
const coldGigabytes = 100
/** Copies of the load that this takes with the usual 335 MB. A smaller load makes for a smaller search. */
const timesMax = 300
const megabytesPerPush = 1
const awayMs = 10_000
const mergedTimeoutMs = 300_000

/** Returns why the benchmark cannot run here, or `undefined`. */
export function scaledIsMissing(): string | undefined {
  return noBucket || noPostgres || undefined
}

/** Runs the benchmark. */
export async function runScaledBench(run: ScaledRun): Promise<ScaledResult> {
  const { workDir, load, options, note } = run
  const inDir = (name: string) => join(workDir, name)
  note('a store with local files: ingest and queries')
  const local = await startStoreServer(workDir, inDir('local'))
  let embedded: IngestCpu
  let embeddedQueries: readonly QueryResult[]
  try {
    embedded = await ingest([local], load, {
      readCpu: () => ({ replicasSeconds: readTreeCpuSeconds(local.pid), postgresSeconds: 0 }),
    })
    embeddedQueries = await runQueries(local, load, options)
  } finally {
    await local.process.end('SIGTERM')
  }
  note('one replica: ingest, queries, and a cold search over many copies')
  const oneOf = await withCluster(inDir('one'), { replicaCount: 1 }, async cluster => {
    const one = await ingest(cluster.replicas, load, cluster)
    const replicaQueries = await runQueries(cluster.replicas[0]!, load, options)
    return { one, replicaQueries, coldNeedle: await searchCold(cluster, load) }
  })
  note(
    `one replica: a third of the load at ${steadyMegabytes} MB/s. Then three replicas, each at that rate`,
  )
  const oneShare = await withCluster(inDir('share'), { replicaCount: 1 }, cluster =>
    ingest(cluster.replicas, load, {
      readCpu: cluster.readCpu,
      everyNth: replicaCount,
      push: pushAtRate,
    }),
  )
  const three = await withCluster(inDir('three'), { replicaCount }, cluster =>
    ingest(cluster.replicas, load, { readCpu: cluster.readCpu, push: pushAtRate }),
  )
  note('one replica with slow uploads: a steady rate, ten seconds without the bucket, and 20 MB/s')
  const slowOf = await measureSlow(inDir('slow'), run)
  note(`a start with ${streamCount} streams and ${segmentCount} segments`)
  const starts = await withCluster(inDir('starts'), { replicaCount: 0 }, measureStarts)
  return { embedded, embeddedQueries, ...oneOf, oneShare, three, ...slowOf, starts }
}

async function withCluster<T>(
  dir: string,
  options: Parameters<typeof startCluster>[1],
  work: (cluster: Cluster) => Promise<T>,
): Promise<T> {
  const cluster = await startCluster(dir, options)
  try {
    return await work(cluster)
  } finally {
    await cluster.close()
    rmSync(dir, { recursive: true, force: true })
  }
}

interface IngestOptions {
  readonly readCpu: Cluster['readCpu']
  /** Pushes only each n-th body. */
  readonly everyNth?: number
  readonly push?: (server: Server, bodies: Records, bodyBytes: number) => Promise<void>
}

/** Pushes the load to all servers at a time, or every n-th body of it, and waits until it is merged. */
async function ingest(
  servers: readonly Server[],
  load: Load,
  { readCpu, everyNth = 1, push = pushFast }: IngestOptions,
): Promise<IngestCpu> {
  const bodies = shareOf(load.bodies, 0, everyNth)
  const bodyBytes = load.lineBytes / load.bodies.count
  const before = readCpu()
  await Promise.all(
    servers.map((server, i) => push(server, shareOf(bodies, i, servers.length), bodyBytes)),
  )
  const pushed = readCpu()
  await untilMerged(servers)
  const merged = readCpu()
  for (const server of everyNth === 1 ? servers : []) {
    const count = await countEntries(server, load, {})
    if (count !== load.lineCount)
      throw new Error(`${server.url} has ${count} entries, ${load.lineCount} were acknowledged`)
  }
  return {
    megabytes: (load.lineBytes / 1e6) * (bodies.count / load.bodies.count),
    pushSeconds: pushed.replicasSeconds - before.replicasSeconds,
    mergedSeconds: merged.replicasSeconds - before.replicasSeconds,
    postgresSeconds: pushed.postgresSeconds - before.postgresSeconds,
  }
}

/** Pushes as fast as the answers come. */
async function pushFast(server: Server, bodies: Records): Promise<void> {
  await pushAll(server, bodies, { connectionCount, headers: {} })
}

/**
 * Pushes at a rate. Replicas that share the cores of one machine would otherwise take longer for the same lines, and
 * commit more often, because commits are four a second.
 */
async function pushAtRate(server: Server, bodies: Records, bodyBytes: number): Promise<void> {
  const perSecond = (steadyMegabytes * 1e6) / bodyBytes
  const { left } = await pushSteadily(server, { bodies, from: 0, to: bodies.count, perSecond })
  if (left.length > 0) throw new Error(`${server.url} did not accept ${left.length} pushes`)
}

/** Every n-th body. */
function shareOf(bodies: Records, first: number, of: number): Records {
  return {
    count: Math.ceil((bodies.count - first) / of),
    read: index => bodies.read(first + index * of),
  }
}

async function untilMerged(servers: readonly Server[]): Promise<void> {
  const untilMs = performance.now() + mergedTimeoutMs
  for (;;) {
    // One of them has the work.
    for (const server of servers) await fetch(new URL('/flush', server.url), { method: 'POST' })
    const metrics = await (await fetch(new URL('/metrics', servers[0]!.url))).text()
    if (!/^skald_segments\{level="0"\} [1-9]/m.test(metrics)) return
    if (performance.now() > untilMs) throw new Error('level 0 is not merged after five minutes')
    await sleep(500)
  }
}

/** Searches for a text that is nowhere in what seems to be 100 GB, by a replica without anything on its disk. */
async function searchCold(cluster: Cluster, load: Load): Promise<ColdNeedle> {
  await cluster.replicas[0]!.process.end('SIGTERM')
  const times = Math.min(timesMax, Math.round((coldGigabytes * 1e9) / load.lineBytes))
  const { segmentCount: segments, storedBytes } = await multiplySegments(cluster, times)
  const replica = await cluster.startReplica('cold')
  const client = new HttpClient(replica.url, 1, {})
  const path = queryPath('query_range', {
    query: `{namespace=~".+"} |= "${absentText}"`,
    start: `${load.options.startMs}000000`,
    end: `${load.endMs}000000`,
    explain: 'true',
  })
  const { status, body } = await client.send(path)
  client.close()
  if (status !== 200) throw new Error(`the cold search was answered ${status}: ${body}`)
  const { warnings, data } = JSON.parse(body) as ExplainedAnswer
  if (warnings) throw new Error(`the cold search left something out: ${warnings.join('; ')}`)
  const { bucket, blocks } = data.stats.skald
  return {
    ...{ lineGigabytes: (load.lineBytes * times) / 1e9, segmentCount: segments, storedBytes },
    ...{ requests: bucket.requests, bytes: bucket.bytes },
    blocksScanned: blocks.scanned,
  }
}

interface ExplainedAnswer {
  readonly warnings?: readonly string[]
  readonly data: {
    readonly stats: {
      readonly skald: {
        readonly bucket: { readonly requests: number; readonly bytes: number }
        readonly blocks: { readonly scanned: number }
      }
    }
  }
}

async function measureSlow(dir: string, { load, options }: ScaledRun) {
  const random = new Random(options.seed)
  let way: SlowBucket | undefined
  const throughGate = async (url: string) => {
    way = await openSlowBucket(url, () => random.fraction())
    return way.url
  }
  try {
    return await withCluster(dir, { replicaCount: 1, throughGate }, async cluster => {
      const replica = cluster.replicas[0]!
      const { bodies } = load
      // Shares of the load, so that a small run has all parts: half of it at 20 MB/s.
      const third = Math.max(1, Math.floor(bodies.count * 0.3))
      const away = Math.min(bodies.count, third + Math.max(1, Math.floor(bodies.count * 0.15)))
      const slow = await pushSteadily(replica, { bodies, from: 0, to: third, perSecond: 5 })
      way!.isAway = true
      const back = sleep(awayMs).then(() => {
        way!.isAway = false
      })
      const outage = { bodies, from: third, to: away, perSecond: ((away - third) * 1000) / awayMs }
      const refused = await pushSteadily(replica, outage)
      await back
      for (const index of refused.left) await pushAgain(replica, bodies.read(index))
      const before = await readPuts(replica)
      const rest = { bodies, from: away, to: bodies.count, perSecond: 20 / megabytesPerPush }
      const fast = await pushSteadily(replica, rest)
      const puts = (await readPuts(replica)) - before
      for (const index of fast.left) await pushAgain(replica, bodies.read(index))
      const lostLines = load.lineCount - (await countEntries(replica, load, {}))
      const gigabytes = ((bodies.count - away) * (load.lineBytes / bodies.count)) / 1e9
      return { slow, away: refused, fast, lostLines, putsPerGigabyte: puts / gigabytes }
    })
  } finally {
    way?.close()
  }
}

/** Pushes as an agent does: until it is accepted. */
async function pushAgain(server: Server, body: Buffer): Promise<void> {
  await pushAll(server, { count: 1, read: () => body }, { connectionCount: 1, headers: {} })
}

async function readPuts({ url }: Server): Promise<number> {
  const text = await (await fetch(new URL('/metrics', url))).text()
  const counts = text.matchAll(/^skald_bucket_requests_total\{operation="put"[^}]*\} (\d+)/gm)
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0)
}

async function measureStarts(cluster: Cluster): Promise<ReplicaStarts> {
  const { postgres } = cluster
  // It creates the tables.
  const first = await cluster.startReplica('first')
  await first.process.end('SIGTERM')
  await enterSegments(cluster, { segmentCount, streamCount })
  const reader = await cluster.startReplica('reader')
  // It leaves a copy in the bucket.
  const untilMs = performance.now() + mergedTimeoutMs
  while (Number(await postgres.sql('SELECT copied FROM skald.head')) < segmentCount) {
    if (performance.now() > untilMs) throw new Error('no copy of the catalog after five minutes')
    await sleep(200)
  }
  await reader.process.end('SIGTERM')
  const again = await cluster.startReplica('reader')
  await again.process.end('SIGTERM')
  const fresh = await cluster.startReplica('fresh')
  await fresh.process.end('SIGTERM')
  return {
    ...{ streamCount, segmentCount },
    withOwnCopyMs: again.readyMs,
    fromBucketMs: fresh.readyMs,
  }
}
