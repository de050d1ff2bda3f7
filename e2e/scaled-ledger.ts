// A ledger over replicas: clients push numbered lines to any of them until one answers, and afterwards each replica
// must have every line once, and count them all.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import type { Random } from '../bench/random.ts'
import type { TestStore } from './harness.ts'
import { allLinesOf, countLines, hourNs, nowNs, pushLines } from './replica-lines.ts'

/** Clients that push at a time. */
export const clientNames = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'] as const

/** How long replicas are disturbed: a minute, or what the torture sets. */
export const ledgerMs = Number(process.env.SKALD_SCALED_MS ?? 60_000)

/** Bound for a whole ledger. After a long time, there is much to ask for. */
export const ledgerTimeoutMs = 180_000 + 3 * ledgerMs

export const ledgerSeed = Number(process.env.SKALD_CRASH_SEED ?? Date.now() % 1_000_000)

/** What a client has pushed. */
export interface Pushed {
  readonly app: string
  readonly lines: number
  /** Tries that were not answered with 204, or not in time. */
  readonly retries: number
}

export interface ClientOptions {
  readonly app: string
  readonly random: Random
  readonly isOver: () => boolean
}

/** Pushes `<app> 0`, `<app> 1` and so on, each batch until a replica acknowledges it. */
export async function pushNumbered(
  t: Test,
  replicas: readonly TestStore[],
  { app, random, isOver }: ClientOptions,
): Promise<Pushed> {
  let lines = 0
  let retries = 0
  while (!isOver()) {
    for (let tries = 0; ; tries++) {
      if (tries > 600) throw new Error(`${app}: no replica takes pushes`)
      const replica = replicas[random.between(0, replicas.length - 1)]!
      if ((await pushBatch(replica, app, lines).catch(() => 0)) === 204) break
      retries++
      await sleep(50)
    }
    lines += batchLines
  }
  t.ok(lines > 0, `${app} was pushed`)
  return { app, lines, retries }
}

const batchLines = 20

/** Agents wait for an answer as long as this, and then push again. */
const answerMs = 10_000

function pushBatch(replica: TestStore, app: string, first: number): Promise<number> {
  const lines = Array.from({ length: batchLines }, (_, i) => `${app} ${first + i}`)
  const late = AbortSignal.timeout(answerMs)
  const refused = new Promise<number>((_, reject) => {
    late.addEventListener('abort', () => reject(new Error('no answer in time')), { once: true })
  })
  const firstNs = nowNs - hourNs + BigInt(first) * 1_000_000n
  return Promise.race([pushLines(replica, app, lines, { firstNs }), refused])
}

/** Asks each replica for every line. Returns how many lines were acknowledged. */
export async function checkLedger(
  t: Test,
  replicas: readonly TestStore[],
  pushed: readonly Pushed[],
): Promise<number> {
  const total = pushed.reduce((sum, { lines }) => sum + lines, 0)
  for (const [number, replica] of replicas.entries()) {
    for (const { app, lines } of pushed) {
      const expected = Array.from({ length: lines }, (_, line) => `${app} ${line}`)
      t.same(
        await allLinesOf(replica, app),
        expected,
        `replica ${number} has the lines of ${app}, each once`,
      )
    }
    const apps = pushed.map(({ app }) => app).join('|')
    t.equal(await countLines(replica, apps), total, 'and counts them')
  }
  return total
}
