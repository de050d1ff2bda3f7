import { type Test, test } from 'tap'
import { Compactor } from '../../src/compaction/compactor.ts'
import { SpaceRetention } from '../../src/compaction/space-retention.ts'
import type { SpaceConfig } from '../../src/config.ts'
import {
  acceptedStream,
  createTestLogger,
  dayNs,
  midnightNs,
  openStorage,
  type Row,
} from '../harness.ts'
import { readAllRows, segmentNames } from '../segment-rows.ts'

const dayMs = 86_400_000
const gib = 1024 ** 3
const always = { startNs: 0n, endNs: midnightNs + 100n * dayNs }
const at = (day: number, line: string): Row => [midnightNs + BigInt(day) * dayNs, line]

/** Opens a store whose disk is as full as the test says. */
async function open(t: Test, config: Partial<SpaceConfig> = {}, tenantMaxBytes = 0) {
  const storage = await openStorage(t)
  const { catalog, segments, objects, nextSequence, segmentsDir } = storage
  const { logger, messages } = createTestLogger()
  const clock = { ms: Number(midnightNs / 1_000_000n), now: () => clock.ms }
  const usage = { totalBytes: 1000 * gib, freeBytes: 500 * gib, takenBytes: 0 }
  const settings = { maxBytes: 0, minFreeBytes: undefined, minAgeMs: dayMs, ...config }
  const deleted: string[] = []
  const limits = { retentionMaxBytes: tenantMaxBytes, retentionNs: 0n, retentionStreams: [] }
  const space = new SpaceRetention({
    ...{ catalog, segments, objects, logger, clock, settings },
    limitsOf: () => limits,
    readUsage: async () => usage,
    onDelete: (tenant, reason) => deleted.push(`${tenant} ${reason}`),
  })
  const worker = { directory: segmentsDir, logLevelFields: ['level'] }
  const compactor = new Compactor({
    ...{ catalog, segments, logger, clock, nextSequence, worker, space },
  })
  t.teardown(() => compactor.close())
  const lines = async () => (await readAllRows(segmentsDir)).map(({ line }) => line).sort()
  const apps = () => catalog.labelValues('a', 'app', always)
  const pushRows = (app: string, rows: readonly Row[]) =>
    storage.push('a', acceptedStream({ app }, rows))
  /** Pushes a line of an app named like it. */
  const push = (day: number, line: string) => pushRows(line, [at(day, line)])
  return {
    ...storage,
    space,
    compactor,
    clock,
    usage,
    messages,
    deleted,
    lines,
    apps,
    push,
    pushRows,
  }
}

test('when the disk is short of free space, the oldest day goes, catalog and files', async t => {
  const store = await open(t)
  for (const day of [0, 1, 2]) await store.push(day, `day ${day}`)
  store.clock.ms += 5 * dayMs
  await store.compactor.flush()
  t.same(await store.lines(), ['day 0', 'day 1', 'day 2'])
  store.usage.freeBytes = 20 * gib - 1
  t.equal(await store.space.apply({ isUrgent: false }), true)
  t.same(await store.lines(), ['day 1', 'day 2'])
  t.same(await store.apps(), ['day 1', 'day 2'])
  t.same(await store.catalog.listDropped(), [])
  t.same(store.deleted, ['a free_space'])
  t.ok(store.messages().includes('deleted the oldest day to make room'))
})

test('what is younger than retention_min_age stays, and the log says so once', async t => {
  const store = await open(t)
  for (const [day, line] of ['first', 'second'].entries()) {
    const row: Row = [midnightNs + BigInt(day + 1) * dayNs - 1n, line]
    await store.pushRows(line, [row])
  }
  await store.compactor.flush()
  store.usage.freeBytes = 1
  store.clock.ms += 2 * dayMs - 1
  t.equal(await store.space.apply({ isUrgent: true }), false)
  const warning = /^cannot keep within the limits of size and free space/
  t.equal(store.messages().filter(message => warning.test(message)).length, 1)
  t.equal(await store.space.apply({ isUrgent: true }), false)
  t.equal(store.messages().filter(message => warning.test(message)).length, 1)
  store.clock.ms += 1
  t.equal(await store.space.apply({ isUrgent: true }), true, 'a day after it ended, it may go')
  t.same(await store.lines(), ['second'])
  store.usage.freeBytes = 500 * gib
  await store.space.apply({ isUrgent: true })
  t.ok(store.messages().includes('the store is within its limits of size and free space again'))
})

test('with a retention_min_age of 0, even segments of the current day go', async t => {
  const store = await open(t, { minAgeMs: 0 })
  await store.push(0, 'first')
  await store.compactor.flush()
  await store.push(0, 'second')
  await store.compactor.flush()
  store.clock.ms += 3_600_000
  const [oldest] = await store.catalog.listSegments()
  store.usage.freeBytes = 20 * gib - oldest!.sizeBytes
  t.equal(await store.space.apply({ isUrgent: true }), true)
  t.same(await store.lines(), ['second'])
  t.same(await store.apps(), ['second'], 'the stream that no segment holds is gone too')
})

test('a store above retention_max_bytes loses its oldest days', async t => {
  const store = await open(t, { maxBytes: 1, minFreeBytes: 0 })
  await store.push(0, 'old')
  await store.push(3, 'new')
  store.clock.ms += 3 * dayMs
  await store.compactor.flush()
  t.same(await store.lines(), ['new'])
  t.same(store.deleted, ['a size'])
})

test('a tenant above its limit loses its oldest days', async t => {
  const store = await open(t, { minFreeBytes: 0 }, 1)
  await store.push(0, 'old')
  await store.push(3, 'new')
  store.clock.ms += 3 * dayMs
  await store.compactor.flush()
  t.same(await store.lines(), ['new'])
  t.same(store.deleted, ['a tenant_size'])
})

test('a deleted day that a query still reads counts as free', async t => {
  const store = await open(t)
  for (const day of [0, 1]) await store.push(day, `day ${day}`)
  store.clock.ms += 5 * dayMs
  await store.compactor.flush()
  const [oldest] = await segmentNames(store.segmentsDir)
  const release = store.segments.acquire([oldest!])
  store.usage.freeBytes = 20 * gib - 1
  await store.space.apply({ isUrgent: true })
  t.equal((await segmentNames(store.segmentsDir)).length, 2, 'the query keeps the file')
  t.equal(
    await store.space.apply({ isUrgent: true }),
    false,
    'no second day goes for the same bytes',
  )
  await release()
  t.same(await store.lines(), ['day 1'])
})

test('while the disk has room, the sizes are read once a minute', async t => {
  const store = await open(t, { minFreeBytes: 0, maxBytes: 1 })
  await store.push(0, 'old')
  await store.compactor.flush()
  store.clock.ms += 5 * dayMs
  t.equal(await store.space.apply({ isUrgent: false }), true)
  await store.push(0, 'late')
  await store.compactor.flush()
  t.same(await store.lines(), [], 'a flush is urgent')
  await store.push(0, 'later')
  store.clock.ms += 59_999
  t.equal(await store.space.apply({ isUrgent: false }), false)
})

test('the log says once a day what will go', async t => {
  const store = await open(t)
  const told = () => store.messages().filter(message => message.startsWith('outlook: '))
  await store.space.apply({ isUrgent: true })
  t.same(told(), [], 'an empty store has nothing to tell')
  await store.push(0, 'x')
  await store.compactor.flush()
  store.clock.ms += dayMs
  await store.space.apply({ isUrgent: true })
  await store.space.apply({ isUrgent: true })
  t.equal(told().length, 2)
  t.match(told().at(-1), /^outlook: full in more than 10 years at .* a day; 2024-10-04 goes first$/)
})
