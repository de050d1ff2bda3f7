import { EventEmitter, once } from 'node:events'
import { type Test, test } from 'tap'
import type { CatalogSegment } from '../../src/catalog/catalog.ts'
import { tailBacklogCommitsMax } from '../../src/limits.ts'
import type { TailEntry } from '../../src/tail/messages.ts'
import type { TailBatch } from '../../src/tail/tail-batch.ts'
import { TailHub, type TailReceiver } from '../../src/tail/tail-hub.ts'
import { acceptedStream, createTestLogger, midnightNs, openStorage, type Row } from '../harness.ts'

const query = { tenant: 'a', logql: '{app="x"}', form: 'union' } as const

/** Keeps what it is given. */
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

/** A hub over real storage; `commit` tells it of what was stored, as the store does. */
async function open(t: Test) {
  const { push, segmentsDir, segments, catalog } = await openStorage(t)
  const { logger, messages } = createTestLogger()
  const worker = { directory: segmentsDir, logLevelFields: [] }
  const hub = new TailHub({ segments, logger, worker })
  t.teardown(() => hub.close())
  let time = midnightNs
  const store = async (...lines: readonly string[]) => {
    const rows = lines.map((line): Row => [time++, line])
    await push('a', acceptedStream({ app: 'x' }, rows))
    return (await catalog.listSegments()).at(-1) as CatalogSegment
  }
  const commit = async (...lines: readonly string[]) => {
    const { name, sizeBytes } = await store(...lines)
    hub.commit(name, sizeBytes)
  }
  return { hub, store, commit, messages, segments }
}

test('TailHub gives each receiver the commits since it came', async t => {
  const { hub, commit } = await open(t)
  const early = new Listener()
  const late = new Listener()
  await commit('nobody hears')
  hub.subscribe(query, early)
  await commit('one')
  // The thread may not have come to it yet.
  hub.subscribe(query, late)
  await commit('two', 'three')
  await late.waitUntil(() => late.entries.length >= 2)
  t.same(early.lines, ['one', 'two', 'three'])
  t.same(late.lines, ['two', 'three'])
})

test('TailHub gives a receiver nothing once it has left', async t => {
  const { hub, commit } = await open(t)
  const [gone, left] = [new Listener(), new Listener()]
  const leave = hub.subscribe(query, gone)
  hub.subscribe({ ...query, logql: '{app=~".+"}' }, left)
  leave()
  leave()
  await commit('one')
  await left.waitUntil(() => left.entries.length === 1)
  t.same(gone.lines, [])
})

test('TailHub goes on after a segment that cannot be read, and says so', async t => {
  const { hub, commit, messages } = await open(t)
  const listener = new Listener()
  hub.subscribe(query, listener)
  hub.commit('0000000000000099-0.seg', 100)
  await commit('next')
  await listener.waitUntil(() => listener.entries.length === 1)
  t.same(listener.lines, ['next'])
  t.same(messages(), ['tails miss the entries of a segment'])
})

test('TailHub tells what is lost when the thread does not keep up', async t => {
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
