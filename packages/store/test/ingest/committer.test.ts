import { existsSync } from 'node:fs'
import { readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createLabelSet } from '@skald/wire'
import { type Test, test } from 'tap'
import { openSqliteCatalog } from '../../src/catalog/sqlite.ts'
import { StorageUnavailableError } from '../../src/errors.ts'
import { type Commit, type CommitPace, Committer } from '../../src/ingest/committer.ts'
import { commitBytesMax } from '../../src/limits.ts'
import { openDiskObjectStore } from '../../src/objects/disk.ts'
import type { ObjectStore } from '../../src/objects/object-store.ts'
import {
  acceptedStream,
  createTestLogger,
  day,
  dayNs,
  midnightNs,
  openStorage,
  type Row,
} from '../harness.ts'
import { readAllRows, readSegment, segmentNames } from '../segment-rows.ts'

const row = (offset: number | bigint, line: string): Row => [midnightNs + BigInt(offset), line]
const linesOf = (rows: readonly { line: string }[]) => rows.map(({ line }) => line)

test('pushes that wait together form one level-0 segment', async t => {
  const { push, segmentsDir, catalog } = await openStorage(t)
  await push('a', acceptedStream({ app: 'first' }, [row(0, 'alone')]))
  await Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      push('a', acceptedStream({ app: 'x' }, [row(i, `line ${i}`)])),
    ),
  )
  const names = await segmentNames(segmentsDir)
  t.equal(names.length, 2)
  const { footer, rows } = await readSegment(segmentsDir, names[1]!)
  t.same([footer.level, footer.sequence, footer.replaces], [0, 2, []])
  t.same(
    linesOf(rows),
    Array.from({ length: 20 }, (_, i) => `line ${i}`),
  )
  t.equal(footer.parts[0]!.blocks.length, 1, 'one stream, one block')
  t.same(
    (await catalog.listSegments()).map(({ name }) => name),
    names,
  )
})

test('a push learns when its lines are copied, and may overwrite them then', async t => {
  const { committer, segmentsDir } = await openStorage(t)
  const steps: string[] = []
  const pushes = ['one', 'two'].map(async line => {
    const stream = acceptedStream({ app: line }, [row(0, line), row(1, `${line} again`)])
    const { source } = stream
    await committer.add('a', [stream], 20, () => {
      steps.push(`${line} copied`)
      source.bytes.fill(0)
      for (const column of [source.seconds, source.nanos, source.lineOffsets, stream.lengths])
        column.fill(0)
    })
    steps.push(`${line} durable`)
  })
  await Promise.all(pushes)
  t.same(steps, ['one copied', 'two copied', 'one durable', 'two durable'])
  t.same(linesOf(await readAllRows(segmentsDir)), ['one', 'one again', 'two', 'two again'])
})

test('a push is acknowledged after its file is complete, in the catalog and announced', async t => {
  const dir = t.testdir()
  const objects = await openDiskObjectStore(join(dir, 'segments'))
  const catalog = openSqliteCatalog(join(dir, 'catalog.sqlite'))
  t.teardown(() => Promise.all([objects.close(), catalog.close()]))
  const commits: Commit[] = []
  const committer = new Committer({
    objects,
    catalog,
    clock: { now: () => 1234 },
    logger: createTestLogger().logger,
    nextSequence: () => 7,
    arriving: () => 0,
    onCommit: commit => commits.push(commit),
  })
  await committer.add('a', [acceptedStream({ app: 'x' }, [row(5, 'hello')])], 5)
  const name = '0000000000000007-0.seg'
  t.same(
    commits.map(commit => commit.name),
    [name],
  )
  const { footer, bytes } = await readSegment(join(dir, 'segments'), name)
  t.same(commits[0]!.footer, footer)
  t.same(await catalog.listSegments(), [
    { name, level: 0, sequence: 7, sizeBytes: bytes.length, createdMs: 1234 },
  ])
  const range = { startNs: midnightNs, endNs: midnightNs + dayNs }
  t.same([...(await catalog.findStreams('a', [], range)).values()], [createLabelSet({ app: 'x' })])
})

test('a commit separates and sorts days, tenants and streams', async t => {
  const { push, segmentsDir } = await openStorage(t)
  const border = midnightNs + dayNs
  await Promise.all([
    push('b', acceptedStream({ app: 'x' }, [row(0, 'b')])),
    push(
      'a',
      acceptedStream({ app: 'z' }, [
        [border - 1n, 'last of the day'],
        [border, 'first of the next'],
        [border - 2n, 'the day before again'],
      ]),
      acceptedStream({ app: 'y' }, [row(1, 'y')]),
    ),
  ])
  const [name] = await segmentNames(segmentsDir)
  const { footer, rows } = await readSegment(segmentsDir, name!)
  t.same(
    footer.parts.map(part => [part.tenant, part.day - day, part.streams]),
    [
      ['a', 0, ['{app="y"}', '{app="z"}']],
      ['a', 1, ['{app="z"}']],
      ['b', 0, ['{app="x"}']],
    ],
  )
  t.same(linesOf(rows), ['y', 'the day before again', 'last of the day', 'first of the next', 'b'])
  for (const { day: ofPart, timeNs } of rows) t.equal(BigInt(ofPart), timeNs / dayNs)
})

test('lines before 1970 and at the ends of the time range keep their times', async t => {
  const { push, segmentsDir } = await openStorage(t)
  const times = [1n, dayNs - 1n, 9_223_372_035_999_999_999n]
  await push(
    'a',
    acceptedStream(
      { app: 'x' },
      times.map((time): Row => [time, String(time)]),
    ),
  )
  const rows = await readAllRows(segmentsDir)
  t.same(
    rows.map(({ timeNs }) => timeNs),
    times,
  )
  t.same(linesOf(rows), times.map(String))
})

test('rows out of order are sorted, with equal times in order of arrival', async t => {
  const { push, segmentsDir } = await openStorage(t)
  await Promise.all([
    push('a', acceptedStream({ app: 'x' }, [row(3, 'third'), row(1, 'first'), row(2, 'p1')])),
    push('a', acceptedStream({ app: 'x' }, [row(2, 'p2'), row(0, 'zeroth'), row(2, 'p3')])),
  ])
  t.same(linesOf(await readAllRows(segmentsDir)), ['zeroth', 'first', 'p1', 'p2', 'p3', 'third'])
})

test('a line repeated at the same time in one commit is kept once', async t => {
  const { push, segmentsDir } = await openStorage(t)
  const rows = [row(1, 'same'), row(1, 'other'), row(2, 'same')]
  await Promise.all([
    push('a', acceptedStream({ app: 'x' }, [...rows, row(1, 'same')])),
    push('a', acceptedStream({ app: 'x' }, rows)),
    push('a', acceptedStream({ app: 'y' }, rows)),
    push('b', acceptedStream({ app: 'x' }, rows)),
  ])
  t.equal((await readAllRows(segmentsDir)).length, 9, 'three in each stream of each tenant')
})

test('very many lines with one time are committed without comparing every pair', async t => {
  const { push, segmentsDir } = await openStorage(t)
  const rows = Array.from({ length: 60_000 }, (_, i) => row(0, `line ${i % 50_000} of many`))
  const started = performance.now()
  await push('a', acceptedStream({ app: 'x' }, rows))
  t.equal((await readAllRows(segmentsDir)).length, 50_000)
  const ms = performance.now() - started
  t.ok(ms < 5000, `${Math.round(ms)} ms`)
})

test('only accepted rows are stored, with their lengths and metadata', async t => {
  const { push, segmentsDir } = await openStorage(t)
  const stream = acceptedStream({ app: 'x' }, [
    row(0, 'refused'),
    [midnightNs + 1n, 'kept and cut', { id: '1' }],
    row(2, 'refused too'),
    row(3, 'kept'),
    [midnightNs + 4n, 'last', { id: '2', level: 'warn' }],
  ])
  const lengths = stream.lengths.slice()
  lengths[1] = 4
  await push('a', { ...stream, rows: Uint32Array.from([1, 3, 4]), lengths, wantsLevels: false })
  t.same(
    (await readAllRows(segmentsDir)).map(({ line, metadata }) => [line, metadata]),
    [
      ['kept', { id: '1' }],
      ['kept', {}],
      ['last', { id: '2', level: 'warn' }],
    ],
  )
})

test('levels are left pending only if they are wanted', async t => {
  const { push, segmentsDir } = await openStorage(t)
  const rows = [row(0, 'level=error')]
  await push(
    'a',
    acceptedStream({ app: 'with' }, rows),
    acceptedStream({ app: 'without' }, rows, { wantsLevels: false }),
  )
  const [name] = await segmentNames(segmentsDir)
  const segment = await readSegment(segmentsDir, name!)
  t.same(
    segment.footer.parts[0]!.blocks.map(({ flags }) => flags),
    [1, 0],
  )
  t.same(
    segment.rows.map(({ metadata }) => metadata),
    [{ detected_level: 'error' }, {}],
  )
})

test('a commit takes what fits and leaves the rest to the next', async t => {
  const { push, segmentsDir } = await openStorage(t)
  const large = 'x'.repeat(commitBytesMax / 2)
  await Promise.all(
    Array.from({ length: 5 }, (_, i) =>
      push('a', acceptedStream({ app: String(i) }, [row(i, large)])),
    ),
  )
  t.equal((await segmentNames(segmentsDir)).length, 3)
  t.equal((await readAllRows(segmentsDir)).length, 5)
})

test('a push larger than a commit is committed on its own', async t => {
  const { push, segmentsDir } = await openStorage(t)
  const rows = Array.from({ length: 12 }, (_, i) => row(i, 'y'.repeat(1024 * 1024)))
  await push('a', acceptedStream({ app: 'x' }, rows))
  t.equal((await segmentNames(segmentsDir)).length, 1)
  t.same(linesOf(await readAllRows(segmentsDir)), linesOf(rows.map(([, line]) => ({ line }))))
})

test('a missing directory rejects every waiting push, and later ones work again', async t => {
  const { dir, push, segmentsDir, catalog, messages } = await openStorage(t)
  const aside = join(dir, 'aside')
  await rename(segmentsDir, aside)
  await writeFile(segmentsDir, 'a file where the directory was')
  const results = await Promise.allSettled(
    Array.from({ length: 3 }, (_, i) => push('a', acceptedStream({ app: 'x' }, [row(i, 'lost')]))),
  )
  for (const result of results) {
    t.equal(result.status, 'rejected')
    const { reason } = result as PromiseRejectedResult
    t.ok(reason instanceof StorageUnavailableError)
    t.match((reason as Error).message, /^Cannot store pushes: ENOTDIR/)
    t.match((reason as Error).cause, { code: 'ENOTDIR' })
  }
  t.same(await catalog.listSegments(), [])
  await t.rejects(push('a', acceptedStream({ app: 'x' }, [row(3, 'lost')])))
  t.same(messages(), ['cannot store pushes: rejecting them'], 'once, while it lasts')
  await rm(segmentsDir)
  await rename(aside, segmentsDir)
  await push('a', acceptedStream({ app: 'x' }, [row(9, 'kept')]))
  t.same(linesOf(await readAllRows(segmentsDir)), ['kept'])
  t.equal((await catalog.listSegments()).length, 1)
  t.equal(messages().at(-1), 'storing pushes works again')
})

test('a failing catalog leaves no file behind', async t => {
  const { push, segmentsDir, catalog } = await openStorage(t)
  await push('a', acceptedStream({ app: 'x' }, [row(0, 'before')]))
  await catalog.close()
  await t.rejects(push('a', acceptedStream({ app: 'x' }, [row(1, 'lost')])), {
    name: 'StorageUnavailableError',
    code: 'STORAGE_UNAVAILABLE',
  })
  t.equal((await segmentNames(segmentsDir)).length, 1)
})

test('an existing name is never overwritten', async t => {
  const { push, segmentsDir } = await openStorage(t)
  const taken = join(segmentsDir, '0000000000000001-0.seg')
  await writeFile(taken, 'somebody else')
  await t.rejects(push('a', acceptedStream({ app: 'x' }, [row(0, 'a')])), StorageUnavailableError)
  t.ok(existsSync(taken))
})

test('drain resolves once every accepted push is stored, and at once if there is none', async t => {
  const { push, committer, segmentsDir } = await openStorage(t)
  await committer.drain()
  const settled: number[] = []
  const pushes = Array.from({ length: 5 }, (_, i) =>
    push('a', acceptedStream({ app: 'x' }, [row(i, `${i}`)])).then(() => settled.push(i)),
  )
  await committer.drain()
  await Promise.all(pushes)
  t.same(settled, [0, 1, 2, 3, 4])
  t.equal((await readAllRows(segmentsDir)).length, 5)
  t.equal((await readdir(segmentsDir)).length, 1)
})

test('a commit waits for arriving pushes, and for no others', async t => {
  let arriving = 1
  const { push, segmentsDir } = await openStorage(t, { arriving: () => arriving })
  const first = push('a', acceptedStream({ app: 'x' }, [row(0, 'first')]))
  // The second arrives while the first waits for it.
  await new Promise(resolve => setImmediate(resolve))
  arriving = 0
  await Promise.all([first, push('a', acceptedStream({ app: 'x' }, [row(1, 'second')]))])
  t.equal((await segmentNames(segmentsDir)).length, 1)
})

test('a clock that is set back delays no push', async t => {
  const dir = t.testdir()
  const objects = await openDiskObjectStore(join(dir, 'segments'))
  const catalog = openSqliteCatalog(join(dir, 'catalog.sqlite'))
  t.teardown(() => Promise.all([objects.close(), catalog.close()]))
  let setBackMs = 0
  let sequence = 0
  const committer = new Committer({
    objects,
    catalog,
    clock: { now: () => Date.now() - setBackMs },
    logger: createTestLogger().logger,
    nextSequence: () => ++sequence,
    arriving: () => 0,
    onCommit: () => undefined,
  })
  await committer.add('a', [acceptedStream({ app: 'x' }, [row(0, 'a')])], 1)
  setBackMs = 3_600_000
  const started = performance.now()
  await committer.add('a', [acceptedStream({ app: 'x' }, [row(1, 'b')])], 1)
  t.ok(performance.now() - started < 5000)
})

/** A committer whose writes end when the test lets them. */
async function slowCommitter(t: Test, pace: Partial<CommitPace>) {
  const dir = t.testdir()
  const segmentsDir = join(dir, 'segments')
  const objects = await openDiskObjectStore(segmentsDir)
  const catalog = openSqliteCatalog(join(dir, 'catalog.sqlite'))
  t.teardown(() => Promise.all([objects.close(), catalog.close()]))
  /** The writes under way, oldest first. */
  const writes: { readonly name: string; end(error?: Error): void }[] = []
  const slow: ObjectStore = Object.create(objects, {
    put: {
      value: async (name: string, pieces: Iterable<Buffer>) => {
        const { promise, resolve, reject } = Promise.withResolvers<void>()
        writes.push({ name, end: error => (error ? reject(error) : resolve()) })
        await promise
        await objects.put(name, pieces)
      },
    },
    delete: { value: (names: readonly string[]) => objects.delete(names) },
  })
  const entered: string[] = []
  let sequence = 0
  const committer = new Committer({
    ...{ objects: slow, catalog, pace },
    clock: { now: () => Date.now() },
    logger: createTestLogger().logger,
    nextSequence: () => ++sequence,
    arriving: () => 0,
    onCommit: ({ name }) => entered.push(name.slice(13, 16)),
  })
  const push = (i: number) =>
    committer.add('a', [acceptedStream({ app: 'x' }, [row(i, `line ${i}`)])], 6)
  const hasWrites = async (count: number) => {
    while (writes.length < count) await new Promise(resolve => setTimeout(resolve, 1))
  }
  return { committer, push, writes, hasWrites, entered, segmentsDir }
}

test('several commits are written at a time, and enter the catalog in their order', async t => {
  const pace = { inFlight: 3, eagerBytes: 1, compression: 'zstd' } as const
  const { committer, push, writes, hasWrites, entered, segmentsDir } = await slowCommitter(t, pace)
  const answers: Promise<string>[] = []
  for (const [i] of [0, 1, 2].entries()) {
    answers.push(
      push(i).then(
        () => `stored ${i}`,
        () => `failed ${i}`,
      ),
    )
    await hasWrites(i + 1)
  }
  const last = push(3)
  await new Promise(resolve => setTimeout(resolve, 20))
  t.equal(writes.length, 3, 'the fourth waits')
  writes[2]!.end()
  writes[1]!.end(new Error('no room'))
  await new Promise(resolve => setTimeout(resolve, 20))
  t.same(entered, [], 'the first is not done')
  t.equal(writes.length, 3, 'nor is there memory for another')
  writes[0]!.end()
  t.same(await Promise.all(answers), ['stored 0', 'failed 1', 'stored 2'])
  await hasWrites(4)
  writes[3]!.end()
  await last
  await committer.drain()
  t.same(entered, ['001', '003', '004'])
  t.same(linesOf(await readAllRows(segmentsDir)), ['line 0', 'line 2', 'line 3'])
})

test('commits keep their interval unless many bytes wait', async t => {
  const { push, writes, hasWrites } = await slowCommitter(t, { intervalMs: 60_000, eagerBytes: 12 })
  const first = push(0)
  await hasWrites(1)
  writes[0]!.end()
  await first
  const second = push(1)
  await new Promise(resolve => setTimeout(resolve, 40))
  t.equal(writes.length, 1, 'one push waits for the interval')
  const third = push(2)
  await hasWrites(2)
  writes[1]!.end()
  await Promise.all([second, third])
})

test('if the catalog gives the order, no commit waits for those before it', async t => {
  const pace = { inFlight: 2, eagerBytes: 1, orderedBy: 'catalog' } as const
  const { push, writes, hasWrites, entered } = await slowCommitter(t, pace)
  const first = push(0)
  await hasWrites(1)
  const second = push(1)
  await hasWrites(2)
  writes[1]!.end()
  await second
  t.same(entered, ['002'])
  writes[0]!.end()
  await first
  t.same(entered, ['002', '001'])
})
