import { EventEmitter, once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { parseLogQuery } from '@skald/query'
import { type Test, test } from 'tap'
import type { SegmentInfo } from '../../src/catalog/catalog.ts'
import { tailBacklogCommitsMax } from '../../src/limits.ts'
import { parseSegmentName } from '../../src/segment/name.ts'
import type { TailEntry, TailQuery } from '../../src/tail/messages.ts'
import { TailBatch } from '../../src/tail/tail-batch.ts'
import { TailHub, type TailReceiver } from '../../src/tail/tail-hub.ts'
import { acceptedStream, createTestLogger, midnightNs, openStorage, type Row } from '../harness.ts'

/** A live query of tenant a. */
function queryOf(logql: string): TailQuery {
  return { tenant: 'a', logql, log: parseLogQuery(logql), form: 'union' }
}
const query = queryOf('{app="x"}')

/** Keeps everything it receives. */
class Listener implements TailReceiver {
  readonly entries: TailEntry[] = []
  readonly #events = new EventEmitter()
  failure: string | undefined

  receive({ entries }: TailBatch): void {
    this.entries.push(...entries)
    this.#events.emit('change')
  }

  fail(reason: string): void {
    this.failure = reason
    this.#events.emit('change')
  }

  get lines(): string[] {
    return this.entries.map(({ value }) => (JSON.parse(value) as [string, string])[1])
  }

  async waitUntil(isSo: () => boolean): Promise<void> {
    while (!isSo()) await once(this.#events, 'change')
  }
}

/** Opens a hub over real storage. `commit` reports stored segments to it, like the store. */
async function open(t: Test, heapBytes?: number) {
  const { dir, push, segmentsDir, segments, catalog } = await openStorage(t)
  const { logger, messages } = createTestLogger()
  const worker = { directory: segmentsDir, logLevelFields: [] }
  /** Opens the hub of a new process. */
  const openHub = async () => {
    const stored = await catalog.listSegments()
    const hub = new TailHub({ segments, logger, worker, stored, dataDir: dir, heapBytes })
    t.teardown(() => hub.close())
    return hub
  }
  const hub = await openHub()
  /** Line → its time. */
  const times = new Map<string, bigint>()
  const store = async (...lines: readonly string[]) => {
    for (const line of lines) times.set(line, times.get(line) ?? midnightNs + BigInt(times.size))
    const rows = lines.map((line): Row => [times.get(line)!, line])
    await push('a', acceptedStream({ app: 'x' }, rows))
    return (await catalog.listSegments()).at(-1) as SegmentInfo
  }
  const commitTo = async (to: TailHub, ...lines: readonly string[]) => {
    const { name, sizeBytes } = await store(...lines)
    to.commit(name, sizeBytes)
    return name
  }
  const commit = (...lines: readonly string[]) => commitTo(hub, ...lines)
  /** Commits entries that open tails want, and waits until the record shows that they have them. */
  const serve = async (...lines: readonly string[]) => {
    const { sequence } = parseSegmentName(await commit(...lines))!
    const path = join(dir, 'tails.json')
    const noted = () => Number((JSON.parse(readFileSync(path, 'utf8')) as { sent: string }).sent)
    while (noted() < sequence) await setImmediate()
  }
  return { hub, openHub, store, commit, commitTo, serve, messages, segments }
}

test('TailHub gives each receiver the commits since it subscribed', async t => {
  const { hub, commit } = await open(t)
  const early = new Listener()
  const late = new Listener()
  await commit('nobody hears')
  hub.subscribe(query, early)
  await commit('one')
  // The thread may not have reached it yet.
  hub.subscribe(query, late)
  await commit('two', 'three')
  await late.waitUntil(() => late.entries.length >= 2)
  t.same(early.lines, ['one', 'two', 'three'])
  t.same(late.lines, ['two', 'three'])
})

test('TailHub gives a receiver nothing after it has left', async t => {
  const { hub, commit } = await open(t)
  const [gone, left] = [new Listener(), new Listener()]
  const { leave } = hub.subscribe(query, gone)
  hub.subscribe(queryOf('{app=~".+"}'), left)
  leave()
  leave()
  await commit('one')
  await left.waitUntil(() => left.entries.length === 1)
  t.same(gone.lines, [])
})

test('TailHub continues after an unreadable segment, and logs it', async t => {
  const { hub, commit, messages } = await open(t)
  const listener = new Listener()
  hub.subscribe(query, listener)
  hub.commit('0000000000000099-0.seg', 100)
  await commit('next')
  await listener.waitUntil(() => listener.entries.length === 1)
  t.same(listener.lines, ['next'])
  t.same(messages(), ['live tails missed the entries of a segment'])
})

test('TailHub reports what is lost when the thread does not keep up', async t => {
  const { hub, store, commit } = await open(t)
  const listener = new Listener()
  hub.subscribe(query, listener)
  const { name, sizeBytes } = await store('a', 'b')
  for (let i = 0; i < tailBacklogCommitsMax; i++) hub.commit(`no such segment ${i}`, 100)
  hub.commit(name, sizeBytes)
  await listener.waitUntil(() => listener.entries.length > 0)
  t.match(listener.entries, [{ timestampNs: midnightNs, isLost: true }])
  await commit('c')
  await listener.waitUntil(() => listener.entries.length > 1)
  t.match(listener.entries[1], { isLost: false })
})

test('TailHub keeps a segment until it is read', async t => {
  const { hub, commit, segments } = await open(t)
  const listener = new Listener()
  hub.subscribe(query, listener)
  await commit('one')
  await segments.drop(['0000000000000001-0.seg'])
  await listener.waitUntil(() => listener.entries.length === 1)
  t.same(listener.lines, ['one'])
})

/** Waits until a listener has exactly these lines. */
async function expectLines(t: Test, listener: Listener, lines: readonly string[]): Promise<void> {
  await listener.waitUntil(() => listener.entries.length >= lines.length)
  t.same(listener.lines, lines)
}

test('TailHub resumes a tail after a kill without missing or repeating entries', async t => {
  const { hub, openHub, serve, commitTo, store } = await open(t)
  const before = new Listener()
  const place = hub.subscribe(query, before, true)
  t.notOk(place.isResumed)
  await place.caughtUp()
  await serve('one', 'two')
  t.same(before.lines, ['one', 'two'])
  // Durable and perhaps acknowledged, but the process was killed before sending it.
  await store('three')
  const next = await openHub()
  await commitTo(next, 'four')
  // Batches repeated because their answer was lost: one with lines the tail has seen, one with new
  // ones.
  await commitTo(next, 'two')
  await commitTo(next, 'three', 'five')
  const after = new Listener()
  t.ok(next.subscribe(query, after, true).isResumed)
  await commitTo(next, 'five', 'one', 'six')
  await expectLines(t, after, ['three', 'four', 'five', 'six'])
  await commitTo(next, 'seven')
  await expectLines(t, after, ['three', 'four', 'five', 'six', 'seven'])
})

test('TailHub resumes as many tails of a query as were interrupted, and none that were closed', async t => {
  const { hub, openHub, serve, commitTo } = await open(t)
  const [first, second, closed] = [new Listener(), new Listener(), new Listener()]
  await hub.subscribe(query, first, true).caughtUp()
  await hub.subscribe(query, second, true).caughtUp()
  const other = queryOf('{app="x"} |= "e"')
  const { leave, caughtUp } = hub.subscribe(other, closed, true)
  await caughtUp()
  // A tail that says where it begins is not waited for.
  await hub.subscribe({ ...query, tenant: 'b' }, new Listener()).caughtUp()
  await serve('one')
  t.same(closed.lines, ['one'])
  leave()
  leave()
  const next = await openHub()
  await commitTo(next, 'two')
  const isResumed = (asked: typeof query | typeof other, listener: Listener) =>
    next.subscribe(asked, listener, true).isResumed
  t.notOk(isResumed(other, new Listener()), 'it was closed')
  t.notOk(isResumed({ ...query, tenant: 'b' } as never, new Listener()), 'it asked for its start')
  const listeners = [new Listener(), new Listener(), new Listener()] as const
  t.same(
    listeners.map(listener => isResumed(query, listener)),
    [true, true, false],
  )
  await commitTo(next, 'three')
  await expectLines(t, listeners[0], ['two', 'three'])
  await expectLines(t, listeners[1], ['two', 'three'])
  await expectLines(t, listeners[2], ['three'])
})

test('TailHub keeps what interrupted tails missed, even if it is compacted', async t => {
  const { hub, openHub, serve, commitTo, store, segments, messages } = await open(t)
  const before = new Listener()
  await hub.subscribe(query, before, true).caughtUp()
  await serve('one')
  t.same(before.lines, ['one'])
  const { name } = await store('two')
  const next = await openHub()
  const names = [name, await commitTo(next, 'three')]
  await segments.drop(names)
  const after = new Listener()
  next.subscribe(query, after, true)
  await expectLines(t, after, ['two', 'three'])
  t.same(messages(), [])
})

test('TailHub resumes tails after an orderly stop, with what was committed since', async t => {
  const { hub, openHub, serve, commit } = await open(t)
  const before = new Listener()
  const { leave, caughtUp } = hub.subscribe(query, before, true)
  await caughtUp()
  await serve('one')
  t.same(before.lines, ['one'])
  hub.interrupt()
  leave()
  // Pushes in progress are still finished.
  await commit('two')
  await hub.close()
  const after = new Listener()
  t.ok((await openHub()).subscribe(query, after, true).isResumed)
  await expectLines(t, after, ['two'])
})

test('TailHub keeps the order in a long replay', async t => {
  const { hub, openHub, commitTo } = await open(t)
  await hub.subscribe(query, new Listener(), true).caughtUp()
  const next = await openHub()
  const lines = Array.from({ length: 40 }, (_, i) => `${i} ${'x'.repeat(60_000)}`)
  for (let i = 0; i < lines.length; i += 20) await commitTo(next, ...lines.slice(i, i + 20))
  const after = new Listener()
  next.subscribe(query, after, true)
  await commitTo(next, 'end')
  await expectLines(t, after, [...lines, 'end'])
})

test('TailHub records a tail as open once it has everything committed until then', async t => {
  const { hub, openHub, store } = await open(t)
  const early = new Listener()
  const { caughtUp } = hub.subscribe(query, early, true)
  const { name, sizeBytes } = await store('one')
  hub.commit(name, sizeBytes)
  t.notOk((await openHub()).subscribe(query, new Listener(), true).isResumed, 'killed before')
  await caughtUp()
  t.same(early.lines, ['one'], 'its history may have contained this too')
  const next = await openHub()
  const after = new Listener()
  t.ok(next.subscribe(query, after, true).isResumed)
  await store('two')
  const last = await openHub()
  const again = new Listener()
  t.ok(last.subscribe(query, again, true).isResumed, 'killed before it got what it missed')
  await expectLines(t, again, ['two'])
})

test('TailHub does not record a tail that left before', async t => {
  const { hub, openHub } = await open(t)
  const { leave, caughtUp } = hub.subscribe(query, new Listener(), true)
  await hub.subscribe(queryOf('{app=~".+"}'), new Listener(), true).caughtUp()
  const isCaughtUp = caughtUp()
  leave()
  await isCaughtUp
  t.notOk((await openHub()).subscribe(query, new Listener(), true).isResumed)
})

test('TailHub serves many queries that all want a commit, in little memory', async t => {
  // The thread does not keep a process alive; in a store, connections do.
  const alive = setInterval(() => {}, 1000)
  t.teardown(() => clearInterval(alive))
  const { hub, commit } = await open(t, 40 * 1024 * 1024)
  /** Counts what it receives, and keeps nothing. */
  class Counter extends Listener {
    count = 0
    override receive(batch: TailBatch): void {
      this.count += batch.entries.length
      super.receive(new TailBatch([]))
    }
  }
  const counters = Array.from({ length: 60 }, (_, i) => {
    const counter = new Counter()
    hub.subscribe(queryOf(`{app="x"} != "nothing ${i}"`), counter)
    return counter
  })
  const lines = Array.from({ length: 5000 }, (_, i) => `line ${i} ${'of some length '.repeat(20)}`)
  await commit(...lines)
  for (const counter of counters) {
    await counter.waitUntil(() => counter.count >= lines.length || counter.failure !== undefined)
  }
  t.same([...new Set(counters.map(({ failure }) => failure))], [undefined])
  t.same([...new Set(counters.map(({ count }) => count))], [lines.length])
})
