// npm run bench: measures ingest and queries on a generated workload, next to limits measured in
// the same run on the same bytes. README.md in this folder explains each figure.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runAgentBench } from './agent.ts'
import { authRows, runAuthBench } from './auth.ts'
import { runCatalog } from './catalog.ts'
import { type ColdOutcome, measureCold } from './cold.ts'
import { runCompareBench } from './compare/bench.ts'
import { queryClients, runContention } from './contention.ts'
import type { WorkloadOptions } from './generator.ts'
import { growthRows, readRunCosts } from './growth.ts'
import { type IngestResult, pushAll, runIngest } from './ingest.ts'
import { KeptDataError, readPushed, refuseHalf, writePushed } from './kept.ts'
import { type IngestLimit, measureFullReadMs, measureIngestLimit } from './limits.ts'
import { closeLoad, createLoad, type Load, openLoad } from './load.ts'
import { openedBlocksRow } from './opened-blocks.ts'
import { type BenchOptions, parseBenchOptions, usage } from './options.ts'
import { pageIsMissing, pageRows, runPageBench } from './page.ts'
import {
  countEntries,
  countOpenedBlocks,
  needlePath,
  type QueryResult,
  runQueries,
} from './query.ts'
import {
  agentRows,
  catalogRows,
  coldRows,
  contentionRows,
  describeMachine,
  ingestRows,
  queryRows,
  type StartTimes,
  stageRows,
  startRows,
} from './report.ts'
import { measureIdle, rulesRows, runRules, writeRules } from './rules.ts'
import { runScaledBench, scaledIsMissing } from './scaled/bench.ts'
import { scaledRows } from './scaled/rows.ts'
import { type Server, type StoreServer, startStoreServer } from './server.ts'
import { runStages } from './stages.ts'
import { formatTable } from './table.ts'
import { runWaysIn, waysInRows } from './ways-in.ts'

const hourMs = 3_600_000
/** Below the size at which level 0 is compacted. */
const freshPushCount = 50
/** Most of each kind of line for measuring stages, which keeps all of it in memory. */
const stageMegabytes = 32

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
  } catch (error) {
    if (!(error instanceof KeptDataError)) throw error
    note(error.message)
    process.exitCode = 2
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
  if (options.command === 'catalog') return await measureCatalog(options, workDir)
  const load = prepareLoad(options, workDir)
  try {
    if (options.command === 'scaled') return await measureScaled(options, workDir, load)
    if (options.command === 'auth') {
      const auth = await runAuthBench({ ...options, ...load, workDir })
      print(formatTable(authRows(auth)))
      return { auth }
    }
    if (options.command === 'ways-in') {
      const waysIn = await runWaysIn(workDir, load.bodies, note)
      print(formatTable(waysInRows(waysIn)))
      return { waysIn }
    }
    if (options.command === 'compare')
      return await runCompareBench({ options, workDir, load, note, print })
    return options.url
      ? await measureOther(options, options.url, load)
      : await measureStore(options, workDir, load)
  } finally {
    closeLoad(load)
  }
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

async function measureCatalog(options: BenchOptions, workDir: string): Promise<Results> {
  const { streamCount, entryCount } = options
  note(`pushing ${entryCount} entries of ${streamCount} streams, then asking: some minutes`)
  const server = await startStoreServer(workDir, join(workDir, 'skald'))
  try {
    const catalog = await runCatalog(server, options)
    print(formatTable(catalogRows(catalog)))
    return { catalog }
  } finally {
    await stop(server)
  }
}

async function measureScaled(options: BenchOptions, workDir: string, load: Load): Promise<Results> {
  const missing = scaledIsMissing()
  if (missing !== undefined) {
    note(missing)
    process.exitCode = 2
    return {}
  }
  const scaled = await runScaledBench({ options, workDir, load, note })
  print(formatTable(scaledRows(scaled)))
  return { scaled }
}

/** How long the live tail of the page runs. */
const tailSeconds = 60

async function measurePage(server: Server, { repetitions }: BenchOptions): Promise<Results> {
  const missing = pageIsMissing()
  if (missing !== undefined) {
    note(missing)
    process.exitCode = 2
    return {}
  }
  note('opening, scrolling over 100,000 rows, a minute of live lines: three minutes')
  const page = await runPageBench(server, { repetitions, tailSeconds })
  print(formatTable(pageRows(page)))
  return { page }
}

type Results = Readonly<Record<string, unknown>>

/** Measures a store that this benchmark starts, kills and restarts. */
async function measureStore(options: BenchOptions, workDir: string, load: Load): Promise<Results> {
  const { keepDir } = options
  const dataDir = join(keepDir ?? workDir, 'skald')
  const kept = keepDir === undefined ? undefined : await readPushed(keepDir, 'skald')
  if (!kept) refuseHalf(dataDir)
  if (kept && options.command === 'ingest') {
    throw new KeptDataError(
      `${keepDir} has the lines of an earlier run; ingest needs another directory`,
    )
  }
  let server = await startStoreServer(workDir, dataDir)
  try {
    let ingest = kept
    let limit: IngestLimit | undefined
    if (!ingest) {
      limit = limitOf(load)
      ingest = await ingestAll(server, load, options, limit)
      if (keepDir !== undefined) await writePushed(keepDir, 'skald', ingest)
    }
    await checkCount(server, load, options)
    if (options.command === 'ingest') return { ingest, limit }
    if (options.command === 'contention') return await contend(server, load, options)
    if (options.command === 'rules') {
      const idleShare = await measureIdle(server)
      await stop(server)
      const directory = join(workDir, 'rules')
      writeRules(directory, load)
      const config = `ruler: {storage: {type: local, local: {directory: ${JSON.stringify(directory)}}}}\n`
      server = await startStoreServer(workDir, dataDir, config)
      note('evaluating 2,000 rules: two minutes')
      const rules = await runRules(server, idleShare)
      print(formatTable(rulesRows(rules)))
      return { ingest, limit, rules }
    }
    if (options.command === 'page') return await measurePage(server, options)
    const queries = await queryAll(server, load, options)
    const opened = await countOpenedBlocks(server, load)
    const starts: StartTimes = {}
    const restart = async (name: string, signal: 'SIGKILL' | 'SIGTERM') => {
      await server.process.end(signal)
      server = await startStoreServer(workDir, dataDir)
      starts[name] = { readyMs: server.readyMs, readyCpuMs: server.readyCpuMs }
    }
    await restart('ready after kill -9', 'SIGKILL')
    await restart('ready after a clean stop', 'SIGTERM')
    const cold = await measureCold({
      stop: () => server.process.end('SIGTERM'),
      start: async () => {
        server = await startStoreServer(workDir, dataDir)
        return server
      },
      ...{ dataDir, path: needlePath(load) },
    })
    noteCold(cold)
    // Pushes lines again that are already stored. They are in level 0 when the kill comes, and
    // count once.
    const freshCount = Math.min(freshPushCount, load.bodies.count)
    const fresh = { count: freshCount, read: (index: number) => load.bodies.read(index) }
    await pushAll(server, fresh, options)
    await restart(`ready after kill -9 with ${freshCount} MB at level 0`, 'SIGKILL')
    await checkCount(server, load, options)
    const rows = [...startRows(starts), ...coldRows('needle, cold cache', cold)]
    print(formatTable([openedBlocksRow(opened, options.megabytes), ...rows]))
    return { ingest, limit, ...queries, opened, starts, cold }
  } finally {
    await stop(server)
  }
}

/** Measures a server that someone else started. */
async function measureOther(options: BenchOptions, url: string, load: Load): Promise<Results> {
  const server: Server = { url, pid: options.pid, dataDir: options.dataDir }
  const limit = limitOf(load)
  const ingest = await ingestAll(server, load, options, limit)
  await checkCount(server, load, options)
  if (options.command === 'ingest') return { ingest, limit }
  if (options.command === 'contention') return await contend(server, load, options)
  const queries = await queryAll(server, load, options)
  return { ingest, limit, ...queries }
}

function newWorkload({ seed, megabytes }: BenchOptions): WorkloadOptions {
  // The last full hour: servers reject entries that are too old, and a UTC hour stays within one
  // day.
  return { seed, megabytes, startMs: (Math.floor(Date.now() / hourMs) - 1) * hourMs }
}

/** Opens the kept load, or generates a new one. */
function prepareLoad(options: BenchOptions, workDir: string): Load {
  const dir = join(options.keepDir ?? workDir, 'load')
  const kept = options.keepDir === undefined ? undefined : openLoad(dir)
  const startMs = performance.now()
  const load = kept ?? createLoad(dir, newWorkload(options))
  const { seed, megabytes } = load.options
  if (seed !== options.seed || megabytes !== options.megabytes) {
    closeLoad(load)
    throw new KeptDataError(
      `${options.keepDir} has ${megabytes} MB of seed ${seed}; use --mb ${megabytes} --seed ${seed}, or another directory`,
    )
  }
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1)
  note(
    `${(load.lineBytes / 1e6).toFixed(0)} MB in ${load.lineCount} lines of ${load.streams.length} ` +
      `streams, ${kept ? 'kept from an earlier run' : `made in ${seconds} s from seed ${seed}`}`,
  )
  return load
}

function noteCold(cold: ColdOutcome): void {
  if ('leftOut' in cold) note(`The cold cache is left out: ${cold.leftOut}`)
}

function limitOf(load: Load): IngestLimit {
  const limit = measureIngestLimit(load)
  note(
    `limits of ingest measured; zstd alone compresses it to ${(limit.zstdBytes / 1e6).toFixed(1)} MB`,
  )
  return limit
}

async function ingestAll(
  server: Server,
  load: Load,
  options: BenchOptions,
  limit: IngestLimit,
): Promise<IngestResult> {
  note(`pushing to ${server.url}, then waiting until compaction has finished (a minute or two)`)
  const ingest = await runIngest(server, load, options)
  print(formatTable(ingestRows(ingest, limit)))
  return ingest
}

async function queryAll(server: Server, load: Load, options: BenchOptions): Promise<Results> {
  const fullReadMs = measureFullReadMs(load, options.repetitions)
  const queries = await runQueries(server, load, options)
  print(formatTable(queryRows(queries, fullReadMs, options.megabytes)))
  if (options.against !== undefined) await printGrowth(options, queries)
  return { queries, fullReadMs }
}

async function printGrowth(
  { against, megabytes }: BenchOptions,
  queries: readonly QueryResult[],
): Promise<void> {
  const earlier = readRunCosts(await readFile(against!, 'utf8'))
  const known = queries.flatMap(({ name, cpuMs }) => (cpuMs ? [[name, cpuMs.median] as const] : []))
  print(formatTable(growthRows(earlier, { megabytes, cpuMs: new Map(known) })))
}

async function contend(server: Server, load: Load, { headers }: BenchOptions): Promise<Results> {
  note(`pushing without queries, then with ${queryClients} clients that run queries`)
  const contention = await runContention(server, load, headers)
  print(formatTable(contentionRows(contention)))
  return { contention }
}

async function checkCount(server: Server, load: Load, { headers }: BenchOptions): Promise<void> {
  const count = await countEntries(server, load, headers)
  if (count === load.lineCount) return
  throw new Error(`The server has ${count} entries, ${load.lineCount} were acknowledged`)
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

// A stopped run takes its servers with it: they end when this process exits.
process.once('SIGINT', () => process.exit(130))
process.once('SIGTERM', () => process.exit(143))
await main()
