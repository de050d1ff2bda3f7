// Kills a store at random moments while several clients push. After every start it is ready soon
// and has every acknowledged entry once. Entries pushed without an answer may or may not be there.

import { setTimeout as sleep } from 'node:timers/promises'
import { createLabelSet } from '@skald/wire'
import { t as root, test } from 'tap'
import { Random } from '../bench/random.ts'
import { openLimits, startStore, type TestStore } from './harness.ts'
import { LineLedger } from './line-ledger.ts'
import { makeLine, parseLineName } from './log-lines.ts'

const seed = Number(process.env.SKALD_CRASH_SEED ?? Date.now() % 1_000_000)
const killCount = Number(process.env.SKALD_CRASH_KILLS ?? 8)
/** After how many kills new lines are compared. The threads for queries cost more than a start does. */
const killsPerCheck = killCount > 50 ? 5 : 1
const clientCount = 4
const linesPerPush = 120
/** Much longer than a start takes, so that a busy machine fails no test. The bench requires 1 s. */
const readyMsMax = 5_000

// For the whole file, because a single test cannot outlive it.
// More of them, as in `npm run torture`, take longer.
const timeoutMs = Math.max(300_000, killCount * 3_000)
root.setTimeout(timeoutMs)

test('store has every acknowledged entry after each of many kills during pushes', async t => {
  t.setTimeout(timeoutMs)
  t.comment(`seed ${seed}, ${killCount} kills`)
  const random = new Random(seed)
  const startNs = BigInt(Date.now()) * 1_000_000n
  const store = await startStore(t, { dir: t.testdir(), config: openLimits })
  const clients = Array.from({ length: clientCount }, (_, i) => new Client(store, `client${i}r0`))
  const readyTimes: number[] = []
  const ledger = new LineLedger()
  const problems: string[] = []

  for (let kill = 1; kill <= killCount; kill++) {
    let isStopping = false
    const pushing = clients.map(client => client.pushUntil(() => isStopping))
    await sleep(random.between(5, 400))
    const killing = store.kill()
    isStopping = true
    await Promise.all([killing, ...pushing])
    const readyMs = await store.start()
    readyTimes.push(readyMs)
    // Compares new lines after one start or a few, and all lines again at the end.
    for (const client of kill % killsPerCheck === 0 ? clients : []) {
      for (const problem of await client.checkRecent()) problems.push(`kill ${kill}: ${problem}`)
    }
    if (problems.length > 0) break
  }
  t.strictSame(problems, [], 'every acknowledged entry is there after the starts')

  const endNs = BigInt(Date.now() + 60_000) * 1_000_000n
  for await (const entry of store.entries('{job="crash"}', startNs, endNs)) ledger.add(entry)
  const counts = Object.fromEntries(clients.map(client => [client.file, client.sentCount]))
  const { missing, doubled, damaged } = ledger.check(counts)
  const lost = clients.flatMap(client => client.listLost(missing))
  t.strictSame(lost, [], 'every acknowledged entry is there at the end')
  t.strictSame(doubled, [], 'no entry is there twice')
  t.strictSame(damaged, [], 'every line is whole')

  const sorted = [...readyTimes].sort((a, b) => a - b)
  const acknowledged = clients.reduce((sum, client) => sum + client.acknowledgedCount, 0)
  t.comment(`${acknowledged} entries acknowledged, ${ledger.lineCount} there`)
  t.comment(
    `ready after kill -9: median ${sorted[sorted.length >> 1]?.toFixed(0)} ms, ` +
      `slowest ${sorted.at(-1)?.toFixed(0)} ms`,
  )
  t.ok((sorted.at(-1) ?? 0) < readyMsMax, `every start takes less than ${readyMsMax} ms`)
})

/** Pushes numbered lines one request at a time and remembers which were acknowledged. */
class Client {
  readonly file: string
  readonly #store: TestStore
  /** First numbers of acknowledged pushes. */
  readonly #acknowledged = new Set<number>()
  #unchecked: { readonly first: number; readonly startNs: bigint }[] = []
  #next = 1
  #lastNs = 0n

  constructor(store: TestStore, file: string) {
    this.#store = store
    this.file = file
  }

  get sentCount(): number {
    return this.#next - 1
  }

  get acknowledgedCount(): number {
    return this.#acknowledged.size * linesPerPush
  }

  async pushUntil(isStopping: () => boolean): Promise<void> {
    while (!isStopping()) {
      const first = this.#next
      this.#next += linesPerPush
      const entries = Array.from({ length: linesPerPush }, (_, i) => ({
        timestampNs: this.#nextTime(),
        line: makeLine({ file: this.file, number: first + i }),
      }))
      const labels = createLabelSet({ job: 'crash', client: this.file })
      // A push interrupted by the kill was not acknowledged, so it may be lost.
      const status = await this.#store.push([{ labels, entries }]).then(
        answer => answer.status,
        () => 0,
      )
      if (status !== 204) return
      this.#acknowledged.add(first)
      this.#unchecked.push({ first, startNs: entries[0]!.timestampNs })
    }
  }

  #nextTime(): bigint {
    const nowNs = BigInt(Date.now()) * 1_000_000n
    this.#lastNs = nowNs > this.#lastNs ? nowNs : this.#lastNs + 1n
    return this.#lastNs
  }

  /** Queries the lines of the pushes acknowledged since the last check. */
  async checkRecent(): Promise<string[]> {
    const pushes = this.#unchecked
    this.#unchecked = []
    if (pushes.length === 0) return []
    const found = new Set<number>()
    const endNs = this.#lastNs + 1n
    const { startNs } = pushes[0]!
    const selector = `{job="crash", client="${this.file}"}`
    for await (const entry of this.#store.entries(selector, startNs, endNs)) {
      found.add(parseLineName(entry.line)?.number ?? 0)
    }
    const lost: string[] = []
    for (const { first } of pushes) {
      for (let number = first; number < first + linesPerPush; number++) {
        if (!found.has(number)) lost.push(`${this.file}: ${number} was acknowledged and is lost`)
      }
    }
    return lost.slice(0, 5)
  }

  /** Returns the missing numbers, `file: first-last of ...`, that were acknowledged. */
  listLost(missing: readonly string[]): string[] {
    return missing.filter(text => {
      const match = /^(\S+): (\d+)-(\d+) /.exec(text)
      if (match?.[1] !== this.file) return false
      for (let number = Number(match[2]); number <= Number(match[3]); number++) {
        if (this.#acknowledged.has(number - ((number - 1) % linesPerPush))) return true
      }
      return false
    })
  }
}
