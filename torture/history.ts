// A history over real processes, in the manner of Jepsen: clients push and an agent reads files that
// grow, while store and agent are killed, their clock jumps and the disk fills. At the end a ledger of all lines says
// what is lost and what is there twice.

import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createLabelSet } from '@skald/wire'
import { Random } from '../bench/random.ts'
import {
  createAgent,
  openLimits,
  type Service,
  startStore,
  type TestStore,
} from '../e2e/harness.ts'
import { LineLedger } from '../e2e/line-ledger.ts'
import { makeLine } from '../e2e/log-lines.ts'
import { JumpingClock } from './jumping-clock.ts'
import type { PartOptions, PartReport } from './part.ts'

const clientCount = 3
const fileCount = 3
const linesPerPush = 40
const diskMib = 96
/** What may happen. */
const disturbances = [
  'store killed',
  'agent killed',
  'both killed',
  'clock jumped',
  'disk full',
] as const
type Disturbance = (typeof disturbances)[number]
/** How far the clock jumps, at most. */
const jumpSecondsMax = 2 * 3600
/** How long the last lines may take to arrive after everything works again. */
const settleMsMax = 120_000

/** Rounds are disturbances, each followed by a while of peace. */
export async function runHistory({ seed, rounds = 60, dir }: PartOptions): Promise<PartReport> {
  const closing: (() => unknown)[] = []
  const scope = { teardown: (close: () => unknown) => void closing.push(close) }
  try {
    return await new History({ seed, rounds, dir }, scope).run()
  } finally {
    for (const close of closing.toReversed()) await close()
  }
}

interface HistoryOptions {
  readonly seed: number
  readonly rounds: number
  readonly dir: string
}

class History {
  readonly #options: HistoryOptions
  readonly #random: Random
  readonly #scope: { teardown(close: () => unknown): void }
  /** File → number of the last line that was written, or that was acknowledged. */
  readonly #last: Record<string, number> = {}
  readonly #counts: Record<Disturbance, number> = {
    'store killed': 0,
    'agent killed': 0,
    'both killed': 0,
    'clock jumped': 0,
    'disk full': 0,
  }
  readonly #clock: JumpingClock | undefined
  #isStopping = false
  #refused = 0

  constructor(options: HistoryOptions, scope: { teardown(close: () => unknown): void }) {
    this.#options = options
    this.#random = new Random(options.seed)
    this.#scope = scope
    mkdirSync(join(options.dir, 'logs'), { recursive: true })
    this.#clock = JumpingClock.open(options.dir)
  }

  async run(): Promise<PartReport> {
    const { dir, rounds } = this.#options
    const disk = join(dir, 'store-data')
    mkdirSync(disk)
    const isSmall = this.#mount(disk)
    const env = this.#clock?.env ?? {}
    // A clock that is behind makes all entries lie in the future.
    const config = `${openLimits}  creation_grace_period: ${2 * jumpSecondsMax}s\n`
    const store = await startStore(this.#scope, { dir, config, env })
    const agent = await createAgent(this.#scope, {
      ...{ dir, env, storeUrl: store.url },
      config: `scrape_configs:
  - job_name: files
    static_configs:
      - targets: [localhost]
        labels: {job: history, __path__: ${JSON.stringify(join(dir, 'logs', '*.log'))}}
`,
    })
    // First of all, because an agent without any file is not ready.
    const writers = Array.from({ length: fileCount }, (_, i) => this.#write(`file${i}r0`))
    await agent.start()
    const clients = Array.from({ length: clientCount }, (_, i) => this.#push(store, `client${i}r0`))
    for (let round = 0; round < rounds; round++) {
      await sleep(this.#random.between(50, 900))
      await this.#disturb(store, agent, isSmall && disk)
    }
    this.#isStopping = true
    await Promise.all([...clients, ...writers])
    const found = await this.#settle(store)
    const { missing, doubled, damaged } = found
    const problems = [
      ...missing.map(text => `lost: ${text}`),
      ...doubled.map(text => `doubled: ${text}`),
      ...damaged.map(text => `damaged: ${text}`),
    ]
    const lines = Object.values(this.#last).reduce((sum, count) => sum + count, 0)
    const kinds = Object.entries(this.#counts).map(([kind, count]) => `${count} times ${kind}`)
    const disks = isSmall ? '' : ' (no full disks: only root may mount one)'
    const clocks = this.#clock ? '' : ' (no clock: libfaketime is not installed)'
    return {
      counts:
        `${lines} lines, ${kinds.join(', ')}${disks}${clocks}, ${this.#refused} pushes refused or cut: ` +
        `lost ${missing.length}, doubled ${doubled.length}`,
      problems,
    }
  }

  /** Mounts a small disk, if that is allowed. */
  #mount(path: string): boolean {
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${diskMib}m`, 'tmpfs', path], {
        stdio: 'ignore',
      })
    } catch {
      return false
    }
    this.#scope.teardown(() => execFileSync('umount', ['-l', path]))
    return true
  }

  async #disturb(store: TestStore, agent: Service, disk: string | false): Promise<void> {
    const possible: Readonly<Partial<Record<Disturbance, boolean>>> = {
      'clock jumped': this.#clock !== undefined,
      'disk full': disk !== false,
    }
    const kind = this.#random.pick(disturbances.filter(one => possible[one] ?? true))
    this.#counts[kind]++
    if (kind === 'clock jumped') {
      this.#clock!.set(this.#random.between(-jumpSecondsMax, jumpSecondsMax))
      return
    }
    if (kind === 'disk full') {
      const other = join(disk as string, 'other')
      const { bavail, bsize } = statfsSync(disk as string)
      try {
        writeFileSync(
          other,
          Buffer.alloc(Math.max(0, bavail * bsize - this.#random.below(1 << 16))),
        )
        await sleep(this.#random.between(100, 1500))
      } catch {
        // The disk is full already.
      }
      rmSync(other, { force: true })
      return
    }
    const ended = [kind !== 'agent killed' && store, kind !== 'store killed' && agent]
    const killed = ended.filter(one => one !== false)
    await Promise.all(killed.map(one => one.kill()))
    await sleep(this.#random.between(0, 300))
    for (const one of killed) await one.start()
  }

  /** Pushes numbered lines, each push again until it is acknowledged. */
  async #push(store: TestStore, file: string): Promise<void> {
    const labels = createLabelSet({ job: 'history', client: file })
    this.#last[file] = 0
    while (!this.#isStopping) {
      const first = this.#last[file] + 1
      const nowNs = BigInt(Date.now()) * 1_000_000n
      const entries = Array.from({ length: linesPerPush }, (_, i) => ({
        timestampNs: nowNs + BigInt(i),
        line: makeLine({ file, number: first + i }),
      }))
      for (;;) {
        const status = await store.push([{ labels, entries }]).then(
          answer => answer.status,
          () => 0,
        )
        if (status === 204) break
        this.#refused++
        await sleep(100)
      }
      this.#last[file] += linesPerPush
      await sleep(50)
    }
  }

  /** Appends numbered lines to a file that the agent reads. */
  async #write(file: string): Promise<void> {
    this.#last[file] = 0
    const path = join(this.#options.dir, 'logs', `${file}.log`)
    while (!this.#isStopping) {
      let text = ''
      for (let i = 0; i < 10; i++) text += `${makeLine({ file, number: ++this.#last[file] })}\n`
      appendFileSync(path, text)
      await sleep(50)
    }
  }

  /** Reads all lines until none is missing, or for as long as they may take. */
  async #settle(store: TestStore) {
    const aroundMs = jumpSecondsMax * 1000 + 3_600_000
    const startNs = BigInt(Date.now() - aroundMs) * 1_000_000n
    const deadline = Date.now() + settleMsMax
    for (;;) {
      const ledger = new LineLedger()
      const endNs = BigInt(Date.now() + aroundMs) * 1_000_000n
      for await (const entry of store.entries('{job="history"}', startNs, endNs)) ledger.add(entry)
      const problems = ledger.check(this.#last)
      if (problems.missing.length === 0 || Date.now() > deadline) return problems
      await sleep(1000)
    }
  }
}
