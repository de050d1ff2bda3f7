// npm run bench: measures ingest and queries on a generated workload, next to limits measured in
// the same run on the same bytes. README.md in this folder explains each figure.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runAgentBench } from './agent.ts'
import { queryClients, runContention } from './contention.ts'
import { createWorkload, type Workload, type WorkloadOptions } from './generator.ts'
import { type IngestResult, pushAll, runIngest } from './ingest.ts'
import { type IngestLimit, measureFullReadMs, measureIngestLimit } from './limits.ts'
import { type BenchOptions, parseBenchOptions, usage } from './options.ts'
import { countEntries, runQueries } from './query.ts'
import {
  agentRows,
  contentionRows,
  describeMachine,
  formatTable,
  ingestRows,
  queryRows,
  type StartTimes,
  stageRows,
  startRows,
} from './report.ts'
import { type Server, type StoreServer, startStoreServer } from './server.ts'
import { runStages } from './stages.ts'

const hourMs = 3_600_000
/** Below the size at which level 0 is compacted. */
const freshPushCount = 50
/** Most of each kind of line for measuring stages, which keeps all of it in memory. */
const stageMegabytes = 32
const workloadFile = 'bench-workload.json'

async function main(): Promise<void> {
  const options = readOptions()
  if (!options) return
  const machine = describeMachine()
  note(`${machine.cpu}, ${machine.coreCount} cores, Node ${machine.node}, commit ${machine.commit}`)
  const workDir = await mkdtemp(join(tmpdir(), 'skald-bench-'))
  try {
    const results = await measure(options, workDir)
    if (options.json) {
      await writeFile(
        options.json,
        `${JSON.stringify({ machine, options, ...results }, null, 2)}\n`,
      )
    }
  } finally {
    await rm(workDir, { recursive: true, force: true })
  }
}

async function measure(options: BenchOptions, workDir: string): Promise<Results> {
  if (options.command === 'agent') {
    note('reading one large file, following 100 that rotate, watching 1,000 idle ones: two minutes')
    const agent = await runAgentBench(workDir, options)
    print(formatTable(agentRows(agent)))
    return { agent }
  }
  if (options.command === 'stages') {
    const stages = await runStages({
      ...options,
      megabytes: Math.min(options.megabytes, stageMegabytes),
    })
    print(formatTable(stageRows(stages)))
    return { stages }
  }
  return options.url ? measureOther(options, options.url) : measureStore(options, workDir)
}

function readOptions(): BenchOptions | undefined {
  try {
    return parseBenchOptions(process.argv.slice(2))
  } catch (error) {
    note(`${(error as Error).message}\n\n${usage}`)
    process.exitCode = 2
    return undefined
  }
}

type Results = Readonly<Record<string, unknown>>

/** Measures a store that this benchmark starts, kills and restarts. */
async function measureStore(options: BenchOptions, workDir: string): Promise<Results> {
  const dataDir = options.dataDir ?? join(workDir, 'data')
  const kept = options.command === 'ingest' ? undefined : await loadKept(dataDir)
  const workload = generate(kept ?? newWorkload(options))
  const limit = limitOf(workload)
  let server = await startStoreServer(workDir, dataDir)
  try {
    let ingest: IngestResult | undefined
    if (!kept) {
      ingest = await ingestAll(server, workload, options, limit)
      await writeFile(join(dataDir, workloadFile), JSON.stringify(workload.options))
    }
    await checkCount(server, workload, options)
    if (options.command === 'ingest') return { ingest, limit: withoutPieces(limit) }
    if (options.command === 'contention') return await contend(server, workload, options)
    const queries = await queryAll(server, workload, options, limit)
    const starts: StartTimes = {}
    const restart = async (name: string, signal: 'SIGKILL' | 'SIGTERM') => {
      await server.process.end(signal)
      server = await startStoreServer(workDir, dataDir)
      starts[name] = { readyMs: server.readyMs, readyCpuMs: server.readyCpuMs }
    }
    await restart('ready after kill -9', 'SIGKILL')
    await restart('ready after a clean stop', 'SIGTERM')
    // Pushes lines again that are already stored. They are in level 0 when the kill comes, and
    // count once.
    const fresh = workload.bodies.slice(0, freshPushCount)
    await pushAll(server, fresh, options)
    await restart(`ready after kill -9 with ${fresh.length} MB at level 0`, 'SIGKILL')
    await checkCount(server, workload, options)
    print(formatTable(startRows(starts)))
    return { ingest, limit: withoutPieces(limit), ...queries, starts }
  } finally {
    await stop(server)
  }
}

/** Measures a server that someone else started. */
async function measureOther(options: BenchOptions, url: string): Promise<Results> {
  const server: Server = { url, pid: options.pid, dataDir: options.dataDir }
  const workload = generate(newWorkload(options))
  const limit = limitOf(workload)
  const ingest = await ingestAll(server, workload, options, limit)
  await checkCount(server, workload, options)
  if (options.command === 'ingest') return { ingest, limit: withoutPieces(limit) }
  if (options.command === 'contention') return await contend(server, workload, options)
  const queries = await queryAll(server, workload, options, limit)
  return { ingest, limit: withoutPieces(limit), ...queries }
}

function newWorkload({ seed, megabytes }: BenchOptions): WorkloadOptions {
  // The last full hour: servers reject entries that are too old, and a UTC hour stays within one
  // day.
  return { seed, megabytes, startMs: (Math.floor(Date.now() / hourMs) - 1) * hourMs }
}

async function loadKept(dataDir: string): Promise<WorkloadOptions | undefined> {
  try {
    return JSON.parse(await readFile(join(dataDir, workloadFile), 'utf8')) as WorkloadOptions
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function generate(workloadOptions: WorkloadOptions): Workload {
  const startMs = performance.now()
  const workload = createWorkload(workloadOptions)
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1)
  note(
    `${(workload.lineBytes / 1e6).toFixed(0)} MB in ${workload.lineCount} lines of ` +
      `${workload.streams.length} streams, made in ${seconds} s from seed ${workloadOptions.seed}`,
  )
  return workload
}

function limitOf(workload: Workload): IngestLimit {
  const limit = measureIngestLimit(workload)
  note(
    `limits of ingest measured; zstd alone compresses it to ${(limit.zstdBytes / 1e6).toFixed(1)} MB`,
  )
  return limit
}

async function ingestAll(
  server: Server,
  workload: Workload,
  options: BenchOptions,
  limit: IngestLimit,
): Promise<IngestResult> {
  note(`pushing to ${server.url}, then waiting until compaction has finished (a minute or two)`)
  const ingest = await runIngest(server, workload, options)
  print(formatTable(ingestRows(ingest, limit)))
  return ingest
}

async function queryAll(
  server: Server,
  workload: Workload,
  options: BenchOptions,
  limit: IngestLimit,
): Promise<Results> {
  const fullReadMs = measureFullReadMs(limit.compressed, workload.needle, options.repetitions)
  const queries = await runQueries(server, workload, options)
  print(formatTable(queryRows(queries, fullReadMs, options.megabytes)))
  return { queries, fullReadMs }
}

async function contend(
  server: Server,
  workload: Workload,
  { headers }: BenchOptions,
): Promise<Results> {
  note(`pushing without queries, then with ${queryClients} clients that run queries`)
  const contention = await runContention(server, workload, headers)
  print(formatTable(contentionRows(contention)))
  return { contention }
}

async function checkCount(
  server: Server,
  workload: Workload,
  { headers }: BenchOptions,
): Promise<void> {
  const count = await countEntries(server, workload, headers)
  if (count === workload.lineCount) return
  throw new Error(`The server has ${count} entries, ${workload.lineCount} were acknowledged`)
}

function withoutPieces({ snappySeconds, zstdSeconds, zstdBytes }: IngestLimit): Results {
  return { snappySeconds, zstdSeconds, zstdBytes }
}

async function stop(server: StoreServer): Promise<void> {
  await server.process.end('SIGTERM')
}

function note(text: string): void {
  process.stderr.write(`${text}\n`)
}

function print(text: string): void {
  process.stdout.write(`\n${text}\n`)
}

await main()
