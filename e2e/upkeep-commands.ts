// Runs the commands for operators (verify, inspect, backup, restore, move) as real processes, and loads a store while
// they run.

import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createLabelSet } from '@skald/wire'
import type { Random } from '../bench/random.ts'
import type { TestStore } from './harness.ts'
import { LineLedger } from './line-ledger.ts'
import { makeLine, parseLineName } from './log-lines.ts'
import { cleanEnv, rootDir, skaldCommand, spawnSkald } from './skald-process.ts'

/** How a command ended, and what it wrote. */
export interface Ended {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** Runs a command to its end, by wish as another user. */
export function skald(
  args: readonly string[],
  user: { uid?: number; gid?: number } = {},
): Promise<Ended> {
  return new Promise(resolve => {
    const options = { env: cleanEnv(), cwd: rootDir, timeout: 60_000, ...user }
    // The test runner makes node processes report to it, which another user may not.
    const command = ['-u', 'NODE_OPTIONS', skaldCommand, ...args]
    execFile('env', command, options, (error, out, err) => {
      // A number is an exit code. null means a timeout.
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1
      resolve({ code, out, err })
    })
  })
}

/** The objects that a command wrote with `--json`. */
export function objectsOf({ out }: Ended): Record<string, unknown>[] {
  return out
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as Record<string, unknown>)
}

/**
 * Starts a command and kills it at a random moment after it has locked a directory. Returns true if it was not done by
 * then.
 */
export async function killed(
  args: readonly string[],
  lockedDir: string,
  random: Random,
): Promise<boolean> {
  const running = spawnSkald({ args, outputFile: `${lockedDir}.killed` })
  let isDone = false
  void running.exited.then(() => {
    isDone = true
  })
  const lock = join(lockedDir, 'lock')
  const hasBegun = () => existsSync(lock) && readFileSync(lock, 'utf8').includes(`:${running.pid},`)
  while (!isDone && !hasBegun()) await sleep(2)
  await sleep(random.between(0, 80))
  const wasRunning = !isDone
  await running.end('SIGKILL')
  return wasRunning
}

const linesPerPush = 50
const clientCount = 3

interface Push {
  readonly file: string
  /** Number of its first line. */
  readonly first: number
}

/** Pushes numbered lines without a pause, and merges them all the time. */
export class SteadyLoad {
  readonly #store: TestStore
  readonly #startNs = BigInt(Date.now()) * 1_000_000n
  readonly #acknowledged: Push[] = []
  readonly #next = new Map<string, number>()
  #isStopping = false
  #running: Promise<unknown> = Promise.resolve()

  constructor(store: TestStore) {
    this.#store = store
  }

  start(): void {
    const files = Array.from({ length: clientCount }, (_, i) => `client${i}r0`)
    this.#isStopping = false
    this.#running = Promise.all([...files.map(file => this.#push(file)), this.#merge()])
  }

  /** Ends it. What was sent before is answered. */
  async stop(): Promise<void> {
    this.#isStopping = true
    await this.#running
  }

  /** The pushes that were acknowledged so far. */
  acknowledged(): readonly Push[] {
    return [...this.#acknowledged]
  }

  /** Waits until so many more pushes are acknowledged. */
  async waitForPushes(count: number): Promise<void> {
    const wanted = this.#acknowledged.length + count
    while (this.#acknowledged.length < wanted) await sleep(5)
  }

  async #push(file: string): Promise<void> {
    while (!this.#isStopping) {
      const first = this.#next.get(file) ?? 1
      this.#next.set(file, first + linesPerPush)
      const nowNs = BigInt(Date.now()) * 1_000_000n
      const entries = Array.from({ length: linesPerPush }, (_, i) => ({
        timestampNs: nowNs + BigInt(i),
        line: makeLine({ file, number: first + i }),
      }))
      const labels = createLabelSet({ job: 'load', client: file })
      const status = await this.#store.push([{ labels, entries }]).then(
        answer => answer.status,
        () => 0,
      )
      if (status === 204) this.#acknowledged.push({ file, first })
      // The store is down.
      else await sleep(20)
    }
  }

  async #merge(): Promise<void> {
    while (!this.#isStopping) {
      await this.#store.request('/flush', { method: 'POST' }).catch(() => sleep(20))
      await sleep(20)
    }
  }

  /** Returns what is wrong with the lines of a store that should have these pushes. */
  async problems(store: TestStore, pushes: readonly Push[]): Promise<string[]> {
    const found = new Map<string, number>()
    const ledger = new LineLedger()
    const endNs = BigInt(Date.now() + 60_000) * 1_000_000n
    for await (const entry of store.entries('{job="load"}', this.#startNs, endNs)) {
      const { file, number } = parseLineName(entry.line) ?? { file: '?', number: 0 }
      const key = `${file} ${number}`
      found.set(key, (found.get(key) ?? 0) + 1)
      ledger.add(entry)
    }
    const lost = pushes.flatMap(({ file, first }) =>
      Array.from({ length: linesPerPush }, (_, i) => `${file} ${first + i}`).filter(
        key => !found.has(key),
      ),
    )
    const last = Object.fromEntries([...this.#next].map(([file, next]) => [file, next - 1]))
    const { doubled, damaged } = ledger.check(last)
    return [...lost.map(key => `${key} is lost`), ...doubled, ...damaged].slice(0, 10)
  }
}

/** Returns the lines of a log that tell of a problem. */
export function warningsIn(log: string): string[] {
  return log.split('\n').filter(line => /^level=(warn|error)/.test(line))
}
