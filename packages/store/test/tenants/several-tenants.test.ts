// Requests that read several tenants of one started store, on every endpoint.

import { join } from 'node:path'
import { type Test, test } from 'tap'
import { jsonStream, midnightNs, startTestStore, type TestStore } from '../harness.ts'

const second = 1_000_000_000n
const range = { start: String(midnightNs), end: String(midnightNs + 60n * second) }
const at = (seconds: number) => midnightNs + BigInt(seconds) * second

const overrides = `overrides:
  few: {max_entries_limit_per_query: 3, max_query_series: 1, volume_enabled: false}
  little: {max_query_bytes_read: 100B}
  blocked: {blocked_queries: [{pattern: '.*forbidden.*', regex: true}]}
  demoting: {demote_labels: [user]}
  strict: {cardinality_limit: 1}
  recent: {max_query_lookback: 1h}
`

/** Lines of a pattern in each of two tenants. One of them alone has too few to be shown. */
const patternLines = 20

/** A store with lines of the tenants `a` and `b`, and others with limits. */
async function startFullStore(t: Test, isOn = true): Promise<TestStore> {
  const dir = t.testdir({ 'overrides.yaml': overrides })
  const store = await startTestStore(t, {
    dir,
    yaml: `auth_enabled: true
querier: {multi_tenant_queries_enabled: ${isOn}}
limits_config: {discover_service_name: [], discover_log_levels: false}
runtime_config: {file: ${JSON.stringify(join(dir, 'overrides.yaml'))}}
compactor: {retention_enabled: true}
ruler: {evaluation_interval: 1h}
`,
  })
  const push = async (tenant: string, ...streams: Parameters<TestStore['push']>[0]) =>
    t.equal((await store.push(streams, tenant)).statusCode, 204)
  const line = (n: number) => `took ${n} ms, status=${200 + n}`
  await push(
    'a',
    jsonStream({ app: 'x', pod: '1' }, [
      [at(1), line(1)],
      [at(3), line(3)],
      [at(5), line(5)],
    ]),
    jsonStream({ app: 'y', __tenant_id__: 'own' }, [[at(7), line(7), { trace: 't' }]]),
  )
  await push(
    'b',
    jsonStream({ app: 'x', pod: '1' }, [
      [at(2), line(2)],
      [at(4), line(4)],
    ]),
    jsonStream({ app: 'x', pod: '2' }, [[at(6), line(6)]]),
  )
  for (const tenant of ['p', 'q']) {
    const rows = Array.from({ length: patternLines }, (_, i) => [at(i), `took ${i} ms`] as const)
    await push(tenant, jsonStream({ app: 'x' }, rows))
  }
  await push('little', jsonStream({ app: 'x' }, [[at(2), 'y'.repeat(80)]]))
  await push(
    'strict',
    jsonStream({ app: 'x' }, [[at(2), '1']]),
    jsonStream({ app: 'z' }, [[at(2), '2']]),
  )
  return store
}

interface Answer {
  readonly warnings?: readonly string[]
  readonly data: {
    readonly result: readonly {
      readonly stream?: Record<string, string>
      readonly metric?: Record<string, string>
      readonly value?: readonly [number, string]
      readonly values?: readonly (readonly [string, string])[]
    }[]
    readonly stats: {
      readonly summary: { readonly totalLinesProcessed: number }
      readonly skald?: { readonly scans: number; readonly streams: number }
    }
  }
}

test('several tenants in one request', async t => {
  const store = await startFullStore(t)
  const ask = (path: string, params: Record<string, string>, tenants = 'a|b') =>
    store.get(path, { ...range, ...params }, tenants)
  const api = async <T>(path: string, params: Record<string, string> = {}, tenants = 'a|b') => {
    const answer = await ask(`/loki/api/v1/${path}`, params, tenants)
    if (answer.statusCode !== 200) throw new Error(`${answer.statusCode} ${answer.body}`)
    return answer.json<T>()
  }
  const lines = async (query: string, more: Record<string, string> = {}, tenants = 'a|b') => {
    const found = await api<Answer>(
      'query_range',
      { query, direction: 'forward', ...more },
      tenants,
    )
    return found.data.result
      .flatMap(({ stream, values = [] }) =>
        values.map(([time, text]) => `${time} ${stream?.__tenant_id__} ${text.slice(5, 7).trim()}`),
      )
      .sort()
      .map(text => text.split(' ').slice(1).join(''))
  }
  const samples = async (query: string, tenants = 'a|b') => {
    const found = await api<Answer>('query', { query, time: range.end }, tenants)
    return found.data.result.map(({ metric, value }) => [metric, value?.[1]])
  }

  await t.test('queries of lines', async t => {
    t.same(await lines('{app="x"}'), ['a1', 'b2', 'a3', 'b4', 'a5', 'b6'])
    t.same(await lines('{app="x"}', { limit: '3' }), ['a1', 'b2', 'a3'])
    t.same(await lines('{app="x"}', { limit: '3', direction: 'backward' }), ['b4', 'a5', 'b6'])
    t.same(await lines('{app="x"}', {}, 'b|a|b|a'), await lines('{app="x"}'), 'in any order')
    t.same(await lines('{app="x", __tenant_id__="b"}'), ['b2', 'b4', 'b6'])
    t.same(await lines('{app="x", __tenant_id__!="b"}'), ['a1', 'a3', 'a5'])
    t.same(await lines('{app="x", __tenant_id__=~"b|c"} |= "status=204"'), ['b4'])
    t.same(await lines('{app="x", __tenant_id__!~".+"}'), [])
    t.same(await lines('{__tenant_id__="b"}'), ['b2', 'b4', 'b6'], 'all lines of one')
    t.same(await lines('{app="x"}', {}, 'a|nobody'), ['a1', 'a3', 'a5'])
    t.same(await lines('{app="x"}', {}, 'a|a'), ['undefined1', 'undefined3', 'undefined5'])
    t.same(await lines('{app="x"}', {}, 'a'), ['undefined1', 'undefined3', 'undefined5'])
    t.same(await lines('{app="x", __tenant_id__="a"}', {}, 'a'), [], 'not with a single tenant')
    const { data } = await api<Answer>('query_range', { query: '{app="y"}', explain: 'true' })
    t.same(
      data.result.map(({ stream }) => stream),
      [{ __tenant_id__: 'a', app: 'y', original___tenant_id__: 'own', trace: 't' }],
    )
    const whole = await api<Answer>('query_range', { query: '{app="x"}', explain: 'true' })
    t.equal(whole.data.stats.summary.totalLinesProcessed, 6, 'of both')
    t.match(whole.data.stats.skald, { scans: 2, streams: 3 })
    const legacy = await ask('/api/prom/query', { query: '{app="x", __tenant_id__="a"}' })
    t.match(legacy.json(), { streams: [{ labels: '{__tenant_id__="a", app="x", pod="1"}' }] })
  })

  await t.test('metric queries', async t => {
    const count = (by: string) => samples(`sum ${by} (count_over_time({app="x"}[1m]))`)
    t.same(await count(''), [[{}, '6']])
    t.same(await count('by (__tenant_id__)'), [
      [{ __tenant_id__: 'a' }, '3'],
      [{ __tenant_id__: 'b' }, '3'],
    ])
    t.same(await count('by (pod)'), [
      [{ pod: '1' }, '5'],
      [{ pod: '2' }, '1'],
    ])
    t.same(await samples('rate({app="x", __tenant_id__="a"}[1m])'), [
      [{ __tenant_id__: 'a', app: 'x', pod: '1' }, '0.05'],
    ])
    t.same(await samples('topk(1, sum by (__tenant_id__) (bytes_over_time({app=~".+"}[1m])))'), [
      [{ __tenant_id__: 'a' }, '84'],
    ])
    t.same(await samples('vector(1)'), [[{}, '1']])
  })

  await t.test('labels and series', async t => {
    const data = async (path: string, params: Record<string, string> = {}) =>
      (await api<{ data?: unknown }>(path, params)).data
    t.same(await data('labels'), ['__tenant_id__', 'app', 'original___tenant_id__', 'pod'])
    t.same(await data('labels', { query: '{app="x"}' }), ['__tenant_id__', 'app', 'pod'])
    t.same(await data('label/__tenant_id__/values'), ['a', 'b'])
    t.same(await data('label/__tenant_id__/values', { query: '{app="y"}' }), ['a'])
    t.same(await data('label/original___tenant_id__/values'), ['own'])
    t.same(await data('label/app/values'), ['x', 'y'])
    t.same(await data('label/app/values', { query: '{__tenant_id__="b"}' }), ['x'])
    const x = (tenant: string, pod: string) => ({ __tenant_id__: tenant, app: 'x', pod })
    const own = { __tenant_id__: 'a', app: 'y', original___tenant_id__: 'own' }
    const ofB = await data('series', { 'match[]': '{app="x", __tenant_id__="b"}' })
    t.same(new Set(ofB as object[]), new Set([x('b', '1'), x('b', '2')]))
    t.same(await data('series', { 'match[]': '{original___tenant_id__="own"}' }), [own])
    t.same(await data('series', { 'match[]': '{app="x", __tenant_id__="a"}' }), [x('a', '1')])
    t.equal(((await data('series')) as unknown[]).length, 4)
    const legacy = await ask('/api/prom/label', {})
    t.match(legacy.json(), { values: ['__tenant_id__', 'app', 'original___tenant_id__', 'pod'] })
  })

  await t.test('statistics and volumes', async t => {
    const stats = (query: string) => api<object>('index/stats', { query })
    t.match(await stats('{app="x"}'), { streams: 3, entries: 6 })
    t.match(await stats('{app="x", __tenant_id__="a"}'), { streams: 1, entries: 3 })
    const volume = async (path: string, params: Record<string, string>) => {
      const { data } = await api<Answer>(`index/${path}`, params)
      return data.result.map(({ metric, value }) => [metric, value?.[1]])
    }
    t.same(await volume('volume', { query: '{app="x"}' }), [[{ app: 'x' }, '126']])
    const byTenant = [
      [{ __tenant_id__: 'a' }, '92'],
      [{ __tenant_id__: 'b' }, '63'],
    ]
    const targets = { query: '{app=~".+"}', targetLabels: '__tenant_id__' }
    t.same(await volume('volume', targets), byTenant)
    t.same(await volume('volume_range', { ...targets, step: '3600' }), byTenant)
    t.same(await volume('volume', { query: '{app="x"}', aggregateBy: 'labels' }), [
      [{ app: '' }, '126'],
      [{ pod: '' }, '126'],
    ])
  })

  await t.test('patterns and detected labels and fields', async t => {
    const { data } = await api<{ data: { pattern: string; samples: [number, number][] }[] }>(
      'patterns',
      { query: '{app="x"}', step: '1m' },
      'p|q',
    )
    const counts = data.map(({ pattern, samples: all }) => [pattern, all.map(([, n]) => n)])
    t.same(counts, [['took <_> ms', [2 * patternLines]]], 'of both')
    t.same(await api('detected_labels', { query: '{app="x"}' }), {
      detectedLabels: [
        { label: '__tenant_id__', cardinality: 2 },
        { label: 'app', cardinality: 1 },
        { label: 'pod', cardinality: 2 },
      ],
    })
    t.match(await api('detected_labels'), {
      detectedLabels: [{ label: '__tenant_id__' }, { label: 'app', cardinality: 2 }, {}],
    })
    t.match(await api('detected_fields', { query: '{app=~".+"}' }), {
      fields: [
        { label: 'status', cardinality: 7 },
        { label: 'trace', cardinality: 1 },
      ],
    })
    t.match(await api('detected_field/status/values', { query: '{app="x"}' }), {
      values: ['201', '202', '203', '204', '205', '206'],
    })
  })

  await t.test('export and status', async t => {
    const query = '{app="x"} |~ "status=20[1-4]"'
    const text = (await ask('/skald/export', { query })).body
    const found = text
      .trim()
      .split('\n')
      .map(one => JSON.parse(one) as { labels: object })
    t.same(
      found.map(({ labels }) => labels),
      ['a', 'b', 'a', 'b'].map(tenant => ({ __tenant_id__: tenant, app: 'x', pod: '1' })),
    )
    const status = await store.get('/skald/status', {}, 'b|a')
    const { data } = status.json<{
      data: {
        tenant: string
        ingest: { slots: { lines: number }[] }
        clients: { pushes: number; lines: number }[]
        days: { bytes: number }[]
      }
    }>()
    t.equal(data.tenant, 'a|b')
    t.equal(
      data.ingest.slots.reduce((sum, { lines: count }) => sum + count, 0),
      7,
    )
    t.match(data.clients, [{ pushes: 2, lines: 7 }])
    const alone = (await store.get('/skald/status', {}, 'a')).json<{ data: typeof data }>()
    t.ok(data.days[0]!.bytes > alone.data.days[0]!.bytes, 'the days of both')
    const labels = await store.get('/skald/labels', {}, 'a|b')
    const counted = labels.json<{ data: { tenant: string; label: string }[] }>().data
    t.same([...new Set(counted.map(({ tenant }) => tenant))].sort(), ['a', 'b'])
    t.equal((await ask('/loki/api/v1/format_query', { query: '{app="x"}' })).statusCode, 200)
  })

  await t.test('the strictest limits count', async t => {
    const refused = async (query: string, tenants: string, text: RegExp, more = {}) => {
      const answer = await ask('/loki/api/v1/query_range', { query, step: '60', ...more }, tenants)
      t.equal(answer.statusCode, 400, tenants)
      t.match(answer.body, text)
    }
    await refused('{app="x"}', 'a|few', /max entries limit .*\(4 > 3\)/, { limit: '4' })
    t.same(await lines('{app="x"}', { limit: '3' }, 'a|few'), ['a1', 'a3', 'a5'])
    await refused('count_over_time({app="x"}[1m])', 'a|b|few', /maximum number of series \(1\)/)
    const volume = await ask('/loki/api/v1/index/volume', { query: '{app="x"}' }, 'a|few')
    t.equal(volume.statusCode, 404)
    const drilldown = await store.get('/loki/api/v1/drilldown-limits', {}, 'a|few')
    t.match(drilldown.json(), { limits: { max_entries_limit_per_query: 3, volume_enabled: false } })
    // 63 bytes of a, and 80 of its own.
    t.equal(
      (await ask('/loki/api/v1/query_range', { query: '{app="x"}' }, 'little')).statusCode,
      200,
    )
    await refused('{app="x"}', 'a|little', /too many bytes \(query: 143B, limit: 100B\)/)
    t.same(await lines('{app="x", __tenant_id__="a"}', {}, 'a|little'), ['a1', 'a3', 'a5'])
    await refused('{app="x"} |= "forbidden"', 'a|blocked', /query blocked by policy/)
    const exported = await ask('/skald/export', { query: '{app="forbidden"}' }, 'a|blocked')
    t.equal(exported.statusCode, 400)
    await refused('{app=~".+"}', 'a|strict', /cardinality limit exceeded/)
    t.same(await lines('{app=~".+"}', {}, 'a|b'), ['a1', 'b2', 'a3', 'b4', 'a5', 'b6', 'a7'])
    const old = await ask('/loki/api/v1/query_range', { query: '{app="x"}' }, 'a|recent')
    t.equal(old.statusCode, 400)
    t.match(old.body, /max_query_lookback|1h/)
  })

  await t.test('warnings of each tenant', async t => {
    const { warnings } = await api<Answer>('query_range', { query: '{user="u"}' }, 'a|demoting')
    t.match(warnings, [/^user is kept as structured metadata/])
    const other = await api<Answer>('query_range', { query: '{user="u"}' })
    t.equal(other.warnings, undefined)
  })

  await t.test('names are normalised and checked as in Loki', async t => {
    const f = async (header: string, text: string) => {
      const answer = await ask('/loki/api/v1/labels', {}, header)
      t.equal(answer.statusCode, 400, header)
      t.equal(answer.body, text)
    }
    await f('a|b/', "tenant ID 'b/' contains unsupported character '/'")
    await f('a| b', "tenant ID ' b' contains unsupported character ' '")
    await f('a|..', "tenant ID is '.' or '..'")
    await f(`a|${'n'.repeat(151)}`, 'tenant ID is too long: max 150 characters')
    await f('a|', 'X-Scope-OrgID has a | without a tenant beside it')
    await f('|', 'X-Scope-OrgID has a | without a tenant beside it')
    const many = (count: number) => Array.from({ length: count }, (_, i) => `t${i}`).join('|')
    await f(many(257), 'X-Scope-OrgID names 257 tenants: a query reads at most 256')
    t.same(await lines('{app="x"}', {}, `a|${many(255)}`), ['a1', 'a3', 'a5'])
  })

  await t.test('what works with one tenant is refused', async t => {
    const f = async (method: 'GET' | 'POST' | 'DELETE', url: string, more = {}) => {
      const headers = { 'x-scope-orgid': 'a|b', ...more }
      const answer = await store.app.inject({ method, url, headers, payload: '{"streams":[]}' })
      t.equal(answer.statusCode, 400, `${method} ${url}`)
      t.match(answer.body, /multiple org IDs present/)
    }
    const json = { 'content-type': 'application/json' }
    await f('POST', '/loki/api/v1/push', json)
    await f('POST', '/otlp/v1/logs', json)
    await f('POST', '/insert/jsonline')
    await f('POST', '/_bulk', json)
    await f('GET', '/loki/api/v1/tail?query=%7Bapp%3D%22x%22%7D')
    await f('GET', '/api/prom/tail?query=%7Bapp%3D%22x%22%7D')
    await f('POST', '/loki/api/v1/delete?query=%7Bapp%3D%22x%22%7D&start=1700000000')
    await f('GET', '/loki/api/v1/delete')
    await f('DELETE', '/loki/api/v1/delete?request_id=x')
    await f('GET', '/loki/api/v1/rules')
    await f('GET', '/prometheus/api/v1/rules')
    await f('GET', '/prometheus/api/v1/alerts')
    t.equal(
      (await store.push([jsonStream({ app: 'w' }, [[at(1), 'w']])], 'a|a')).statusCode,
      204,
      'one tenant, written twice',
    )
  })

  await t.test('a delete request hides lines of its tenant only', async t => {
    const end = Number(range.end) / 1e9
    const url = `/loki/api/v1/delete?query=%7Bapp%3D%22x%22%7D&start=${end - 60}&end=${end}`
    const headers = { 'x-scope-orgid': 'a' }
    t.equal((await store.app.inject({ method: 'POST', url, headers })).statusCode, 204)
    t.same(await lines('{app="x"}'), ['b2', 'b4', 'b6'])
    t.same(await samples('sum by (__tenant_id__) (count_over_time({app=~"x|y"}[1m]))'), [
      [{ __tenant_id__: 'a' }, '1'],
      [{ __tenant_id__: 'b' }, '3'],
    ])
  })
})

test('without multi_tenant_queries_enabled, a request names one tenant', async t => {
  const store = await startFullStore(t, false)
  for (const path of ['query_range?query={app="x"}', 'labels', 'series', 'detected_labels']) {
    const [url, query] = path.split('?query=')
    const answer = await store.get(`/loki/api/v1/${url}`, query ? { query } : {}, 'a|b')
    t.equal(answer.statusCode, 400, path)
    t.equal(answer.body, 'multiple org IDs present')
  }
})
