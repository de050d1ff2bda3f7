import { copyFile, readdir, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseLabelSet } from '@skald/wire'
import { type Test, test } from 'tap'
import { catalogPartsOf } from '../src/catalog/catalog-parts.ts'
import { openSqliteCatalog, type SqliteCatalog } from '../src/catalog/sqlite.ts'
import { recover } from '../src/recovery.ts'
import { segmentName } from '../src/segment/name.ts'
import {
  acceptedStream,
  createTestLogger,
  dayNs,
  jsonStream,
  midnightNs,
  openStorage,
  type StorageParts,
  startTestStore,
} from './harness.ts'
import { mergeFiles } from './merge-files.ts'
import { identities, readAllRows, readSegment, segmentNames } from './segment-rows.ts'

const range = { startNs: midnightNs, endNs: midnightNs + dayNs }
const level0 = (sequence: number) => segmentName(sequence, 0)

/**
 * Opens storage with this many level-0 segments of one line each, and returns a way to recover it.
 */
async function openWith(t: Test, commits: number) {
  const storage = await openStorage(t)
  const line = (i: number) => acceptedStream({ app: 'x' }, [[midnightNs + BigInt(i), `line ${i}`]])
  for (let i = 1; i <= commits; i++) await storage.push('a', line(i))
  const { logger, messages } = createTestLogger()
  const { objects, segmentsDir } = storage
  const known = async (catalog: SqliteCatalog) =>
    (await catalog.listSegments()).map(({ name }) => name)
  return {
    ...storage,
    messages,
    known,
    /** Returns an empty catalog. */
    newCatalog: () => {
      const catalog = openSqliteCatalog(join(storage.dir, 'new.sqlite'))
      t.teardown(() => catalog.close())
      return catalog
    },
    recover: (catalog: SqliteCatalog = storage.catalog) => recover({ catalog, objects, logger }),
    recoverBucket: () =>
      recover({ catalog: storage.catalog, objects, logger, finishesMerges: true }),
    files: () => segmentNames(segmentsDir),
    rows: async () => identities(await readAllRows(segmentsDir)),
  }
}

/** Adds a merged segment in place of its inputs, like the compactor. */
async function enter({ catalog, segmentsDir }: StorageParts, name: string): Promise<void> {
  const { footer, bytes } = await readSegment(segmentsDir, name)
  const { level, sequence, version, replaces } = footer
  const parts = catalogPartsOf(footer, parseLabelSet)
  const head = { name, level, sequence, version }
  const segment = { ...head, sizeBytes: bytes.length, createdMs: 1, parts }
  await catalog.addSegments([segment], replaces)
}

test('an empty directory is recovered to sequence 0', async t => {
  const { recover } = await openWith(t, 0)
  t.equal(await recover(), 0)
})

test('known segments stay as they are', async t => {
  const { recover, catalog, known, files, messages } = await openWith(t, 3)
  t.equal(await recover(), 3, 'the highest sequence in use')
  t.same(await known(catalog), [level0(1), level0(2), level0(3)])
  t.same(await files(), [level0(1), level0(2), level0(3)])
  t.same(messages(), [])
})

test('files that are not segments are left alone', async t => {
  const { recover, segmentsDir, files } = await openWith(t, 1)
  const others = ['notes.txt', '1-0.seg', `${level0(9)}.tmp`]
  for (const name of others) await writeFile(join(segmentsDir, name), 'x')
  t.equal(await recover(), 1)
  t.same(await files(), [level0(1), ...others].sort())
})

test('a segment whose write never finished is deleted, wherever it was cut', async t => {
  const { recover, segmentsDir, files, newCatalog, known, messages } = await openWith(t, 2)
  const catalog = newCatalog()
  const { bytes } = await readSegment(segmentsDir, level0(2))
  for (const length of [0, 1, 8, 24, bytes.length - 20, bytes.length - 1]) {
    await truncate(join(segmentsDir, level0(2)), length)
    t.equal(await recover(catalog), 2, 'its number is not used again')
    t.same(await files(), [level0(1)], `cut at ${length}`)
    await writeFile(join(segmentsDir, level0(2)), bytes)
  }
  t.same(await known(catalog), [level0(1)])
  t.ok(messages().includes('deleted an incomplete segment that was never acknowledged'))
})

test('with a new catalog, an incomplete segment is set aside: it may be a broken copy', async t => {
  const { recover, segmentsDir, files, newCatalog, messages } = await openWith(t, 2)
  await truncate(join(segmentsDir, level0(2)), 60)
  t.equal(await recover(newCatalog()), 2)
  t.same(await files(), [level0(1)])
  const quarantine = await readdir(join(segmentsDir, '../quarantine'))
  t.same(quarantine, [level0(2)])
  t.ok(messages().some(message => message.startsWith('set aside a damaged or incomplete segment')))
})

test('a segment with its end but without its middle is set aside: it may count', async t => {
  const { recover, segmentsDir, files, newCatalog } = await openWith(t, 2)
  const { bytes, footer } = await readSegment(segmentsDir, level0(2))
  const [block] = footer.parts[0]!.blocks
  bytes.fill(0, block!.offsetBytes, block!.offsetBytes + 10)
  await writeFile(join(segmentsDir, level0(2)), bytes)
  await recover(newCatalog())
  t.same(await files(), [level0(1)])
  t.same(await readdir(join(segmentsDir, '../quarantine')), [level0(2)])
})

test('a segment that was entered once and is damaged is set aside, not deleted', async t => {
  const { recover, catalog, segmentsDir, files } = await openWith(t, 3)
  await catalog.removeSegments([level0(2)])
  await truncate(join(segmentsDir, level0(2)), 20)
  await recover()
  t.same(await files(), [level0(1), level0(3)])
  t.same(await readdir(join(segmentsDir, '../quarantine')), [level0(2)])
})

test('a segment under the name of another one is set aside', async t => {
  const { recover, segmentsDir, files } = await openWith(t, 2)
  await copyFile(join(segmentsDir, level0(1)), join(segmentsDir, level0(9)))
  await recover()
  t.same(await files(), [level0(1), level0(2)])
  t.same(await readdir(join(segmentsDir, '../quarantine')), [level0(9)])
})

test('a complete segment that the catalog does not know is added', async t => {
  const { recover, catalog, known, messages } = await openWith(t, 3)
  await catalog.removeSegments([level0(2), level0(3)])
  t.equal(await recover(), 3)
  t.same(await known(catalog), [level0(1), level0(2), level0(3)])
  t.same(messages(), ['entered segments found on disk'])
  t.equal(await recover(), 3, 'and stays so')
})

test('an unfinished compaction is deleted, and its inputs stay', async t => {
  const storage = await openWith(t, 3)
  const { recover, files, known, messages, rows } = storage
  const before = await rows()
  await mergeFiles(storage, [level0(1), level0(2)], { name: segmentName(4, 1) })
  for (const catalog of [storage.catalog, storage.newCatalog()]) {
    t.equal(await recover(catalog), catalog === storage.catalog ? 4 : 3)
    t.same(await files(), [level0(1), level0(2), level0(3)])
    t.same(await known(catalog), [level0(1), level0(2), level0(3)])
  }
  t.same(await rows(), before)
  t.ok(messages().includes('deleted an unfinished compaction'))
})

test('an incomplete output of a compaction is deleted, and its inputs stay', async t => {
  const storage = await openWith(t, 2)
  const { recover, files, segmentsDir } = storage
  const { sizeBytes } = await mergeFiles(storage, [level0(1), level0(2)], {
    name: segmentName(3, 1),
  })
  await truncate(join(segmentsDir, segmentName(3, 1)), sizeBytes - 1)
  await recover()
  t.same(await files(), [level0(1), level0(2)])
})

test('a replacement that had begun is finished', async t => {
  const storage = await openWith(t, 4)
  const { recover, files, known, rows, segmentsDir, newCatalog } = storage
  const before = await rows()
  const inputs = [level0(1), level0(2), level0(3)]
  await mergeFiles(storage, inputs, { name: segmentName(5, 1), sequence: 3 })
  await rm(join(segmentsDir, level0(2)))
  const catalog = newCatalog()
  t.equal(await recover(catalog), 5)
  t.same(await files(), [level0(4), segmentName(5, 1)])
  t.same(await known(catalog), [segmentName(5, 1), level0(4)], 'oldest data first')
  t.same(await rows(), before)
  t.same(await catalog.listDropped(), [])
})

test('a replacement whose catalog lost its newest rows is finished', async t => {
  const storage = await openWith(t, 2)
  const { recover, files, known, catalog, segmentsDir, messages } = storage
  await mergeFiles(storage, [level0(1), level0(2)], { name: segmentName(3, 1) })
  await rm(join(segmentsDir, level0(1)))
  await recover()
  t.same(await files(), [segmentName(3, 1)])
  t.same(await known(catalog), [segmentName(3, 1)])
  t.notOk(messages().includes('segments are missing, their entries are lost'))
})

test('of repeated replacements, the newest remains', async t => {
  const storage = await openWith(t, 4)
  const { recover, files, known, rows, segmentsDir, newCatalog } = storage
  const before = await rows()
  const [m1, m2, top] = [segmentName(5, 1), segmentName(6, 1), segmentName(7, 2)]
  await mergeFiles(storage, [level0(1), level0(2)], { name: m1, sequence: 2 })
  await mergeFiles(storage, [level0(3), level0(4)], { name: m2, sequence: 4 })
  await mergeFiles(storage, [m1, m2], { name: top, level: 2, sequence: 4 })
  for (const name of [level0(1), level0(2), level0(3), m1]) await rm(join(segmentsDir, name))
  const catalog = newCatalog()
  await recover(catalog)
  t.same(await files(), [top])
  t.same(await known(catalog), [top])
  t.same(await rows(), before)
})

test('with a bucket, a merge of merged segments is finished, and one of level 0 undone', async t => {
  const storage = await openWith(t, 5)
  const { recover, recoverBucket, files, known, rows, segmentsDir, catalog } = storage
  const [m1, m2, top, m3] = [5, 6, 7, 8].map((sequence, i) =>
    segmentName(sequence, i === 2 ? 2 : 1),
  )
  for (const [name, sequence] of [
    [m1!, 1],
    [m2!, 3],
  ] as const) {
    await mergeFiles(storage, [level0(sequence), level0(sequence + 1)], {
      name,
      sequence: sequence + 1,
    })
    await enter(storage, name)
  }
  await recover()
  t.same(await known(catalog), [m1, m2, level0(5)])
  const before = await rows()
  await mergeFiles(storage, [m1!, m2!], { name: top!, level: 2, sequence: 4 })
  await mergeFiles(storage, [level0(5)], { name: m3!, sequence: 5 })
  await recoverBucket()
  t.same(await known(catalog), [top, level0(5)])
  t.same(await files(), [level0(5), top])
  t.same(await rows(), before)
  t.equal((await segmentNames(segmentsDir)).length, 2)
})

test('dropped segments are deleted if their deletion did not finish', async t => {
  const storage = await openWith(t, 3)
  const { recover, files, known, catalog, segmentsDir } = storage
  await mergeFiles(storage, [level0(1), level0(2)], { name: segmentName(4, 1), sequence: 2 })
  await enter(storage, segmentName(4, 1))
  await rm(join(segmentsDir, level0(1)))
  t.equal((await catalog.listDropped()).length, 2)
  await recover()
  t.same(await files(), [level0(3), segmentName(4, 1)])
  t.same(await known(catalog), [segmentName(4, 1), level0(3)])
  t.same(await catalog.listDropped(), [])
})

test('a segment whose file is missing is removed from the catalog and logged', async t => {
  const { recover, known, catalog, segmentsDir, messages } = await openWith(t, 2)
  await rm(join(segmentsDir, level0(1)))
  await recover()
  t.same(await known(catalog), [level0(2)])
  t.same(messages(), ['segments are missing, their entries are lost'])
})

test('a lost catalog is rebuilt with the same streams, days and tenants', async t => {
  const storage = await openStorage(t)
  const { push, catalog, objects } = storage
  const next = midnightNs + dayNs
  await push(
    'a',
    acceptedStream({ app: 'x', pod: 'p' }, [
      [midnightNs, '1'],
      [next, '2'],
    ]),
  )
  await push('b', acceptedStream({ app: 'y' }, [[next + 5n, '3']]))
  await mergeFiles(storage, [level0(1), level0(2)], { name: segmentName(3, 1) })
  const { logger } = createTestLogger()
  const again = openSqliteCatalog(join(storage.dir, 'again.sqlite'))
  t.teardown(() => again.close())
  t.equal(await recover({ catalog: again, objects, logger }), 3)
  const both = { startNs: midnightNs, endNs: next + dayNs }
  for (const tenant of ['a', 'b', 'c']) {
    for (const asked of [range, both, { startNs: next, endNs: next + 1n }]) {
      const ask = async (index: SqliteCatalog) => ({
        streams: await index.findStreams(tenant, [], asked),
        segments: (await index.findSegments(tenant, asked)).map(({ name }) => name),
        names: await index.labelNames(tenant, asked),
        values: await index.labelValues(tenant, 'app', asked),
      })
      t.same(await ask(again), await ask(catalog))
    }
  }
  t.same(await again.tenants(), await catalog.tenants())
  const partsOf = async (index: SqliteCatalog) =>
    (await index.listParts('level0')).map(part => ({ ...part, createdMs: 0 }))
  t.same(await partsOf(again), await partsOf(catalog))
})

test('a store without its catalog answers as before', async t => {
  const dir = t.testdir()
  const first = await startTestStore(t, { dir })
  const stream = (app: string, from: number) =>
    jsonStream(
      { app },
      Array.from({ length: 50 }, (_, i) => [midnightNs + BigInt(from + i), `${app} ${from + i}`]),
    )
  await first.push([stream('x', 0), stream('y', 10)])
  await first.get('/flush')
  await first.push([stream('x', 100), stream('x', 0)])
  const onDay = { start: String(midnightNs), end: String(midnightNs + dayNs) }
  const ask = async (store: typeof first) => ({
    lines: await store.lines('{app=~".+"}'),
    labels: (await store.get('/loki/api/v1/labels', onDay)).body,
    series: (await store.get('/loki/api/v1/series', onDay)).body,
  })
  const before = await ask(first)
  t.equal(before.lines.length, 150)
  await first.stop()
  for (const suffix of ['', '-wal', '-shm']) {
    await rm(join(dir, `catalog.sqlite${suffix}`), { force: true })
  }
  const second = await startTestStore(t, { dir })
  t.same(await ask(second), before)
})
