import { createLabelSet, formatLabelSet, type LabelSet } from '@skald/wire'
import { test } from 'tap'
import {
  chooseTenants,
  createScanStats,
  defaultQueryLimits,
  type Leaf,
  type LeafResult,
  type LogSource,
  leafOfTenant,
  mergeTenants,
  parseSelector,
  runQuery,
  runVolume,
  unionLabels,
  type VolumeGrouping,
} from '../../src/index.ts'
import { createMemorySource, type TestEntry } from '../memory-source.ts'

const startNs = 1_000_000_000n
const endNs = startNs + 60_000_000_000n

/** Joins sources by tenant. Keeps the leaves that the tenants are asked. */
function join(
  sources: Readonly<Record<string, LogSource>>,
): LogSource & { readonly asked: Leaf[] } {
  const asked: Leaf[] = []
  return {
    asked,
    select: async (leaf, signal) => {
      const { tenants, matchers } = chooseTenants(Object.keys(sources), leaf.matchers)
      const own = leafOfTenant(leaf, matchers)
      const parts = tenants.map(async tenant => {
        asked.push(own)
        return { tenant, result: await sources[tenant]!.select(own, signal) }
      })
      return mergeTenants(leaf, await Promise.all(parts))
    },
  }
}

function entries(
  ...at: readonly [second: number, line: string, metadata?: Record<string, string>][]
) {
  return at.map(
    ([second, line, metadata]): TestEntry => ({
      timestampNs: startNs + BigInt(second * 1e9),
      line,
      ...(metadata && { metadata }),
    }),
  )
}

const sources = () => ({
  a: createMemorySource([
    { labels: { app: 'x', pod: '1' }, entries: entries([1, 'v=1'], [3, 'v=2'], [5, 'v=3']) },
    { labels: { app: 'z', __tenant_id__: 'own' }, entries: entries([2, 'v=7']) },
  ]),
  b: createMemorySource([
    {
      labels: { app: 'x', pod: '1' },
      entries: entries([2, 'v=10'], [4, 'v=20', { __tenant_id__: 'sent' }]),
    },
  ]),
})

async function ask(logql: string, { limit = 100, source = join(sources()) } = {}) {
  const isInstant = !logql.startsWith('{')
  return runQuery(
    {
      ...{ logql, startNs: isInstant ? endNs : startNs, endNs, stepNs: 0n, intervalNs: 0n },
      ...{ limit, direction: 'forward', isInstant, limits: defaultQueryLimits },
    },
    source,
    new AbortController().signal,
  )
}

async function lines(logql: string, limit?: number) {
  const result = await ask(logql, { ...(limit !== undefined && { limit }) })
  if (result.kind !== 'streams') throw new TypeError(result.kind)
  return result.entries.map(({ line, labels }) => `${formatLabelSet(unionLabels(labels))} ${line}`)
}

async function samples(logql: string) {
  const result = await ask(logql)
  if (result.kind !== 'vector') throw new TypeError(result.kind)
  return result.samples.map(({ labels, value }) => `${formatLabelSet(labels)} ${value}`)
}

test('lines of all tenants come in the order of their times, within one limit', async t => {
  const x = (tenant: string, line: string) =>
    `{__tenant_id__="${tenant}", app="x", pod="1"} ${line}`
  t.same(await lines('{app="x"}', 3), [x('a', 'v=1'), x('b', 'v=10'), x('a', 'v=2')])
  t.same(await lines('{app="x", __tenant_id__="b"}', 1), [x('b', 'v=10')])
  t.same(await lines('{app="x", __tenant_id__=~"c|d"}'), [])
})

test('at equal times, a greater limit adds lines and takes none away', async t => {
  const pods = ['1', '2', '3', '4', '5']
  const of = (tenant: string) =>
    createMemorySource(
      pods.map(pod => ({
        labels: { app: 'tie', pod: `p${pod}` },
        entries: entries([1, `${tenant}${pod}`]),
      })),
    )
  const source = join({ a: of('a'), b: of('b'), c: of('c') })
  const found = async (limit: number) => {
    const result = await ask('{app="tie"}', { limit, source })
    if (result.kind !== 'streams') throw new TypeError(result.kind)
    return result.entries.map(({ line }) => line)
  }
  const all = await found(15)
  t.same(all.slice(0, 7), ['a5', 'b5', 'c5', 'a3', 'b3', 'c3', 'a1'], 'the order of Loki 3.7.6')
  for (let limit = 1; limit < 15; limit++) t.same(await found(limit), all.slice(0, limit))
})

test('equal lines of two tenants are two lines, also if a stage makes them equal', async t => {
  const streams = [{ labels: { app: 'x' }, entries: entries([1, 'v=1']) }]
  const source = join({ a: createMemorySource(streams), b: createMemorySource(streams) })
  for (const stage of ['', ' | line_format "same"']) {
    const result = await ask(`{app="x"}${stage}`, { source })
    t.equal(result.kind === 'streams' && result.entries.length, 2, stage)
  }
})

test('stages do not see the label, and what they make of that name is kept', async t => {
  t.same(await lines('{app="x"} | __tenant_id__="a"'), [])
  t.same(await lines('{app="x", __tenant_id__="b"} | __tenant_id__="sent"'), [
    '{__tenant_id__="b", app="x", original___tenant_id__="sent", pod="1"} v=20',
  ])
  t.same(await lines('{app="x", __tenant_id__="b"} |= "10" | label_format __tenant_id__=pod'), [
    '{__tenant_id__="b", app="x", original___tenant_id__="1"} v=10',
  ])
  t.same(await lines('{original___tenant_id__="own"}'), [
    '{__tenant_id__="a", app="z", original___tenant_id__="own"} v=7',
  ])
})

test('aggregations see the label, as if the lines were one set of data', async t => {
  const sum = (by: string) => samples(`sum ${by} (count_over_time({app="x"}[1m]))`)
  t.same(await sum(''), ['{} 5'])
  t.same(await sum('by (__tenant_id__)'), ['{__tenant_id__="a"} 3', '{__tenant_id__="b"} 2'])
  t.same(await sum('by (app, __tenant_id__)'), [
    '{__tenant_id__="a", app="x"} 3',
    '{__tenant_id__="b", app="x"} 2',
  ])
  t.same(await sum('without (__tenant_id__)'), [
    '{app="x", original___tenant_id__="sent", pod="1"} 1',
    '{app="x", pod="1"} 4',
  ])
  t.same(await sum('by (original___tenant_id__)'), ['{} 4', '{original___tenant_id__="sent"} 1'])
  const unwrapped = (op: string, by: string) =>
    samples(`${op}({app="x"} | logfmt | unwrap v [1m]) ${by}`)
  t.same(await unwrapped('avg_over_time', 'by (app)'), ['{app="x"} 7.2'])
  t.same(await unwrapped('max_over_time', 'by (__tenant_id__)'), [
    '{__tenant_id__="a"} 3',
    '{__tenant_id__="b"} 20',
  ])
  t.same(await unwrapped('min_over_time', 'without (__tenant_id__, original___tenant_id__)'), [
    '{app="x", pod="1"} 1',
  ])
  const some = '{app="x", __tenant_id__="a"}'
  t.same(await samples(`sum(count_over_time(${some}[1m])) / sum(count_over_time({app="x"}[1m]))`), [
    '{} 0.6',
  ])
  t.same(await samples(`absent_over_time(${some}[1m])`), [])
  t.same(await samples('absent_over_time({app="x", __tenant_id__="c"}[1m])'), [
    '{__tenant_id__="c", app="x"} 1',
  ])
})

test('volumes have the label if they are grouped by it', async t => {
  const f = async (grouping: VolumeGrouping, wanted: readonly string[]) => {
    const { series } = await runVolume(
      {
        ...{ matchers: parseSelector('{app=~"x|z"}'), startNs, endNs, grouping },
        ...{ limit: 100, maxSeries: 100, limits: defaultQueryLimits },
      },
      join(sources()),
      new AbortController().signal,
    )
    const found = series.map(({ labels, points }) => {
      return `${formatLabelSet(labels)} ${points[0]!.bytes}`
    })
    t.same(found, wanted, `${grouping.by} ${grouping.names}`)
  }
  await f({ by: 'values', names: ['app'] }, ['{app="x"} 25', '{app="z"} 3'])
  await f({ by: 'values', names: ['__tenant_id__'] }, [
    '{__tenant_id__="b"} 16',
    '{__tenant_id__="a"} 12',
  ])
  await f({ by: 'values', names: ['original___tenant_id__', 'app'] }, [
    '{app="x"} 25',
    '{app="z", original___tenant_id__="own"} 3',
  ])
  await f({ by: 'values', names: undefined }, [
    '{__tenant_id__="b", app="x", pod="1"} 16',
    '{__tenant_id__="a", app="x", pod="1"} 9',
    '{__tenant_id__="a", app="z", original___tenant_id__="own"} 3',
  ])
})

test('tenants are asked without the label', async t => {
  const source = join(sources())
  const query = 'sum by (app, __tenant_id__) (count_over_time({app="x", __tenant_id__="a"}[1m]))'
  await ask(query, { source })
  const [leaf] = source.asked
  t.equal(source.asked.length, 1, 'only the chosen tenant')
  t.notMatch(
    JSON.stringify(leaf, (_, value) => (typeof value === 'bigint' ? '' : value)),
    /tenant/,
  )
})

test('warnings come once, gaps of each tenant count, and too many series in total are refused', async t => {
  const labels: LabelSet = createLabelSet({ app: 'x' })
  const streamKey = formatLabelSet(labels)
  const leaf: Leaf = {
    ...{ kind: 'volume', matchers: [], startNs, endNs, maxSeries: 3 },
    grid: { startNs, stepNs: endNs - startNs, count: 1 },
    grouping: { by: 'values', names: undefined },
  }
  const part = (own: string): LeafResult => ({
    kind: 'volume',
    found: {
      groups: [labels, createLabelSet({ app: 'y', own })],
      cells: new Float64Array([1, 2, 3, 4]),
    },
    stats: { ...createScanStats(), linesProcessed: 2 },
    warnings: ['half is missing', own],
    gaps: { marks: [{ timestampNs: 5n, streamKey, bytes: 1, lines: 1 }], hasMore: own === 'b' },
  })
  const parts = ['a', 'b'].map(tenant => ({ tenant, result: part(tenant) }))
  const { warnings, gaps, stats } = mergeTenants({ ...leaf, maxSeries: 4 }, parts)
  t.same(warnings, ['half is missing', 'a', 'b'])
  t.same(
    gaps?.marks.map(mark => mark.streamKey),
    ['{__tenant_id__="a", app="x"}', '{__tenant_id__="b", app="x"}'],
  )
  t.equal(gaps?.hasMore, true)
  t.equal(stats.linesProcessed, 4)
  t.throws(() => mergeTenants(leaf, parts), { message: /max number of series limit \(limit: 3/ })
})
