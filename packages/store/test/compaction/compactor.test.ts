import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Test, test } from 'tap'
import { openSqliteCatalog } from '../../src/catalog/sqlite.ts'
import { Compactor } from '../../src/compaction/compactor.ts'
import { Retention } from '../../src/compaction/retention.ts'
import { compactLevel0Segments } from '../../src/limits.ts'
import { openDiskObjectStore } from '../../src/objects/disk.ts'
import { recover } from '../../src/recovery.ts'
import {
  acceptedStream,
  createTestLogger,
  dayNs,
  jsonStream,
  midnightNs,
  openStorage,
  type Row,
  type StorageParts,
  startTestStore,
} from '../harness.ts'
import { identities, readAllRows, readSegment, segmentNames } from '../segment-rows.ts'

const row = (offset: number, line: string): Row => [midnightNs + BigInt(offset), line]

function compactorOf(
  t: Test,
  storage: StorageParts,
  clock = { now: () => Date.now() },
  periodNs?: (tenant: string) => bigint,
  turn?: () => 'mine' | 'new' | 'no',
) {
  const { catalog, segments, nextSequence, segmentsDir } = storage
  const { logger, messages } = createTestLogger()
  const worker = { directory: segmentsDir, logLevelFields: ['level'] }
  const parts = { catalog, segments, logger, clock }
  const limitsOf = (tenant: string) => ({
    retentionNs: periodNs?.(tenant) ?? 0n,
    retentionStreams: [],
  })
  const retention = periodNs && { retention: new Retention({ ...parts, limitsOf }) }
  const compactor = new Compactor({ ...parts, nextSequence, worker, turn, ...retention })
  t.teardown(() => compactor.close())
  return { compactor, messages }
}

async function commits(storage: StorageParts, count: number, from = 0): Promise<void> {
  for (let i = from; i < from + count; i++) {
    await storage.push('a', acceptedStream({ app: 'x' }, [row(i, `line ${i}`), row(0, 'again')]))
  }
}

const content = async ({ segmentsDir }: Pick<StorageParts, 'segmentsDir'>) => [
  ...new Set(identities(await readAllRows(segmentsDir))),
]

test('a flush merges level 0 into one segment per tenant and day', async t => {
  const storage = await openStorage(t)
  const { compactor } = compactorOf(t, storage)
  await commits(storage, 5)
  await storage.push('b', acceptedStream({ app: 'y' }, [row(1, 'b'), [midnightNs + dayNs, 'next']]))
  const before = await content(storage)
  await compactor.flush()
  t.equal(compactor.runs, 1)
  t.equal(compactor.isRunning, false)
  const parts = await storage.catalog.listParts('compacted')
  t.same(parts.map(({ tenant, level, rowCount }) => `${tenant} ${level} ${rowCount}`).sort(), [
    'a 1 6',
    'b 1 1',
    'b 1 1',
  ])
  t.same(await storage.catalog.listParts('level0'), [])
  t.same(await storage.catalog.listDropped(), [], 'the old files are deleted')
  t.same(await segmentNames(storage.segmentsDir), parts.map(({ name }) => name).sort())
  t.same(await content(storage), before)
  await compactor.flush()
  t.equal(compactor.runs, 1, 'there is nothing left to do')
})

test('what another process merges is left alone until it gives that up', async t => {
  const storage = await openStorage(t)
  await commits(storage, 6)
  const names = await segmentNames(storage.segmentsDir)
  let taken = new Set(names.slice(0, 2))
  let late = false
  const begun: (readonly string[])[] = []
  const given: unknown[] = []
  const others = {
    listTaken: async () => taken,
    beginMerge: async ({ inputs }: { inputs: readonly string[] }) => {
      begun.push(inputs)
      return late ? 'taken' : { job: begun.length, rules: 0 }
    },
    giveUpMerge: async (ticket: unknown) => given.push(ticket),
  }
  const shared = new Proxy(storage.catalog, {
    get: (catalog, name) => {
      if (name in others) return others[name as keyof typeof others]
      const value = catalog[name as keyof typeof catalog] as unknown
      return typeof value === 'function' ? value.bind(catalog) : value
    },
  })
  const { compactor, messages } = compactorOf(
    t,
    { ...storage, catalog: shared },
    undefined,
    undefined,
    () => 'no',
  )
  await compactor.flush()
  t.same(begun, [names.slice(2)])
  t.equal(compactor.runs, 1)
  t.same(given, [{ job: 1, rules: 0 }])
  taken = new Set()
  late = true
  await compactor.flush()
  t.ok(begun.length > 2, 'it chooses a few times')
  t.equal(compactor.runs, 1)
  late = false
  await compactor.flush()
  t.same(begun.at(-1), names.slice(0, 2))
  t.equal(compactor.runs, 2)
  t.same(new Set(messages()), new Set(['segments merged']))
})

test('eight merged segments of a day become one', async t => {
  const storage = await openStorage(t)
  const { compactor } = compactorOf(t, storage)
  for (let i = 0; i < 8; i++) {
    await commits(storage, 1, i)
    await compactor.flush()
  }
  const parts = await storage.catalog.listParts('compacted')
  t.same(
    parts.map(({ level, rowCount }) => [level, rowCount]),
    [[2, 9]],
  )
  t.equal((await segmentNames(storage.segmentsDir)).length, 1)
})

test('enough commits start a merge', async t => {
  const storage = await openStorage(t)
  const { compactor } = compactorOf(t, storage)
  await commits(storage, 3)
  compactor.wakeAfter(10)
  t.equal(compactor.isRunning, false, 'a small commit starts nothing')
  compactor.wakeAfter(64 * 1024 * 1024)
  t.equal(compactor.isRunning, true)
  await compactor.flush()
  await commits(storage, 1)
  for (let i = 0; i < compactLevel0Segments; i++) compactor.wakeAfter(1)
  t.equal(compactor.isRunning, true, 'and so do many')
  await compactor.flush()
})

test('level 0 is merged when it is old', async t => {
  const storage = await openStorage(t)
  let nowMs = Date.now()
  const { compactor } = compactorOf(t, storage, { now: () => nowMs })
  await commits(storage, 2)
  compactor.wake()
  await compactor.flush()
  t.equal(compactor.runs, 1, 'only the flush merged')
  await commits(storage, 2, 10)
  nowMs += 3_600_000
  compactor.wake()
  t.equal(compactor.isRunning, true)
  await compactor.flush()
  t.equal(compactor.runs, 2)
})

test('a failed merge keeps the old segments in use and is not repeated at once', async t => {
  const storage = await openStorage(t)
  let nowMs = Date.now()
  const { compactor, messages } = compactorOf(t, storage, { now: () => nowMs })
  await commits(storage, 3)
  const before = await content(storage)
  const taken = join(storage.segmentsDir, '0000000000000004-1.seg')
  writeFileSync(taken, 'in the way')
  await compactor.flush()
  t.equal(compactor.runs, 0)
  t.ok(messages().includes('compaction failed, old segments stay in use'))
  t.equal((await storage.catalog.listParts('level0')).length, 3)
  t.same(
    (await segmentNames(storage.segmentsDir)).slice(0, 3),
    [1, 2, 3].map(i => `000000000000000${i}-0.seg`),
  )
  nowMs += 1000
  compactor.wake()
  t.equal(compactor.isRunning, false, 'quiet for a while')
  nowMs -= 3_600_000
  compactor.wake()
  t.equal(compactor.isRunning, true, 'but not until a clock that was set back has caught up')
  await compactor.flush()
  t.equal(compactor.runs, 1)
  t.same(
    (await content(storage)).filter(id => id !== taken),
    before,
  )
})

test('a damaged input goes to quarantine, and the others are merged', async t => {
  const storage = await openStorage(t)
  const { compactor, messages } = compactorOf(t, storage)
  await commits(storage, 3)
  const [first, ...others] = await segmentNames(storage.segmentsDir)
  const read = await Promise.all(others.map(name => readSegment(storage.segmentsDir, name)))
  const rest = new Set(identities(read.flatMap(({ rows }) => rows)))
  writeFileSync(join(storage.segmentsDir, first!), 'damaged')
  await compactor.flush()
  t.ok(messages().some(text => text.startsWith('a segment is damaged and cannot be merged')))
  t.equal((await segmentNames(storage.segmentsDir)).length, 1)
  t.same(await content(storage), [...rest].sort())
  const kept = join(storage.dir, 'quarantine', first!)
  t.equal(readFileSync(kept, 'utf8'), 'damaged')
})

test('damaged blocks are left out of a merge, and their segment is kept', async t => {
  const storage = await openStorage(t)
  const { compactor, messages } = compactorOf(t, storage)
  await storage.push(
    'a',
    acceptedStream({ app: 'x' }, [[midnightNs, 'damaged']]),
    acceptedStream({ app: 'y' }, [[midnightNs, 'whole']]),
  )
  await storage.push('a', acceptedStream({ app: 'x' }, [[midnightNs + 1n, 'other']]))
  const [first] = await segmentNames(storage.segmentsDir)
  const path = join(storage.segmentsDir, first!)
  const { bytes, footer } = await readSegment(storage.segmentsDir, first!)
  const [block] = footer.parts[0]!.blocks
  bytes[block!.offsetBytes]! ^= 1
  writeFileSync(path, bytes)
  await compactor.flush()
  t.ok(messages().some(text => text.startsWith('blocks of a segment are damaged')))
  const rows = await readAllRows(storage.segmentsDir)
  t.same(rows.map(({ line }) => line).sort(), ['other', 'whole'])
  t.ok(readFileSync(join(storage.dir, 'quarantine', first!)).equals(bytes))
  t.same(await storage.catalog.listDropped(), [])
})

test('a merge goes on without an input whose file is gone', async t => {
  const storage = await openStorage(t)
  const { compactor, messages } = compactorOf(t, storage)
  await commits(storage, 3)
  const [first] = await segmentNames(storage.segmentsDir)
  rmSync(join(storage.segmentsDir, first!))
  await compactor.flush()
  t.ok(messages().some(text => text.startsWith('a segment is missing')))
  t.equal((await segmentNames(storage.segmentsDir)).length, 1)
  t.same(await storage.catalog.listLost(), [first], 'its name counts again if it comes back')
})

test('closing during a merge aborts it and keeps the inputs', async t => {
  const storage = await openStorage(t)
  const { compactor, messages } = compactorOf(t, storage)
  await commits(storage, 3)
  const before = await content(storage)
  const flushing = compactor.flush()
  await compactor.close()
  await flushing
  t.same(messages(), [], 'no failure is logged')
  const { logger } = createTestLogger()
  await recover({ catalog: storage.catalog, objects: storage.objects, logger })
  t.same(await content(storage), before)
})

test('queries find every line while segments are being replaced', async t => {
  const store = await startTestStore(t)
  let pushed = 0
  for (let round = 0; round < 6; round++) {
    const rows = Array.from({ length: 30 }, (): Row => row(pushed, `line ${pushed++}`))
    t.equal((await store.push([jsonStream({ app: 'x' }, rows)])).statusCode, 204)
    const count = pushed
    const flushing = store.get('/flush')
    const answers = await Promise.all(Array.from({ length: 8 }, () => store.lines('{app="x"}')))
    for (const lines of answers) {
      t.same(
        lines,
        Array.from({ length: count }, (_, i) => `line ${i}`),
      )
    }
    await flushing
  }
})

test('a compaction killed at any moment neither loses nor duplicates entries', async t => {
  const dir = t.testdir()
  const storage = await openStorage(t, { dir })
  for (let i = 0; i < 40; i++) {
    const rows = Array.from({ length: 100 }, (_, k) =>
      row(i * 70 + k, `line ${i * 70 + k} ${'x'.repeat(200)}`),
    )
    await storage.push('a', acceptedStream({ app: String(i % 3) }, rows))
    await storage.push(
      'b',
      acceptedStream({ app: 'b' }, [[midnightNs + BigInt(i % 3) * dayNs, `${i}`]]),
    )
  }
  const before = await content(storage)
  await storage.catalog.close()
  const main = fileURLToPath(new URL('../compact-main.ts', import.meta.url))
  let isDone = false
  for (let round = 0; round < 5 && !isDone; round++) {
    const child = spawn(process.execPath, [main, dir], { stdio: ['ignore', 'pipe', 'inherit'] })
    const exited = once(child, 'exit')
    await once(child.stdout, 'data')
    // From the start of the merge thread to its end, a little later each time.
    await sleep(40 + round * 30 + Math.random() * 30)
    child.kill('SIGKILL')
    await exited
    const catalog = openSqliteCatalog(join(dir, 'catalog.sqlite'))
    const objects = await openDiskObjectStore(storage.segmentsDir)
    const { logger, messages } = createTestLogger()
    await recover({ catalog, objects, logger })
    t.same(await content(storage), before, `round ${round}`)
    t.same(
      (await catalog.listSegments()).map(({ name }) => name).sort(),
      await segmentNames(storage.segmentsDir),
    )
    t.notOk(messages().includes('segments are missing, their entries are lost'))
    isDone = (await catalog.level0()).segments === 0
    await catalog.close()
    await objects.close()
  }
})

test('days past their retention are deleted, and with them streams that were not active since', async t => {
  const storage = await openStorage(t)
  const clock = { ms: Number((midnightNs + (3n * dayNs) / 2n) / 1_000_000n), now: () => clock.ms }
  const periodNs = (tenant: string) => (tenant === 'kept' ? 0n : dayNs)
  const { compactor, messages } = compactorOf(t, storage, clock, periodNs)
  const at = (day: number): Row => [midnightNs + BigInt(day) * dayNs, `day ${day}`]
  await storage.push('a', acceptedStream({ app: 'old' }, [at(0)]))
  await storage.push('a', acceptedStream({ app: 'both' }, [at(0), at(1)]))
  await storage.push('kept', acceptedStream({ app: 'other' }, [at(0)]))
  await compactor.flush()
  const lines = async () => (await readAllRows(storage.segmentsDir)).map(({ line }) => line).sort()
  t.same(await lines(), ['day 0', 'day 0', 'day 0', 'day 1'], 'a day is kept to its end')

  clock.ms += 43_200_000
  await compactor.flush()
  t.same(await lines(), ['day 0', 'day 1'])
  const always = { startNs: 0n, endNs: midnightNs + 10n * dayNs }
  const { catalog } = storage
  t.same(await catalog.labelValues('a', 'app', always), ['both'])
  t.same(await catalog.labelValues('kept', 'app', always), ['other'])
  t.same([...(await catalog.findStreams('a', [], always)).keys()], ['{app="both"}'])
  t.same(await catalog.listDropped(), [])
  t.ok(messages().includes('deleted segments past their retention'))

  await storage.push('a', acceptedStream({ app: 'old' }, [at(2)]))
  t.same(await catalog.labelValues('a', 'app', always), ['both', 'old'], 'a stream may come back')
})
