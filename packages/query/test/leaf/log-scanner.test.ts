import { createLabelSet } from '@skald/wire'
import { test } from 'tap'
import { defaultQueryLimits, openLeafScanner, parseLogQuery, runQuery } from '../../src/index.ts'
import { createBlock, createMemorySource, type TestEntry, testClock } from '../memory-source.ts'

const startNs = 1_768_435_200_000_000_000n

function entries(count: number, offset = 0): TestEntry[] {
  return Array.from({ length: count }, (_, i) => ({
    timestampNs: startNs + BigInt(offset + i * 10),
    line: `line ${offset + i * 10}`,
  }))
}

const base = {
  startNs,
  endNs: startNs + 10_000n,
  stepNs: 0n,
  intervalNs: 0n,
  isInstant: false,
  limits: defaultQueryLimits,
}

async function times(
  streams: Parameters<typeof createMemorySource>[0],
  query: { direction: 'forward' | 'backward'; limit: number; logql?: string; intervalNs?: bigint },
): Promise<number[]> {
  const result = await runQuery(
    { ...base, logql: '{app=~".+"}', ...query },
    createMemorySource(streams, 5),
    new AbortController().signal,
  )
  if (result.kind !== 'streams') throw new TypeError('no streams')
  return result.entries.map(entry => Number(entry.timestampNs - startNs))
}

test('A log query returns the first or last entries across all streams', async t => {
  const streams = [
    { labels: { app: 'a' }, entries: entries(30) },
    { labels: { app: 'b' }, entries: entries(30, 5) },
  ]
  t.same(await times(streams, { direction: 'forward', limit: 5 }), [0, 5, 10, 15, 20])
  t.same(await times(streams, { direction: 'backward', limit: 4 }), [295, 290, 285, 280])
  t.equal((await times(streams, { direction: 'forward', limit: 1_000 })).length, 60)
})

test('A log query keeps entries at least one interval apart, across all streams', async t => {
  const streams = [
    { labels: { app: 'a' }, entries: entries(30) },
    { labels: { app: 'b' }, entries: entries(30, 5) },
  ]
  const intervalNs = 50n
  t.same(await times(streams, { direction: 'forward', limit: 3, intervalNs }), [0, 50, 100])
  t.same(await times(streams, { direction: 'backward', limit: 3, intervalNs }), [295, 245, 195])
})

test('Entries at the same time stay in push order', async t => {
  const same = Array.from({ length: 12 }, (_, i) => ({ timestampNs: startNs, line: `${i}` }))
  for (const direction of ['forward', 'backward'] as const) {
    const result = await runQuery(
      { ...base, logql: '{app="a"}', direction, limit: 7 },
      createMemorySource([{ labels: { app: 'a' }, entries: same }], 5),
      new AbortController().signal,
    )
    const lines = result.kind === 'streams' ? result.entries.map(entry => Number(entry.line)) : []
    t.same(lines, direction === 'forward' ? [0, 1, 2, 3, 4, 5, 6] : [11, 10, 9, 8, 7, 6, 5])
  }
})

test('A full scanner skips blocks that cannot improve its result', async t => {
  const scanner = openLeafScanner(
    {
      kind: 'logs',
      log: parseLogQuery('{app="a"}'),
      matchers: [{ name: 'app', op: '=', value: 'a' }],
      startNs,
      endNs: startNs + 1_000n,
      direction: 'forward',
      limit: 2,
    },
    testClock,
  )
  t.ok(scanner.wants(startNs, startNs + 10n))
  const bytes = Buffer.from('one\ntwo\nsix\n')
  scanner.scan({
    labels: createLabelSet({ app: 'a' }),
    sequence: 1,
    rowCount: 3,
    baseNs: startNs,
    minNs: startNs,
    maxNs: startNs + 20n,
    skip: Uint8Array.of(0, 1, 0),
    timestamps: () => Float64Array.of(0, 10, 20),
    lineLengths: () => Uint32Array.of(3, 3, 3),
    lines: () => ({ bytes, offsets: Uint32Array.of(0, 4, 8, 12) }),
    metadata: () => ({ sets: [[]], rowSets: new Uint32Array(3) }),
    metadataPairs: () => new Uint32Array(3),
  })
  t.notOk(scanner.wants(startNs + 21n, startNs + 30n))
  t.ok(scanner.wants(startNs + 15n, startNs + 30n))
  const { found, stats } = scanner.finish()
  t.match(found, { entries: [{ line: 'six' }, { line: 'one' }] }, 'skipped rows do not count')
  t.equal(stats.linesProcessed, 2)
})

test('A scanner says when it looked at all rows of a block and none matched', async t => {
  const leaf = {
    kind: 'logs',
    matchers: [{ name: 'app', op: '=', value: 'a' }],
    startNs,
    endNs: startNs + 1_000n,
    direction: 'forward',
    limit: 2,
  } as const
  const block = (offset: number) => createBlock(createLabelSet({ app: 'a' }), entries(3, offset))
  const scan = (logql: string, ...offsets: number[]) => {
    const scanner = openLeafScanner({ ...leaf, log: parseLogQuery(logql) }, testClock)
    return offsets.map(offset => scanner.scan(block(offset)))
  }
  t.same(scan('{app="a"} |= "line 20"', 0, 100), [true, false])
  t.same(scan('{app="a"} |= "line" | label_format x="y" | x="z"', 0), [false])
  t.same(scan('{app="a"} |= "line"', 0, 5), [true, true], 'rows that come too late may match')
  t.same(scan('{app="a"} |= "line"', 0, 500), [true, true], 'so may those of a skipped block')
})
