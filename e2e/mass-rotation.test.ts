// Many files rotate twice a second, while agent and store are killed at random and the store is
// down for a long time once. In the end the store has every line exactly once. SKALD_MASS=full is
// the size that the agent must handle (100 files, 20 MB/s, the store down for 2 minutes);
// SKALD_MASS_SEED repeats a run.

import { type ChildProcess, fork } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { t as root, test } from 'tap'
import { Random } from '../bench/random.ts'
import { createAgent, openLimits, type Service, startStore, type TestStore } from './harness.ts'
import type { MassWriterOptions, WrittenFile } from './mass-writer-main.ts'
import { cleanEnv } from './skald-process.ts'

const sizes = {
  small: { fileCount: 20, bytesPerSecond: 4e6, seconds: 15, awaySeconds: 6 },
  full: { fileCount: 100, bytesPerSecond: 20e6, seconds: 160, awaySeconds: 120 },
} as const
const size = sizes[process.env.SKALD_MASS === 'full' ? 'full' : 'small']
const seed = Number(process.env.SKALD_MASS_SEED ?? Date.now() % 1_000_000)
const timeoutMs = (120 + size.seconds * 6) * 1000
root.setTimeout(timeoutMs)

test('every line of rapidly rotating files arrives exactly once', async t => {
  t.setTimeout(timeoutMs)
  t.comment(`seed ${seed}, ${size.fileCount} files, ${size.bytesPerSecond / 1e6} MB/s`)
  const random = new Random(seed)
  const dir = t.testdir()
  const logsDir = join(dir, 'logs')
  mkdirSync(logsDir)
  const store = await startStore(t, { dir: join(dir, 'store'), config: openLimits })
  const agent = await createAgent(t, {
    dir: join(dir, 'agent'),
    storeUrl: store.url,
    config: `target_config: {sync_period: 1s}
scrape_configs:
  - job_name: mass
    pipeline_stages: [{cri: {}}]
    static_configs:
      - targets: [localhost]
        labels: {job: mass, __path__: ${logsDir}/*.log}
`,
  })
  const writer = await startWriter({ dir: logsDir, ...size })
  t.teardown(() => writer.child.kill('SIGKILL'))
  await agent.start()
  const startMs = Date.now()
  writer.child.send('begin')

  const stop = new AbortController()
  const agentKills = killUntil(agent, random, stop.signal)
  const storeKills = killStore(store, random, stop.signal)
  const written = await writer.written
  stop.abort()
  const killCount = (await agentKills) + (await storeKills)
  await store.waitUntilReady()
  const lineCount = written.reduce((sum, { count }) => sum + count, 0)
  t.comment(`${lineCount} lines written, ${killCount} kills`)

  const caughtUpMs = performance.now()
  const ask = (logql: string, label = 'f') => sumBy(label, logql, { store, startMs })
  // Counts without parsing lines, because the store has enough to do.
  const countAll = () => ask('count_over_time({job="mass"}[RANGE])', 'job')
  await waitUntilSteady(async () => (await countAll()).get('mass') ?? 0, lineCount)
  t.comment(`caught up after ${((performance.now() - caughtUpMs) / 1000).toFixed(0)} s`)
  await agent.stop()
  const counts = await ask('count_over_time({job="mass"} | logfmt [RANGE])')
  const numbers = await ask('sum_over_time({job="mass"} | logfmt | unwrap n [RANGE])')
  const keys = await ask('sum_over_time({job="mass"} | logfmt | unwrap k [RANGE])')
  for (const [file, { count, keySum }] of written.entries()) {
    const name = String(file)
    const found = { count: counts.get(name), n: numbers.get(name), k: keys.get(name) }
    t.strictSame(found, { count, n: (count * (count + 1)) / 2, k: keySum }, `file ${file}`)
  }
  t.equal(counts.size, written.length, 'no line of any other file')
})

/** Forks the writer. Resolves when its files exist. */
async function startWriter(
  options: MassWriterOptions,
): Promise<{ readonly child: ChildProcess; readonly written: Promise<readonly WrittenFile[]> }> {
  const script = fileURLToPath(new URL('mass-writer-main.ts', import.meta.url))
  const child = fork(script, [JSON.stringify(options)], { env: cleanEnv(), execArgv: [] })
  await new Promise(resolve => child.once('message', resolve))
  const written = new Promise<readonly WrittenFile[]>((resolve, reject) => {
    child.once('message', message => resolve(message as WrittenFile[]))
    child.once('exit', code => {
      if (code !== 0) reject(new Error(`The writer ended with ${code}`))
    })
  })
  return { child, written }
}

/**
 * Kills a service repeatedly, and leaves it running at the end. Returns how often it was killed.
 */
async function killUntil(service: Service, random: Random, signal: AbortSignal): Promise<number> {
  let count = 0
  while (!signal.aborted) {
    await pause(random.between(1_500, 6_000), signal)
    if (signal.aborted) break
    await killFor(service, random.between(50, 1_000))
    count++
  }
  return count
}

/** Does the same for the store, with one long downtime. */
async function killStore(store: TestStore, random: Random, signal: AbortSignal): Promise<number> {
  await pause(random.between(1_500, 4_000), signal)
  await killFor(store, size.awaySeconds * 1000)
  return 1 + (await killUntil(store, random, signal))
}

async function killFor(service: Service, awayMs: number): Promise<void> {
  await service.kill()
  await sleep(awayMs)
  service.spawn()
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined)
}

/** Queries a number grouped by a label, over everything that was written. */
async function sumBy(
  label: string,
  logql: string,
  { store, startMs }: { readonly store: TestStore; readonly startMs: number },
): Promise<Map<string, number>> {
  const seconds = Math.ceil((Date.now() - startMs) / 1000) + 120
  const { result } = await store.query('query', {
    query: `sum by (${label}) (${logql.replace('RANGE', `${seconds}s`)})`,
    time: String(Math.ceil(Date.now() / 1000) + 60),
  })
  return new Map(result.map(({ metric, value }) => [metric?.[label] ?? '', Number(value?.[1])]))
}

/** If no new line arrives for this long, no more will come. */
const steadyMs = 30_000

async function waitUntilSteady(count: () => Promise<number>, lineCount: number): Promise<void> {
  let found = 0
  let changedMs = performance.now()
  while (found < lineCount && performance.now() - changedMs < steadyMs) {
    const now = await count().catch(() => 0)
    if (now !== found) changedMs = performance.now()
    found = now
    await sleep(1_000)
  }
}
