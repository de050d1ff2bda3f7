import { type Test, test } from 'tap'
import { dayNs, jsonStream, midnightNs, startTestStore } from '../harness.ts'

async function open(
  t: Test,
  yaml = 'auth_enabled: false\nlimits_config: {discover_service_name: []}',
) {
  const store = await startTestStore(t, { yaml })
  const streams = [
    jsonStream({ app: 'x', env: 'dev' }, [[midnightNs, '1']]),
    jsonStream({ app: 'y', env: 'prod', pod: 'p' }, [[midnightNs, '2']]),
    jsonStream({ late: 'z' }, [[midnightNs + dayNs, '3']]),
  ]
  await store.push(streams, 'a')
  return store
}

const onDay = { start: String(midnightNs), end: String(midnightNs + dayNs) }
const success = (data: unknown) => ({ status: 'success', data })

test('label names are those of the range, or of the streams that match a selector', async t => {
  const store = await open(t)
  const names = async (params: Record<string, string>, path = '/loki/api/v1/labels') =>
    (await store.get(path, { ...onDay, ...params })).json<unknown>()
  t.same(await names({}), success(['app', 'env', 'pod']))
  t.same(await names({}, '/loki/api/v1/label'), success(['app', 'env', 'pod']))
  t.same(await names({ query: '{app="x"}' }), success(['app', 'env']))
  t.same(
    await names({ end: String(midnightNs + dayNs + 1n) }),
    success(['app', 'env', 'late', 'pod']),
  )
  t.same(
    await names({ query: '{app="none"}' }),
    { status: 'success' },
    'no data where there is none',
  )
  t.same(await names({}, '/api/prom/label'), { values: ['app', 'env', 'pod'] })
})

test('label values are those of the range, or of the streams that match a selector', async t => {
  const store = await open(t)
  const values = async (name: string, params: Record<string, string> = {}) =>
    (await store.get(`/loki/api/v1/label/${name}/values`, { ...onDay, ...params })).json<unknown>()
  t.same(await values('app'), success(['x', 'y']))
  t.same(await values('app', { query: '{env="prod"}' }), success(['y']))
  t.same(await values('pod', { query: '{env="dev"}' }), { status: 'success' })
  t.same(await values('none'), { status: 'success' })
})

test('series are the label sets that match any of the selectors', async t => {
  const store = await open(t)
  const series = async (params: readonly [string, string][]) => {
    const query = new URLSearchParams([...Object.entries(onDay), ...params]).toString()
    const answer = await store.app.inject({ url: `/loki/api/v1/series?${query}` })
    return answer.json<{ data: { app?: string }[] }>().data.map(({ app }) => app)
  }
  t.same(await series([['match[]', '{app="x"}']]), ['x'])
  t.same(await series([['match', '{app="y"}']]), ['y'])
  const both: [string, string][] = [
    ['match[]', '{app="x"}'],
    ['match[]', '{env=~"dev|prod"}'],
  ]
  t.same((await series(both)).sort(), ['x', 'y'], 'each once')
  t.same((await series([])).sort(), ['x', 'y'])
  t.same((await series([['match[]', '{}']])).sort(), ['x', 'y'])
  t.same(await series([['match[]', '{app="none"}']]), [])
})

test('series accept a form, as Grafana sends it', async t => {
  const store = await open(t)
  const answer = await store.app.inject({
    method: 'POST',
    url: '/loki/api/v1/series',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    payload: new URLSearchParams({ ...onDay, 'match[]': '{app="y"}' }).toString(),
  })
  t.same(answer.json(), success([{ app: 'y', env: 'prod', pod: 'p' }]))
})

test('the last hour is the default', async t => {
  const store = await startTestStore(t)
  await store.push([jsonStream({ app: 'now' }, [[BigInt(Date.now()) * 1_000_000n, '1']])])
  const answer = await store.get('/loki/api/v1/label/app/values')
  t.same(answer.json(), success(['now']))
})

test('invalid requests get 400', async t => {
  const store = await open(t)
  const refused = async (path: string, params: Record<string, string>, text: RegExp) => {
    const { statusCode, body } = await store.get(path, params)
    t.equal(statusCode, 400, path)
    t.match(body, text)
  }
  const labels = '/loki/api/v1/labels'
  await refused(labels, { ...onDay, query: '{app=' }, /^parse error at line 1, col 6/)
  await refused(labels, { start: 'x' }, /^could not parse 'start' parameter/)
  await refused(labels, { start: '1700000000', end: '1600000000' }, /no longer available/)
  await refused(
    labels,
    { start: '1', end: '1700000000' },
    /^the query time range exceeds the limit/,
  )
  await refused('/loki/api/v1/series', { ...onDay, 'match[]': 'x' }, /^parse error/)
  await refused('/loki/api/v1/label/app/values', { ...onDay, query: '{' }, /^parse error/)
  const semicolon = await store.app.inject({ url: `${labels}?start=1;end=2` })
  t.equal(semicolon.statusCode, 400)
  t.equal(semicolon.body, 'invalid semicolon separator in query')
})

test('tenants see only their own labels', async t => {
  const store = await open(t, 'auth_enabled: true')
  const path = '/loki/api/v1/label/app/values'
  t.same((await store.get(path, onDay, 'a')).json(), success(['x', 'y']))
  t.same((await store.get(path, onDay, 'b')).json(), { status: 'success' })
  for (const other of [path, '/loki/api/v1/labels', '/loki/api/v1/series']) {
    t.equal((await store.get(other, onDay)).statusCode, 401, other)
  }
})
