// Containers write numbered lines in bursts while their files are rotated, truncated, restarted and deleted,
// and while agent and store are killed at random moments. In the end the store has every line exactly once.
//
// To be fair, the test does nothing that would hide lines from every possible reader:
// - The first line is written after the agent has found the first files. (Files rotated before the agent's
//   first start are another matter.)
// - Renames (and gzip of older files) happen at any moment, but no rotated file is removed.
// - copytruncate destroys unread lines, so its writer pauses, and the file is truncated only when its last
//   line is in the store.
// - A pod is deleted a few seconds after its last line, while the agent is running. Agent and store are not
//   killed again until that line is in the store, because the files are gone by then.

import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { gapLinePrefix } from '@skald/wire'
import { t as root, type Test, test } from 'tap'
import { Random } from '../bench/random.ts'
import { createAgent, openLimits, type Service, startStore, type TestStore } from './harness.ts'
import { LineLedger } from './line-ledger.ts'
import type { ContainerCommand, WriterCommand, WriterEvent, WriterOptions } from './log-writer.ts'
import { cleanEnv } from './skald-process.ts'

const megabytes = Number(process.env.SKALD_TORTURE_MB ?? 40)
const seed = Number(process.env.SKALD_TORTURE_SEED ?? Date.now() % 1_000_000)
const killCount = 5
const selector = '{job=~"containerd|docker"}'

// For the whole file, because a single test cannot outlive it.
const timeoutMs = (120 + megabytes * 2) * 1000
root.setTimeout(timeoutMs)

test('Agent and store keep every line exactly once over rotations, deletions and kills', async t => {
  t.setTimeout(timeoutMs)
  t.comment(`seed ${seed}, ${megabytes} MB`)
  const dir = t.testdir()
  const logsDir = join(dir, 'logs')
  const startNs = BigInt(Date.now()) * 1_000_000n
  const store = await startStore(t, { dir: join(dir, 'store'), config: openLimits })
  const agent = await createAgent(t, {
    dir: join(dir, 'agent'),
    storeUrl: store.url,
    config: agentConfig(logsDir),
  })
  const writer = new WriterHandle({ rootDir: logsDir, seed, megabytes })
  t.teardown(() => writer.kill())
  await agent.start()
  writer.begin()

  const gate = new Gate()
  const stage = { store, agent, writer, gate, startNs }
  const kills = [
    killRepeatedly(store, gate, new Random(seed + 1)),
    killRepeatedly(agent, gate, new Random(seed + 2)),
  ]
  const scenes = [
    truncateRepeatedly('critruncate', stage),
    truncateRepeatedly('docktruncate', stage),
    restartRepeatedly('crirestart', stage),
    restartRepeatedly('dockrestart', stage),
    replaceRepeatedly('crireplace', stage),
    replaceRepeatedly('dockreplace', stage),
  ]
  t.comment(`${((await writer.written) / 1e6).toFixed(0)} MB written`)
  await Promise.all([...kills, ...scenes])
  const lastNumbers = await writer.end()
  t.comment(`${Object.keys(lastNumbers).length} files`)

  const waitStartMs = performance.now()
  const written = Object.values(lastNumbers).reduce((sum, number) => sum + number, 0)
  await waitUntilSteady(stage, written)
  t.comment(`caught up after ${((performance.now() - waitStartMs) / 1000).toFixed(1)} s`)
  await agent.stop()

  const ledger = new LineLedger()
  const endNs = BigInt(Date.now() + 60_000) * 1_000_000n
  let markers = 0
  for await (const entry of store.entries(selector, startNs, endNs)) {
    // An agent that was killed knows only the positions of its last save. It cannot tell that lines which
    // vanished since then were sent.
    if (entry.line.startsWith(gapLinePrefix)) markers++
    else ledger.add(entry)
  }
  t.comment(`${ledger.lineCount} lines in the store, ${markers} markers of gaps`)
  const { missing, doubled, damaged } = ledger.check(lastNumbers)
  if (missing.length > 0) for (const service of [agent, store]) commentWarnings(t, service)
  t.strictSame(missing, [], 'no line is missing')
  t.strictSame(doubled, [], 'no line is there twice')
  t.strictSame(damaged, [], 'every line is whole')
})

function agentConfig(logsDir: string): string {
  return `target_config:
  sync_period: 1s
scrape_configs:
  - job_name: containerd
    pipeline_stages:
      - cri: {}
    static_configs:
      - targets: [localhost]
        labels:
          job: containerd
          __path__: ${logsDir}/containerd/pods/*/*/*.log
  - job_name: docker
    pipeline_stages:
      - docker: {}
    static_configs:
      - targets: [localhost]
        labels:
          job: docker
          __path__: ${logsDir}/docker/containers/*.log
`
}

/** Prints a service's warnings, to help find out why lines are missing. */
function commentWarnings(t: Test, service: Service): void {
  const isWarning = /^level=(warn|error)/
  for (const line of service.output().split('\n')) if (isWarning.test(line)) t.comment(line)
}

interface Stage {
  readonly store: TestStore
  readonly agent: Service
  readonly writer: WriterHandle
  readonly gate: Gate
  readonly startNs: bigint
}

type Did = Extract<WriterEvent, { kind: 'did' }>
type Ended = Extract<WriterEvent, { kind: 'ended' }>

/** The writer's process and its events. */
class WriterHandle {
  readonly #child: ChildProcess
  readonly #waiting: ((event: Did | Ended) => void)[] = []
  /** Resolves with the number of bytes when the last burst is over. */
  readonly written: Promise<number>
  isWritten = false

  constructor(options: WriterOptions) {
    const script = fileURLToPath(new URL('log-writer-main.ts', import.meta.url))
    this.#child = fork(script, [JSON.stringify(options)], { env: cleanEnv(), execArgv: [] })
    this.written = new Promise((resolve, reject) => {
      this.#child.on('message', (event: WriterEvent) => {
        if (event.kind !== 'written') {
          this.#waiting.shift()?.(event)
          return
        }
        this.isWritten = true
        resolve(event.bytes)
      })
      this.#child.on('exit', code => {
        if (code !== 0) reject(new Error(`The writer ended with ${code}`))
      })
    })
  }

  begin(): void {
    this.#child.send({ kind: 'begin' } satisfies WriterCommand)
  }

  /** Sends a command. The writer answers in the order of the commands. */
  command(command: ContainerCommand): Promise<Did> {
    return this.#send(command) as Promise<Did>
  }

  /** Ends the writer. Returns the last number of each file. */
  async end(): Promise<Ended['lastNumbers']> {
    return ((await this.#send({ kind: 'end' })) as Ended).lastNumbers
  }

  #send(command: WriterCommand): Promise<Did | Ended> {
    return new Promise(resolve => {
      this.#waiting.push(resolve)
      this.#child.send(command)
    })
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }
}

/** Delays kills while a task needs the processes alive. */
class Gate {
  #holders = 0
  readonly #waiting: (() => void)[] = []

  /** Runs `work` without a kill. */
  async hold<T>(work: () => Promise<T>): Promise<T> {
    this.#holders++
    try {
      return await work()
    } finally {
      this.#holders--
      if (this.#holders === 0) for (const resolve of this.#waiting.splice(0)) resolve()
    }
  }

  async passed(): Promise<void> {
    while (this.#holders > 0) await new Promise<void>(resolve => this.#waiting.push(resolve))
  }
}

async function killRepeatedly(service: Service, gate: Gate, random: Random): Promise<void> {
  for (let i = 0; i < killCount; i++) {
    await sleep(random.between(300, 4_000))
    await gate.passed()
    await service.kill()
    await sleep(random.between(50, 1_500))
    service.spawn()
  }
}

/** Pauses between two scenes. Returns false when the writer has written everything. */
async function nextScene({ writer }: Stage, pauseMs: number): Promise<boolean> {
  if (!writer.isWritten) await Promise.race([sleep(pauseMs), writer.written])
  return !writer.isWritten
}

async function truncateRepeatedly(container: string, stage: Stage): Promise<void> {
  while (await nextScene(stage, 2_000)) {
    const { file, lastNumber } = await stage.writer.command({ kind: 'pause', container })
    const isStored = await waitUntilStored(stage, file, lastNumber)
    await stage.writer.command({ kind: isStored ? 'truncate' : 'resume', container })
  }
}

async function restartRepeatedly(container: string, stage: Stage): Promise<void> {
  while (await nextScene(stage, 3_500)) await stage.writer.command({ kind: 'restart', container })
}

/** Time between a pod's last line and the removal of its files. */
const deletionGraceMs = 3_000

async function replaceRepeatedly(container: string, stage: Stage): Promise<void> {
  const { writer, gate, store, agent } = stage
  let name = container
  while (await nextScene(stage, 4_000)) {
    await gate.hold(async () => {
      // Both are running or about to: a kill in progress is followed by a start.
      await store.waitUntilReady()
      await agent.waitUntilReady()
      const { file, lastNumber, successor } = await writer.command({
        kind: 'replace',
        container: name,
      })
      await sleep(deletionGraceMs)
      await writer.command({ kind: 'remove', container: name })
      await waitUntilStored(stage, file, lastNumber)
      name = successor ?? name
    })
  }
}

const storedTimeoutMs = 20_000

/** Waits until the store has all lines of a file. Returns false on timeout. */
async function waitUntilStored(stage: Stage, file: string, lastNumber: number): Promise<boolean> {
  const endMs = performance.now() + storedTimeoutMs
  while (performance.now() < endMs) {
    if ((await countStored(stage, `${selector} |= "file=${file} n="`)) >= lastNumber) return true
    await sleep(500)
  }
  return false
}

/** If no new line arrives for this long, no more will come. */
const steadyMs = 20_000

/** Waits until the store has this many lines, or no more arrive. */
async function waitUntilSteady(stage: Stage, lineCount: number): Promise<void> {
  let count = 0
  let changedMs = performance.now()
  while (count < lineCount && performance.now() - changedMs < steadyMs) {
    const found = await countStored(stage, selector)
    if (found !== count) changedMs = performance.now()
    count = found
    await sleep(500)
  }
}

async function countStored({ store, startNs }: Stage, logql: string): Promise<number> {
  const seconds = Math.ceil((Date.now() * 1e6 - Number(startNs)) / 1e9) + 60
  try {
    const { result } = await store.query('query', {
      query: `sum(count_over_time(${logql} [${seconds}s]))`,
      time: String(Math.ceil(Date.now() / 1000) + 30),
    })
    return Number(result[0]?.value?.[1] ?? 0)
  } catch {
    // The store may have just been killed; the caller retries.
    return 0
  }
}
