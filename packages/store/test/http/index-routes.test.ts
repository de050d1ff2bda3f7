import { type Test, test } from 'tap'
import {
  dayNs,
  jsonStream,
  midnightNs,
  type Row,
  startTestStore,
  type TestStore,
} from '../harness.ts'

const second = 1_000_000_000n
const at = (seconds: number) => midnightNs + BigInt(seconds) * second
const levelBytes = 8

const yaml = 'auth_enabled: false\nlimits_config: {discover_service_name: []}'

async function open(t: Test, options: { yaml?: string } = {}): Promise<TestStore> {
  const store = await startTestStore(t, { yaml, ...options })
  const lines = (from: number, count: number, line: string): Row[] =>
    Array.from({ length: count }, (_, i) => [at(from + i), line])
  await store.push([
    jsonStream({ app: 'x', env: 'dev' }, lines(0, 60, 'ten bytes!')),
    jsonStream({ app: 'y', env: 'dev' }, [[at(30), 'five5', { trace_id: 'abc' }]]),
    jsonStream({ env: 'prod' }, lines(60, 2, 'a')),
  ])
  return store
}

const xBytes = 60 * (10 + levelBytes)
const yBytes = 5 + 8 + levelBytes
const onDay = { start: String(midnightNs), end: String(midnightNs + dayNs) }
const endSeconds = Number((midnightNs + dayNs) / second)

async function json(store: TestStore, path: string, params: Record<string, string>) {
  const answer = await store.get(`/loki/api/v1/index/${path}`, { ...onDay, ...params })
  if (answer.statusCode !== 200) throw new Error(`${answer.statusCode}: ${answer.body}`)
  return answer.json<{
    data: {
      resultType: string
      result: unknown[]
      stats: { querier: { store: { totalChunksRef: number; totalChunksDownloaded: number } } }
    }
  }>()
}

async function result(store: TestStore, path: string, params: Record<string, string>) {
  const { data } = await json(store, path, params)
  return { resultType: data.resultType, result: data.result }
}

test('index statistics are the same before and after a merge', async t => {
  const store = await open(t)
  const stats = (params: Record<string, string>) => json(store, 'stats', params)
  for (const state of ['fresh', 'merged']) {
    t.match(
      await stats({ query: '{env="dev"}' }),
      { streams: 2, chunks: 2, entries: 61, bytes: xBytes + yBytes },
      state,
    )
    const cut = { query: '{env="dev"}', start: String(at(30)), end: String(at(40)) }
    t.match(
      await stats(cut),
      { streams: 2, chunks: 2, entries: 11, bytes: 10 * 18 + yBytes },
      state,
    )
    t.same(await stats({ query: '{app="none"}' }), { streams: 0, chunks: 0, bytes: 0, entries: 0 })
    await store.app.inject({ method: 'POST', url: '/flush' })
  }
})

test('a repeated push counts once', async t => {
  const store = await open(t)
  const again = jsonStream({ app: 'x', env: 'dev' }, [
    [at(59), 'ten bytes!'],
    [at(59), 'other'],
    [at(70), 'last'],
  ])
  await store.push([again])
  await store.push([again])
  const stats = { streams: 1, entries: 62, bytes: xBytes + 5 + 4 + 2 * levelBytes }
  t.match(await json(store, 'stats', { query: '{app="x"}' }), stats)
  await store.app.inject({ method: 'POST', url: '/flush' })
  t.match(await json(store, 'stats', { query: '{app="x"}' }), stats)
})

test('volumes are grouped by the labels of the selector, by target labels or by names', async t => {
  const store = await open(t)
  const volume = (params: Record<string, string>) => result(store, 'volume', params)
  const vector = (...series: [Record<string, string>, number][]) => ({
    resultType: 'vector',
    result: series.map(([metric, bytes]) => ({ metric, value: [endSeconds, String(bytes)] })),
  })
  t.same(
    await volume({ query: '{app=~".+"}' }),
    vector([{ app: 'x' }, xBytes], [{ app: 'y' }, yBytes]),
  )
  t.same(
    await volume({ query: '{env="dev", app!="y"}' }),
    vector([{ app: 'x', env: 'dev' }, xBytes]),
  )
  t.same(
    await volume({ query: '{}' }),
    vector(
      [{ app: 'x', env: 'dev' }, xBytes],
      [{ app: 'y', env: 'dev' }, yBytes],
      [{ env: 'prod' }, 2 + 2 * levelBytes],
    ),
  )
  t.same(
    await volume({ query: '{env=~".+"}', targetLabels: 'app' }),
    vector([{ app: 'x' }, xBytes], [{ app: 'y' }, yBytes]),
    'streams without the target label do not count',
  )
  t.same(await volume({ query: '{env="dev"}', targetLabels: 'none' }), vector())
  t.same(
    await volume({ query: '{app="y"}', aggregateBy: 'labels' }),
    vector([{ app: '' }, yBytes], [{ env: '' }, yBytes]),
  )
  t.same(
    await volume({ query: '{env="dev"}', aggregateBy: 'labels', targetLabels: 'app' }),
    vector([{ app: '' }, xBytes + yBytes]),
  )
  t.same(await volume({ query: '{app=~".+"}', limit: '1' }), vector([{ app: 'x' }, xBytes]))
  t.equal((await volume({ query: '{app=~".+"}', limit: '0' })).result.length, 2)
  t.same(await volume({ query: '{app=~"(?i)X"}' }), vector([{ app: 'x' }, xBytes]))
})

test('a volume over time is a matrix if a series has several buckets', async t => {
  const store = await open(t)
  const range = (params: Record<string, string>) => result(store, 'volume_range', params)
  const seconds = Number(midnightNs / second)
  const inMinute = { start: String(at(0)), end: String(at(60)) }
  t.same(await range({ query: '{app=~".+"}', ...inMinute, step: '20' }), {
    resultType: 'matrix',
    result: [
      {
        metric: { app: 'x' },
        values: [
          [seconds + 19.999, '360'],
          [seconds + 39.999, '360'],
          [seconds + 60, '360'],
        ],
      },
      { metric: { app: 'y' }, values: [[seconds + 39.999, String(yBytes)]] },
    ],
  })
  t.match(await range({ query: '{app="x"}', ...inMinute, step: '1h' }), {
    resultType: 'vector',
    result: [{ metric: { app: 'x' }, value: [seconds + 60, String(xBytes)] }],
  })
  t.match(await range({ query: '{app="none"}' }), { resultType: 'vector', result: [] })
})

test('blocks inside a bucket are counted without reading them', async t => {
  const store = await open(t)
  const scanned = async (params: Record<string, string>, path = 'volume_range') => {
    const { data } = await json(store, path, { query: '{app="x"}', ...params })
    const { totalChunksRef, totalChunksDownloaded } = data.stats.querier.store
    return [totalChunksRef, totalChunksDownloaded]
  }
  for (const state of ['fresh', 'merged']) {
    t.same(await scanned({}, 'volume'), [1, 0], state)
    t.same(await scanned({ step: '1h' }), [1, 0], state)
    t.same(await scanned({ start: String(at(1)) }, 'volume'), [1, 1], state)
    const inMinutes = { start: String(at(-30)), end: String(at(90)), step: '30' }
    t.same(await scanned(inMinutes), [1, 1], state)
    await store.app.inject({ method: 'POST', url: '/flush' })
  }
})

test('tenants see only their own volumes, and forms are read too', async t => {
  const store = await startTestStore(t, { yaml: 'auth_enabled: true' })
  await store.push([jsonStream({ app: 'x' }, [[at(0), 'line']])], 'a')
  const stats = async (tenant: string) => {
    const answer = await store.app.inject({
      method: 'POST',
      url: '/loki/api/v1/index/stats',
      headers: { 'content-type': 'application/x-www-form-urlencoded', 'x-scope-orgid': tenant },
      payload: new URLSearchParams({ ...onDay, query: '{app="x"}' }).toString(),
    })
    return answer.json<{ entries: number }>().entries
  }
  t.equal(await stats('a'), 1)
  t.equal(await stats('b'), 0)
  const refused = await store.get('/loki/api/v1/index/volume', { query: '{app="x"}' })
  t.same([refused.statusCode, refused.body], [401, 'no org id'])
})

test("bad parameters are rejected with Loki's status and text", async t => {
  const store = await open(t)
  const refused = async (
    path: string,
    params: Record<string, string>,
    text: string,
    status = 400,
  ) => {
    const all = { ...onDay, query: '{app="x"}', ...params }
    const answer = await store.get(`/loki/api/v1/index/${path}`, all)
    t.same([answer.statusCode, answer.body], [status, text], `${path} ${JSON.stringify(params)}`)
  }
  for (const path of ['stats', 'volume', 'volume_range']) {
    await refused(path, { query: '{app="x"} |= "a"' }, 'only label matchers are supported')
    await refused(path, { query: 'rate({app="x"}[1m])' }, 'only label matchers are supported')
    await refused(path, { query: '' }, 'parse error : syntax error: unexpected $end')
    await refused(path, { end: '1' }, 'end timestamp must not be before or equal to start time')
    await refused(path, { limit: 'x' }, 'strconv.Atoi: parsing "x": invalid syntax')
    await refused(path, { limit: '-1' }, 'limit must be a positive value')
    await refused(
      path,
      { start: 'x' },
      `could not parse 'start' parameter: strconv.ParseInt: parsing "x": invalid syntax`,
    )
    await refused(
      path,
      { end: String(midnightNs + 31n * dayNs) },
      'the query time range exceeds the limit (query length: 744h0m0s, limit: 30d1h)',
    )
  }
  await refused('stats', { query: '{}' }, emptyMatchers)
  await refused('stats', { step: '0' }, noStep)
  await refused('volume_range', { step: '0' }, noStep)
  await refused('volume_range', { step: '1' }, tooManyPoints)
  await refused('volume', { aggregateBy: 'x' }, 'invalid aggregation option')
  await refused('volume_range', { aggregateBy: 'x' }, 'invalid aggregation option')
})

const emptyMatchers =
  'parse error : queries require at least one regexp or equality matcher that does not have an ' +
  'empty-compatible value. For instance, app=~".*" does not meet this requirement, but app=~".+" will'
const noStep =
  'zero or negative query resolution step widths are not accepted. Try a positive integer'
const tooManyPoints =
  'exceeded maximum resolution of 11,000 points per time series. ' +
  'Try increasing the value of the step parameter'

test('volumes can be switched off and are limited by volume_max_series', async t => {
  const limits = (text: string) =>
    `auth_enabled: false\nlimits_config: {discover_service_name: [], ${text}}`
  const off = await open(t, { yaml: limits('volume_enabled: false') })
  for (const path of ['volume', 'volume_range']) {
    const answer = await off.get(`/loki/api/v1/index/${path}`, { ...onDay, query: '{app="x"}' })
    t.same([answer.statusCode, answer.body], [404, 'not found'])
  }
  const small = await open(t, { yaml: limits('volume_max_series: 1') })
  const query = { ...onDay, query: '{app=~".+"}' }
  const answer = await small.get('/loki/api/v1/index/volume', query)
  t.same(
    [answer.statusCode, answer.body],
    [400, 'the query hit the max number of series limit (limit: 1 series)'],
  )
})
