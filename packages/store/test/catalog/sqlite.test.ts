import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { maxBigint, minBigint } from '@skald/go-dialect'
import { createLabelSet, formatLabelSet, type Matcher, type MatcherOp } from '@skald/wire'
import Database from 'better-sqlite3'
import { type Test, test } from 'tap'
import type { CatalogSegment, StreamActivity, TimeRange } from '../../src/catalog/catalog.ts'
import { migrations } from '../../src/catalog/migrations.ts'
import { seal } from '../../src/catalog/seal.ts'
import { openSqliteCatalog, type SqliteCatalog } from '../../src/catalog/sqlite.ts'
import { openCatalogReader } from '../../src/catalog/sqlite-reader.ts'
import { catalogPairsCachedMax } from '../../src/limits.ts'
import { segmentName } from '../../src/segment/name.ts'
import { day, dayNs, type Labels, midnightNs } from '../harness.ts'

const second = 1_000_000_000n
const wholeDay: TimeRange = { startNs: midnightNs, endNs: midnightNs + dayNs }

function open(t: Test): SqliteCatalog {
  const catalog = openSqliteCatalog(join(t.testdir(), 'catalog.sqlite'))
  t.teardown(() => catalog.close())
  return catalog
}

function activity(labels: Labels, from = midnightNs, to = from): StreamActivity {
  const set = createLabelSet(labels)
  return { labelsText: formatLabelSet(set), labels: set, minNs: from, maxNs: to }
}

interface SegmentOptions {
  readonly name?: string
  readonly level?: number
  readonly tenant?: string
  readonly day?: number
  readonly sizeBytes?: number
  readonly createdMs?: number
}

/** Builds a segment with one part that holds these streams. */
function segment(
  sequence: number,
  streams: readonly StreamActivity[],
  options: SegmentOptions = {},
): CatalogSegment {
  const { level = 0, tenant = 'a', sizeBytes = 100, createdMs = 5 } = options
  const { name = segmentName(sequence, level) } = options
  const minNs = streams.map(stream => stream.minNs).reduce(minBigint)
  const maxNs = streams.map(stream => stream.maxNs).reduce(maxBigint)
  const part = {
    tenant,
    day: options.day ?? day,
    minNs,
    maxNs,
    rowCount: 3,
    lineBytes: 30,
    streams,
  }
  return { name, level, sequence, version: 2, sizeBytes, createdMs, parts: [part] }
}

const names = (found: readonly { name: string }[]) => found.map(({ name }) => name)
const texts = (found: Map<string, unknown>) => [...found.keys()].sort()
const matcher = (name: string, op: MatcherOp, value: string): Matcher => ({ name, op, value })

test('a new catalog has every table and is empty', async t => {
  const catalog = open(t)
  t.same(await catalog.totals(), { segments: 0, streams: 0, sizeBytes: 0 })
  t.same(await catalog.level0(), { segments: 0, sizeBytes: 0, oldestMs: 0 })
  t.same(await catalog.listSegments(), [])
  t.same(await catalog.tenants(), [])
  t.same(await catalog.findStreams('a', [], wholeDay), new Map())
})

test('a catalog records its version, and one from a newer version is refused', async t => {
  const path = join(t.testdir(), 'catalog.sqlite')
  await openSqliteCatalog(path).close()
  const database = new Database(path)
  t.equal(database.pragma('user_version', { simple: true }), migrations.length)
  const newer = {
    name: 'RangeError',
    message: `Cannot open catalog ${path}: version ${migrations.length + 1} is newer than this program`,
  }
  database.pragma(`user_version = ${migrations.length + 1}`)
  seal(database)
  t.throws(() => openSqliteCatalog(path), newer)
  t.throws(() => openCatalogReader(path), newer)
  database.pragma('application_id = 0')
  t.throws(() => openSqliteCatalog(path), newer, 'without a seal')
  database.close()
})

test('a version or a table that does not fit the seal is damage', async t => {
  const path = join(t.testdir(), 'catalog.sqlite')
  await openSqliteCatalog(path).close()
  const damages = [
    `PRAGMA user_version = ${migrations.length + 4}`,
    'ALTER TABLE segments RENAME COLUMN name TO lame',
    'DROP TABLE pair_days',
    'PRAGMA application_id = 5',
  ]
  const whole = readFileSync(path)
  for (const damage of damages) {
    writeFileSync(path, whole)
    const database = new Database(path)
    database.exec(damage)
    database.close()
    const corrupt = { code: 'SQLITE_CORRUPT', message: /^The catalog is damaged/ }
    t.throws(() => openSqliteCatalog(path), corrupt, damage)
    t.throws(() => openCatalogReader(path), corrupt, damage)
  }
  // The number of the schema format, which SQLite reads first.
  const bytes = Buffer.from(whole)
  bytes[47]! ^= 64
  writeFileSync(path, bytes)
  t.throws(() => openSqliteCatalog(path), { code: 'SQLITE_CORRUPT', message: /file format/ })
})

test('a catalog without a seal gets one, also when it is upgraded', async t => {
  const path = join(t.testdir(), 'catalog.sqlite')
  for (const [setup, what] of [
    ['', 'newest version'],
    [migrations[0]!, 'first version'],
  ] as const) {
    rmSync(path, { force: true })
    if (setup === '') await openSqliteCatalog(path).close()
    const database = new Database(path)
    database.exec(setup === '' ? 'PRAGMA application_id = 0' : `${setup}; PRAGMA user_version = 1`)
    await openSqliteCatalog(path).close()
    t.not(database.pragma('application_id', { simple: true }), 0, what)
    database.close()
    await openSqliteCatalog(path).close()
  }
})

test('a file that is not a database is reported by its code', async t => {
  const path = join(t.testdir(), 'catalog.sqlite')
  writeFileSync(path, 'no database, but long enough to have a header of one'.repeat(100))
  t.throws(() => openSqliteCatalog(path), { code: 'SQLITE_NOTADB' })
})

test('adding a segment again changes nothing', async t => {
  const catalog = open(t)
  const first = segment(1, [activity({ app: 'x' })])
  await catalog.addSegments([first], [])
  const again = segment(1, [activity({ app: 'other' })], { sizeBytes: 999 })
  await catalog.addSegments([again, first], [])
  t.same(await catalog.totals(), { segments: 1, streams: 1, sizeBytes: 100 })
  t.equal((await catalog.listParts('level0')).length, 1)
})

test('replaced segments are unused at once, and listed as dropped until they are forgotten', async t => {
  const catalog = open(t)
  const streams = [activity({ app: 'x' })]
  await catalog.addSegments([segment(1, streams), segment(2, streams), segment(3, streams)], [])
  await catalog.addSegments(
    [segment(2, streams, { level: 1 })],
    [segmentName(1, 0), segmentName(2, 0)],
  )
  t.same(names(await catalog.listSegments()), [segmentName(2, 1), segmentName(3, 0)])
  t.same(names(await catalog.findSegments('a', wholeDay)), [segmentName(2, 1), segmentName(3, 0)])
  t.same((await catalog.listDropped()).sort(), [segmentName(1, 0), segmentName(2, 0)])
  t.same(names(await catalog.listParts('level0')), [segmentName(3, 0)])
  t.same(names(await catalog.listParts('compacted')), [segmentName(2, 1)])
  await catalog.forgetDropped([segmentName(1, 0)])
  t.same(await catalog.listDropped(), [segmentName(2, 0)])
  t.same(texts(await catalog.findStreams('a', [], wholeDay)), ['{app="x"}'], 'streams stay')
})

test('removed segments leave nothing behind and are not listed as dropped', async t => {
  const catalog = open(t)
  await catalog.addSegments([segment(1, [activity({ app: 'x' })])], [])
  await catalog.removeSegments([segmentName(1, 0), 'unknown'])
  t.same(await catalog.listSegments(), [])
  t.same(await catalog.findSegments('a', wholeDay), [])
  t.same(await catalog.listDropped(), [])
})

test('a segment that cannot be added leaves nothing of its transaction', async t => {
  const catalog = open(t)
  const streams = [activity({ app: 'x' })]
  await catalog.addSegments([segment(1, streams)], [])
  const bad = segment(2, [activity({ app: 'y' }, 1n << 70n)])
  await t.rejects(
    catalog.addSegments([segment(3, [activity({ app: 'z' })]), bad], [segmentName(1, 0)]),
  )
  t.same(names(await catalog.listSegments()), [segmentName(1, 0)])
  t.same(await catalog.listDropped(), [])
  await catalog.addSegments([segment(4, [activity({ app: 'z' })])], [])
  t.same(
    texts(await catalog.findStreams('a', [matcher('app', '=', 'z')], wholeDay)),
    ['{app="z"}'],
    'no id of the rolled-back transaction is used again',
  )
})

test('retention removes level-0 segments that hold nothing else', async t => {
  const catalog = open(t)
  const streams = [activity({ app: 'x' })]
  const [part] = segment(1, streams).parts
  const old = { ...part!, day: day - 5 }
  await catalog.addSegments(
    [
      { ...segment(1, streams), parts: [old] },
      { ...segment(2, streams), parts: [old, { ...old, tenant: 'b' }] },
      { ...segment(3, streams), parts: [old, part!] },
    ],
    [],
  )
  t.same(await catalog.dropBefore('a', day), [segmentName(1, 0)])
  t.same(await catalog.listDropped(), [segmentName(1, 0)])
  t.same(names(await catalog.listSegments()), [segmentName(2, 0), segmentName(3, 0)])
})

test('a lost file may come back, and marks only grow', async t => {
  const catalog = open(t)
  const streams = [activity({ app: 'x' })]
  t.same(await catalog.marks(), { level0: 0, compacted: 0 })
  await catalog.addSegments([segment(4, streams), segment(2, streams)], [])
  await catalog.addSegments([segment(5, streams, { level: 1 })], [segmentName(2, 0)])
  t.same(await catalog.marks(), { level0: 4, compacted: 5 })
  await catalog.removeSegments([segmentName(4, 0), segmentName(5, 1)])
  t.same(await catalog.marks(), { level0: 4, compacted: 5 })
  t.same(await catalog.listLost(), [segmentName(4, 0), segmentName(5, 1)])
  await catalog.addSegments([segment(4, streams)], [])
  t.same(await catalog.listLost(), [segmentName(5, 1)])
})

test('the summary of level 0 includes its oldest commit', async t => {
  const catalog = open(t)
  const streams = [activity({ app: 'x' })]
  await catalog.addSegments(
    [
      segment(1, streams, { createdMs: 30, sizeBytes: 5 }),
      segment(2, streams, { createdMs: 20, sizeBytes: 7 }),
      segment(3, streams, { createdMs: 10, level: 1, sizeBytes: 11 }),
    ],
    [],
  )
  t.same(await catalog.level0(), { segments: 2, sizeBytes: 12, oldestMs: 20 })
  t.same(await catalog.totals(), { segments: 3, streams: 1, sizeBytes: 23 })
})

test('the size of a day is that of its segments, and its share of level 0', async t => {
  const catalog = open(t)
  const streams = [activity({ app: 'x' })]
  const [part] = segment(1, streams).parts
  const shared = [
    { ...part!, lineBytes: 29 },
    { ...part!, tenant: 'b', lineBytes: 9 },
    { ...part!, tenant: 'b', day: day + 1, lineBytes: 59 },
  ]
  await catalog.addSegments(
    [
      { ...segment(1, streams, { sizeBytes: 1000 }), parts: shared },
      segment(2, streams, { level: 1, sizeBytes: 70 }),
      segment(3, streams, { level: 2, sizeBytes: 7 }),
    ],
    [],
  )
  t.same(await catalog.daySizes(), [
    { tenant: 'a', day, compactedBytes: 77, level0Bytes: 300 },
    { tenant: 'b', day, compactedBytes: 0, level0Bytes: 100 },
    { tenant: 'b', day: day + 1, compactedBytes: 0, level0Bytes: 600 },
  ])
})

test('segments since a day are listed with the newest time in them', async t => {
  const catalog = open(t)
  const streams = [activity({ app: 'x' }, midnightNs + 1n)]
  await catalog.addSegments(
    [
      segment(1, streams),
      segment(2, streams, { level: 1, day: day - 1 }),
      segment(3, streams, { level: 1, day: day + 1 }),
      segment(4, streams, { level: 1 }),
    ],
    [],
  )
  t.same(await catalog.segmentsSince(day), [
    { name: segmentName(4, 1), tenant: 'a', day, sizeBytes: 100, maxMs: day * 86_400_000 + 1 },
    {
      name: segmentName(3, 1),
      tenant: 'a',
      day: day + 1,
      sizeBytes: 100,
      maxMs: day * 86_400_000 + 1,
    },
  ])
})

test('names and values of a day end with the last stream that has them', async t => {
  const catalog = open(t)
  const streams = (pod: string) => [activity({ app: 'x', pod }, midnightNs)]
  await catalog.addSegments(
    [
      segment(1, streams('a'), { level: 1, day: day - 2 }),
      segment(2, [...streams('b'), activity({ app: 'x', old: 'y' })], { level: 1 }),
    ],
    [],
  )
  const on = (number: number) => ({
    startNs: BigInt(number) * dayNs,
    endNs: BigInt(number + 1) * dayNs,
  })
  t.same(await catalog.labelValues('a', 'pod', on(day - 2)), ['a'])
  t.same(await catalog.labelValues('a', 'pod', on(day)), ['b'])
  t.same(await catalog.labelNames('a', on(day)), ['app', 'old', 'pod'])
  t.same(await catalog.labelNames('a', on(day - 1)), [])
  await catalog.retainStreams(
    { tenant: 'a', day, segments: [segmentName(2, 1)] },
    new Set(streams('b').map(({ labelsText }) => labelsText)),
  )
  t.same(await catalog.labelNames('a', on(day)), ['app', 'pod'])
  await catalog.dropBefore('a', day)
  t.same(await catalog.labelNames('a', on(day - 2)), [])
  t.same(await catalog.labelValues('a', 'pod', on(day - 2)), [])
  t.same(await catalog.labelValues('a', 'app', on(day)), ['x'])
})

test('a label that left with its last stream comes back with the next', async t => {
  const catalog = open(t)
  const streams = [activity({ app: 'x', pod: 'a' })]
  await catalog.addSegments([segment(1, streams, { level: 1, day: day - 2 })], [])
  await catalog.dropBefore('a', day)
  t.equal((await catalog.totals()).streams, 0)
  await catalog.addSegments([segment(2, streams)], [])
  t.same(texts(await catalog.findStreams('a', [matcher('pod', '=', 'a')], wholeDay)), [
    '{app="x", pod="a"}',
  ])
  t.same(await catalog.labelValues('a', 'pod', wholeDay), ['a'])
})

test('more labels than are kept in memory are found', async t => {
  const catalog = open(t)
  const streams = Array.from({ length: catalogPairsCachedMax + 2 }, (_, i) =>
    activity({ app: 'x', pod: `p${i}` }),
  )
  await catalog.addSegments(
    [segment(1, [...streams, activity({ app: 'x', pod: 'p0', c: '1' })])],
    [],
  )
  const found = async (value: string) =>
    texts(await catalog.findStreams('a', [matcher('pod', '=', value)], wholeDay))
  t.same(await found('p0'), ['{app="x", c="1", pod="p0"}', '{app="x", pod="p0"}'])
  t.same(await found(`p${catalogPairsCachedMax + 1}`), [
    `{app="x", pod="p${catalogPairsCachedMax + 1}"}`,
  ])
  t.equal((await catalog.labelValues('a', 'pod', wholeDay)).length, streams.length)
})

test('a merge keeps the streams of what it replaces', async t => {
  const catalog = open(t)
  await catalog.addSegments([segment(1, [activity({ app: 'x' })])], [])
  const merged = segment(2, [activity({ app: 'x' })], { level: 1 })
  await catalog.addSegments(
    [{ ...merged, parts: merged.parts.map(part => ({ ...part, streams: [] })) }],
    [segmentName(1, 0)],
  )
  t.same(texts(await catalog.findStreams('a', [], wholeDay)), ['{app="x"}'])
})

test('segments are listed oldest sequence first, with day and tenant of each part', async t => {
  const catalog = open(t)
  const streams = [activity({ app: 'x' })]
  const tenants = (sequence: number): CatalogSegment => {
    const [a] = segment(sequence, streams).parts
    const parts = [a!, { ...a!, tenant: 'b' }, { ...a!, tenant: 'b', day: day + 1 }]
    return { ...segment(sequence, streams), parts }
  }
  await catalog.addSegments([tenants(12), tenants(9)], [])
  t.same(names(await catalog.listSegments()), [segmentName(9, 0), segmentName(12, 0)])
  t.same(
    (await catalog.listParts('level0'))
      .map(part => `${part.sequence} ${part.tenant} ${part.day - day}`)
      .sort(),
    ['12 a 0', '12 b 0', '12 b 1', '9 a 0', '9 b 0', '9 b 1'],
  )
})

test('findSegments includes the start and excludes the end', async t => {
  const catalog = open(t)
  const at = midnightNs + 1000n
  await catalog.addSegments([segment(1, [activity({ app: 'x' }, at, at + 10n)])], [])
  const found = async (startNs: bigint, endNs: bigint) =>
    names(await catalog.findSegments('a', { startNs, endNs }))
  t.same(await found(at - 5n, at), [])
  t.same(await found(at - 5n, at + 1n), [segmentName(1, 0)])
  t.same(await found(at + 10n, at + 11n), [segmentName(1, 0)])
  t.same(await found(at + 11n, at + 20n), [])
  t.same(await found(at - dayNs, at + dayNs), [segmentName(1, 0)])
  t.same(await catalog.findSegments('b', wholeDay), [])
})

test('every kind of matcher finds streams', async t => {
  const catalog = open(t)
  const streams = [
    { app: 'x', env: 'dev' },
    { app: 'y', env: 'prod' },
    { app: 'xy' },
    { env: 'dev' },
  ]
  await catalog.addSegments(
    [
      segment(
        1,
        streams.map(labels => activity(labels)),
      ),
    ],
    [],
  )
  const find = async (matchers: readonly Matcher[], want: readonly number[]) => {
    const wanted = want.map(i => formatLabelSet(createLabelSet(streams[i]!))).sort()
    const found = await catalog.findStreams('a', matchers, wholeDay)
    t.same(texts(found), wanted, JSON.stringify(matchers))
    for (const [text, labels] of found) t.equal(formatLabelSet(labels), text)
  }
  const [eq, ne, re, nre] = ['=', '!=', '=~', '!~'] as const
  await find([], [0, 1, 2, 3])
  await find([matcher('app', eq, 'x')], [0])
  await find([matcher('app', eq, 'none')], [])
  await find([matcher('app', eq, '')], [3])
  await find([matcher('app', ne, 'x')], [1, 2, 3])
  await find([matcher('app', ne, '')], [0, 1, 2])
  await find([matcher('app', re, 'x.*')], [0, 2])
  await find([matcher('app', re, 'x')], [0])
  await find([matcher('app', re, 'x|y')], [0, 1])
  await find([matcher('app', re, '.*')], [0, 1, 2, 3])
  await find([matcher('app', re, '.+')], [0, 1, 2])
  await find([matcher('app', re, '|x')], [0, 3])
  await find([matcher('app', re, '')], [3])
  await find([matcher('app', nre, 'x.*')], [1, 3])
  await find([matcher('app', nre, '.+')], [3])
  await find([matcher('app', nre, '.*')], [])
  await find([matcher('app', nre, '')], [0, 1, 2])
  await find([matcher('other', eq, '')], [0, 1, 2, 3])
  await find([matcher('other', ne, '')], [])
  await find([matcher('other', ne, 'z')], [0, 1, 2, 3])
  await find([matcher('other', re, '.*')], [0, 1, 2, 3])
  await find([matcher('app', re, '.+'), matcher('env', eq, 'dev')], [0])
  await find([matcher('env', eq, 'dev'), matcher('app', eq, '')], [3])
  await find([matcher('app', ne, 'x'), matcher('env', ne, 'prod')], [2, 3])
  await find([matcher('app', re, 'x.*'), matcher('app', ne, 'xy')], [0])
  await find([matcher('app', eq, 'x'), matcher('app', eq, 'y')], [])
  t.same(await catalog.findStreams('b', [], wholeDay), new Map())
})

test('values with quotes, line breaks and non-ASCII letters are found', async t => {
  const catalog = open(t)
  const values = ['a"b', 'line\nbreak', 'back\\slash', '값', "o'neil; DROP TABLE streams"]
  await catalog.addSegments(
    [
      segment(
        1,
        values.map(value => activity({ v: value })),
      ),
    ],
    [],
  )
  for (const value of values) {
    const found = [
      ...(await catalog.findStreams('a', [matcher('v', '=', value)], wholeDay)).values(),
    ]
    t.same(found, [createLabelSet({ v: value })], value)
  }
  t.same(await catalog.labelValues('a', 'v', wholeDay), [...values].sort())
})

test('the activity of a stream is rounded outwards to ten seconds', async t => {
  const catalog = open(t)
  const at = midnightNs + 14n * second
  await catalog.addSegments([segment(1, [activity({ app: 'x' }, at, at + 10n * second)])], [])
  const isFound = async (startNs: bigint, endNs: bigint) =>
    (await catalog.findStreams('a', [], { startNs, endNs })).size === 1
  t.notOk(await isFound(midnightNs, midnightNs + 10n * second))
  t.ok(await isFound(midnightNs, midnightNs + 10n * second + 1n))
  t.ok(await isFound(midnightNs + 30n * second - 1n, midnightNs + 40n * second))
  t.notOk(await isFound(midnightNs + 30n * second, midnightNs + 40n * second))
  t.notOk(await isFound(at + dayNs, at + 2n * dayNs))
})

test('later segments extend the activity in both directions', async t => {
  const catalog = open(t)
  const at = midnightNs + 3600n * second
  const add = (sequence: number, from: bigint, to: bigint) =>
    catalog.addSegments([segment(sequence, [activity({ app: 'x' }, from, to)])], [])
  await add(1, at, at)
  await add(2, at + 60n * second, at + 61n * second)
  await add(3, at - 60n * second, at - 59n * second)
  await add(4, at, at + 1n)
  const range = (from: bigint, to: bigint) => ({
    startNs: at + from * second,
    endNs: at + to * second,
  })
  t.equal((await catalog.findStreams('a', [], range(65n, 66n))).size, 1)
  t.equal((await catalog.findStreams('a', [], range(-60n, -59n))).size, 1)
  t.equal((await catalog.findStreams('a', [], range(70n, 80n))).size, 0)
  t.equal((await catalog.findStreams('a', [], range(-70n, -60n))).size, 0)
})

test('label names and values are those of the days in the range', async t => {
  const catalog = open(t)
  const next = midnightNs + dayNs
  await catalog.addSegments(
    [
      segment(1, [activity({ app: 'x', pod: 'p' }), activity({ app: 'b' })]),
      segment(2, [activity({ app: 'y', node: 'n' }, next)], { day: day + 1 }),
      segment(3, [activity({ secret: 's' })], { tenant: 'b' }),
    ],
    [],
  )
  const at = (startNs: bigint, endNs: bigint) => ({ startNs, endNs })
  t.same(await catalog.labelNames('a', wholeDay), ['app', 'pod'])
  t.same(await catalog.labelNames('a', at(next, next + 1n)), ['app', 'node'])
  t.same(await catalog.labelNames('a', at(midnightNs, next + 1n)), ['app', 'node', 'pod'])
  t.same(await catalog.labelNames('a', at(next + dayNs, next + 2n * dayNs)), [])
  t.same(await catalog.labelValues('a', 'app', wholeDay), ['b', 'x'])
  t.same(await catalog.labelValues('a', 'app', at(next, next)), ['y'])
  t.same(await catalog.labelValues('a', 'none', wholeDay), [])
  t.same(await catalog.labelNames('b', wholeDay), ['secret'])
  t.same(await catalog.tenants(), ['a', 'b'])
})

test('tenants with the same labels have separate streams', async t => {
  const catalog = open(t)
  await catalog.addSegments(
    [
      segment(1, [activity({ app: 'x' })], { tenant: 'a' }),
      segment(2, [activity({ app: 'x' }, midnightNs + dayNs)], { tenant: 'b', day: day + 1 }),
    ],
    [],
  )
  t.equal((await catalog.findStreams('a', [matcher('app', '=', 'x')], wholeDay)).size, 1)
  t.equal((await catalog.findStreams('b', [matcher('app', '=', 'x')], wholeDay)).size, 0)
  t.same(await catalog.labelValues('b', 'app', wholeDay), [])
  t.equal((await catalog.totals()).streams, 2)
})

test('thousands of streams are found like a few', async t => {
  const catalog = open(t)
  const next = midnightNs + dayNs
  const streams = Array.from({ length: 1200 }, (_, i) => ({
    n: String(i),
    even: String(i % 2 === 0),
  }))
  const early = streams.slice(0, 700).map(labels => activity(labels))
  const late = streams.slice(600).map(labels => activity(labels, next))
  await catalog.addSegments([segment(1, early), segment(2, late, { day: day + 1 })], [])
  await catalog.addSegments([segment(3, [activity({ n: '0' })], { tenant: 'b' })], [])
  const count = async (matchers: readonly Matcher[], range: TimeRange) =>
    (await catalog.findStreams('a', matchers, range)).size
  const tomorrow = { startNs: next, endNs: next + dayNs }
  const both = { startNs: midnightNs, endNs: next + dayNs }
  t.equal(await count([], wholeDay), 700)
  t.equal(await count([], tomorrow), 600)
  t.equal(await count([], both), 1200, 'each stream once, though active on both days')
  t.equal(await count([matcher('even', '=', 'true')], wholeDay), 350)
  t.equal(await count([matcher('even', '!=', 'true')], both), 600)
  t.equal(await count([matcher('n', '=~', '1.*')], wholeDay), 111)
  t.equal(await count([], { startNs: 0n, endNs: 1n }), 0)
  t.equal((await catalog.labelValues('a', 'n', both)).length, 1200)
})

test('times as extreme as a client can write them still find the data', async t => {
  const catalog = open(t)
  await catalog.addSegments([segment(1, [activity({ app: 'x' })])], [])
  const ever = { startNs: -(10n ** 25n), endNs: 10n ** 25n }
  t.same(names(await catalog.findSegments('a', ever)), [segmentName(1, 0)])
  t.equal((await catalog.findStreams('a', [], ever)).size, 1)
  t.same(await catalog.labelNames('a', ever), ['app'])
  t.same(await catalog.labelValues('a', 'app', ever), ['x'])
  const never = { startNs: 10n ** 25n, endNs: 10n ** 26n }
  t.same(await catalog.findSegments('a', never), [])
  t.equal((await catalog.findStreams('a', [], never)).size, 0)
})

test('everything survives closing and opening', async t => {
  const path = join(t.testdir(), 'catalog.sqlite')
  const first = openSqliteCatalog(path)
  await first.addSegments([segment(1, [activity({ app: 'x' })])], [segmentName(0, 0)])
  await first.close()
  const catalog = openSqliteCatalog(path)
  t.teardown(() => catalog.close())
  t.same(names(await catalog.listSegments()), [segmentName(1, 0)])
  t.same(await catalog.listDropped(), [segmentName(0, 0)])
  await catalog.addSegments([segment(2, [activity({ app: 'x' }, midnightNs + 60n * second)])], [])
  t.equal((await catalog.totals()).streams, 1, 'the stream is known from before')
  const later = { startNs: midnightNs + 60n * second, endNs: midnightNs + 61n * second }
  t.equal((await catalog.findStreams('a', [], later)).size, 1)
})

test('an older catalog is migrated with all its data', async t => {
  const path = join(t.testdir(), 'catalog.sqlite')
  const database = new Database(path)
  database.exec(migrations[0]!)
  database.pragma('user_version = 1')
  database.exec("INSERT INTO streams (tenant, labels) VALUES ('a', '{app=\"x\"}')")
  database.close()
  const catalog = openSqliteCatalog(path)
  t.teardown(() => catalog.close())
  t.same(await catalog.tenants(), ['a'])
  t.same(await catalog.deleteRequests.listPending(), [])
})

test('streams of a day can be removed if its segments have not changed since', async t => {
  const catalog = open(t)
  const streams = [activity({ app: 'x' }), activity({ app: 'y' })]
  await catalog.addSegments([segment(1, streams)], [])
  await catalog.addSegments(
    [segment(2, [activity({ app: 'y' }, midnightNs + dayNs)], { day: day + 1 })],
    [],
  )
  t.same(await catalog.activeDays('a', day - 1, day + 5), [day, day + 1])
  t.same(await catalog.activeDays('b', day - 1, day + 5), [])
  const kept = new Set(['{app="x"}'])
  t.equal(await catalog.retainStreams({ tenant: 'a', day, segments: [] }, kept), false)
  t.equal(await catalog.retainStreams({ tenant: 'a', day, segments: ['other'] }, kept), false)
  t.same(await catalog.labelValues('a', 'app', wholeDay), ['x', 'y'], 'nothing changed')
  t.equal(
    await catalog.retainStreams({ tenant: 'a', day, segments: [segmentName(1, 0)] }, kept),
    true,
  )
  t.same(await catalog.labelValues('a', 'app', wholeDay), ['x'])
  const twoDays = { startNs: midnightNs, endNs: midnightNs + 2n * dayNs }
  t.same(await catalog.labelValues('a', 'app', twoDays), ['x', 'y'], 'the next day has it')
  await catalog.retainStreams({ tenant: 'a', day: day + 1, segments: [segmentName(2, 0)] }, kept)
  t.same(await catalog.labelValues('a', 'app', twoDays), ['x'])
  await catalog.addSegments([segment(3, streams)], [])
  t.same(await catalog.labelValues('a', 'app', wholeDay), ['x', 'y'], 'and it may come back')
})

test('retention that finds no old days leaves the caches alone', async t => {
  const catalog = open(t)
  await catalog.addSegments([segment(1, [activity({ app: 'x' })], { level: 1 })], [])
  const labels = async () => (await catalog.findStreams('a', [], wholeDay)).get('{app="x"}')
  const before = await labels()
  t.same(await catalog.dropBefore('a', day), [])
  t.equal(await labels(), before, 'the labels are not read again')
  t.same(await catalog.dropBefore('a', day + 1), [segmentName(1, 1)])
  t.equal(await labels(), undefined)
})
