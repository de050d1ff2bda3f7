import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { t as root, test } from 'tap'
import {
  dayNs,
  jsonStream,
  midnightNs,
  type Row,
  startTestStore,
  type TestScope,
} from '../harness.ts'

const second = 1_000_000_000n
const at = (seconds: number) => String(midnightNs + BigInt(seconds) * second)
const row = (seconds: number, line: string): Row => [midnightNs + BigInt(seconds) * second, line]

async function open(t: TestScope, yaml = 'auth_enabled: false') {
  const store = await startTestStore(t, { yaml })
  const rows = [1, 2, 3, 4].map(i => row(i, `line ${i} level=info`))
  await store.push(
    [jsonStream({ app: 'x' }, rows), jsonStream({ app: 'y' }, [row(2, 'of y')])],
    'a',
  )
  return store
}

/** Shared by all tests that only read, because its scan threads take a while to start. */
const store = await open(root)

const onDay = { start: at(0), end: at(3600) }
const rangePath = '/loki/api/v1/query_range'

interface Streams {
  readonly status: string
  readonly data: {
    readonly resultType: string
    readonly result: { stream: Record<string, string>; values: [string, string][] }[]
    readonly stats: { summary: { totalEntriesReturned: number; totalLinesProcessed: number } }
  }
}

async function streams(params: Record<string, string>) {
  const answer = await store.get(rangePath, { ...onDay, ...params })
  return answer.json<Streams>().data.result.map(({ values }) => values.map(([, line]) => line))
}

test('query_range answers log queries with streams and stats', async t => {
  const answer = await store.get(rangePath, { ...onDay, query: '{app="x"}', direction: 'forward' })
  t.equal(answer.statusCode, 200)
  t.equal(answer.headers['content-type'], 'application/json; charset=UTF-8')
  const { status, data } = answer.json<Streams>()
  t.equal(status, 'success')
  t.equal(data.resultType, 'streams')
  t.same(data.result, [
    {
      stream: { app: 'x', detected_level: 'info', service_name: 'x' },
      values: [1, 2, 3, 4].map(i => [at(i), `line ${i} level=info`]),
    },
  ])
  t.match(data.stats.summary, { totalEntriesReturned: 4, totalLinesProcessed: 4 })
})

test('limit and direction choose the lines, newest first by default', async t => {
  const line = (i: number) => `line ${i} level=info`
  t.same(await streams({ query: '{app="x"}', limit: '2' }), [[line(4), line(3)]])
  const forward = { query: '{app="x"}', limit: '2', direction: 'forward' }
  t.same(await streams(forward), [[line(1), line(2)]])
  t.same(await streams({ query: '{app="x"}', end: at(3) }), [[line(2), line(1)]])
})

test('parameters can be sent as a form', async t => {
  const answer = await store.app.inject({
    method: 'POST',
    url: `${rangePath}?limit=1`,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    payload: new URLSearchParams({ ...onDay, query: '{app="y"}' }).toString(),
  })
  t.equal(answer.statusCode, 200)
  t.same(answer.json<Streams>().data.result[0]!.values, [[at(2), 'of y']])
})

test('structured metadata is separated if the client asks for it', async t => {
  const query = new URLSearchParams({ ...onDay, query: '{app="y"}' }).toString()
  const answer = await store.app.inject({
    url: `${rangePath}?${query}`,
    headers: { 'x-loki-response-encoding-flags': 'categorize-labels' },
  })
  const { data } = answer.json<{
    data: { encodingFlags: string[]; result: { values: unknown[] }[] }
  }>()
  t.same(data.encodingFlags, ['categorize-labels'])
  t.same(data.result[0]!.values, [
    [at(2), 'of y', { structuredMetadata: { detected_level: 'unknown' } }],
  ])
})

test('metric queries answer with a matrix, instant ones with a vector', async t => {
  const query = 'sum by (app) (count_over_time({app=~".+"}[1m]))'
  const range = await store.get(rangePath, { start: at(60), end: at(60), step: '60', query })
  const matrix = range.json<{ data: { resultType: string; result: unknown[] } }>().data
  t.equal(matrix.resultType, 'matrix')
  const seconds = Number(midnightNs / second) + 60
  t.same(matrix.result, [
    { metric: { app: 'x' }, values: [[seconds, '4']] },
    { metric: { app: 'y' }, values: [[seconds, '1']] },
  ])
  const instant = await store.get('/loki/api/v1/query', { time: at(60), query })
  const vector = instant.json<{ data: { resultType: string; result: unknown[] } }>().data
  t.equal(vector.resultType, 'vector')
  t.same(vector.result, [
    { metric: { app: 'x' }, value: [seconds, '4'] },
    { metric: { app: 'y' }, value: [seconds, '1'] },
  ])
})

test('the legacy query returns label texts and RFC 3339 times', async t => {
  const answer = await store.get('/api/prom/query', {
    ...onDay,
    query: '{app=~".+"}',
    regexp: 'o. y',
  })
  t.same(answer.json<{ streams: unknown[] }>().streams, [
    {
      labels: '{app="y", detected_level="unknown", service_name="y"}',
      entries: [{ ts: '2024-10-04T00:00:02Z', line: 'of y' }],
    },
  ])
  const metric = { ...onDay, query: 'rate({app="x"}[1m])' }
  const refused = await store.get('/api/prom/query', metric)
  t.equal(refused.statusCode, 400)
  t.equal(refused.body, 'legacy endpoints only support streams result type')
})

test('invalid queries get 400 and plain text', async t => {
  const refused = async (
    params: Record<string, string>,
    text: string | RegExp,
    path = rangePath,
  ) => {
    const { statusCode, body, headers } = await store.get(path, { ...onDay, ...params })
    t.equal(statusCode, 400, JSON.stringify(params))
    t.match(body, text)
    t.equal(headers['content-type'], 'text/plain; charset=utf-8')
  }
  const good = '{app="x"}'
  await refused({ query: '{app=' }, /^parse error at line 1, col 6: syntax error: unexpected \$end/)
  await refused({ query: '' }, /^parse error/)
  await refused({}, /^parse error/)
  await refused({ query: '{}' }, /^parse error/)
  await refused({ query: '{app=~"("}' }, /missing closing \)/)
  await refused({ query: good, limit: '0' }, 'limit must be a positive value')
  await refused(
    { query: good, limit: '5001' },
    /max entries limit per query exceeded, limit > max_entries_limit/,
  )
  await refused({ query: good, direction: 'up' }, "invalid direction 'up'")
  await refused({ query: good, step: '-1' }, /^zero or negative query resolution/)
  await refused({ query: good, start: 'x' }, /^could not parse 'start' parameter/)
  await refused({ query: good, since: 'x' }, /^could not parse 'since' parameter/)
  await refused(
    { query: good, end: at(-5) },
    'end timestamp must not be before or equal to start time',
  )
  await refused({ query: good, time: 'x' }, /^could not parse 'time'/, '/loki/api/v1/query')
  await refused(
    { query: good },
    /^log queries are not supported as an instant query type/,
    '/loki/api/v1/query',
  )
})

test('a range beyond all stored times finds the data', async t => {
  const far = { query: '{app="y"}', start: at(0), end: '9999999999' }
  const answer = await store.get(rangePath, far)
  t.match(answer.body, /query time range exceeds the limit/)
  t.equal(answer.statusCode, 400)
  const unlimited = await open(t, 'auth_enabled: false\nlimits_config: {max_query_length: 0}')
  for (const end of ['9999999999', '9999-12-31T23:59:59Z', '1.0e20']) {
    const { statusCode, body } = await unlimited.get(rangePath, { ...far, end, step: '1d' })
    // Thousands of days with this step exceed the number of points a client may ask for.
    t.ok(statusCode === 200 || /exceeded maximum resolution/.test(body), `${end}: ${body}`)
    const whole = await unlimited.get(rangePath, { ...far, end })
    t.equal(whole.statusCode, 200, `${end}: ${whole.body}`)
  }
  for (const start of ['-9223372036854775808', '0', '0001-01-01T00:00:00Z']) {
    const params = { query: 'count_over_time({app="y"}[1h])', start, end: at(60) }
    t.equal((await unlimited.get(rangePath, params)).statusCode, 200, start)
  }
})

test('format_query returns the formatted query or its error', async t => {
  const path = '/loki/api/v1/format_query'
  const good = await store.get(path, { query: '{app="x"}|="y"' })
  t.same(good.json(), { status: 'success', data: '{app="x"} |= "y"' })
  const bad = await store.get(path, { query: '{' })
  t.equal(bad.statusCode, 400)
  t.match(bad.json(), { status: 'invalid-query', error: /^parse error/ })
})

test('with auth_enabled a query needs a tenant and sees only its own lines', async t => {
  const store = await open(t, 'auth_enabled: true')
  const params = { ...onDay, query: '{app="y"}' }
  const refused = await store.get(rangePath, params)
  t.equal(refused.statusCode, 401)
  t.equal(refused.body, 'no org id')
  t.equal((await store.get(rangePath, params, 'a/b')).statusCode, 400)
  t.same(await store.lines('{app="y"}', { tenant: 'a' }), ['of y'])
  t.same(await store.lines('{app="y"}', { tenant: 'b' }), [])
})

test('a query over its time limit gets 504', async t => {
  const store = await open(t, 'auth_enabled: false\nlimits_config: {query_timeout: 1ms}')
  // More work than fits into a millisecond: a thread has to start first.
  const { statusCode, body } = await store.get(rangePath, { ...onDay, query: '{app="x"}' })
  t.equal(statusCode, 504)
  t.match(body, /^Request timed out, decrease the duration of the request/)
})

test('max_query_lookback hides older entries', async t => {
  const limited = await startTestStore(t, {
    yaml: 'auth_enabled: false\nlimits_config: {max_query_lookback: 1h, max_query_length: 0}',
  })
  const nowNs = BigInt(Date.now()) * 1_000_000n
  const hoursAgo = (hours: bigint) => nowNs - hours * 3600n * second
  await limited.push([jsonStream({ app: 'x' }, [[hoursAgo(3n), 'old']])])
  await limited.push([jsonStream({ app: 'y' }, [[nowNs - second, 'new']])])
  const range = { start: hoursAgo(5n), end: nowNs }
  t.same(await limited.lines('{app=~".+"}', range), ['new'])
  const old = { start: String(hoursAgo(5n)), end: String(hoursAgo(2n)) }
  const paths = [
    ...['query_range', 'labels', 'series', 'patterns'],
    ...['index/stats', 'index/volume', 'index/volume_range'],
    ...['detected_labels', 'detected_fields', 'detected_field/level/values'],
  ]
  for (const path of paths) {
    const answer = await limited.get(`/loki/api/v1/${path}`, { query: '{app="x"}', ...old })
    t.equal(answer.statusCode, 400, path)
    t.equal(
      answer.body,
      'this data is no longer available, it is past now - max_query_lookback (1h)',
    )
  }
  const both = { query: '{app=~".+"}', start: String(range.start), end: String(range.end) }
  t.match((await limited.get('/loki/api/v1/index/stats', both)).json(), { entries: 1 })
  const volume = await limited.get('/loki/api/v1/index/volume', both)
  t.match(volume.json(), { data: { result: { length: 1 } } })
  const instant = { query: 'count_over_time({app="x"}[1h])', time: String(hoursAgo(2n)) }
  t.equal((await limited.get('/loki/api/v1/query', instant)).statusCode, 400)
})

test('max_query_bytes_read rejects queries that would read more', async t => {
  const limited = await open(t, 'auth_enabled: false\nlimits_config: {max_query_bytes_read: 20B}')
  const ask = async (query: string) => limited.get(rangePath, { ...onDay, query })
  t.equal((await ask('{app="y"}')).statusCode, 200)
  const refused = await ask('{app="x"}')
  t.equal(refused.statusCode, 400)
  t.match(
    refused.body,
    /^the query would read too many bytes \(query: 68B, limit: 20B\); consider /,
  )
  const params = { ...onDay, query: '{app="x"}' }
  for (const path of ['detected_fields', 'patterns']) {
    t.equal((await limited.get(`/loki/api/v1/${path}`, params)).statusCode, 400, path)
  }
  // A volume does not read blocks that are completely inside the range.
  const volume = (start: string) => limited.get('/loki/api/v1/index/volume', { ...params, start })
  t.equal((await volume(onDay.start)).statusCode, 200)
  const cut = await volume(at(2))
  t.same([cut.statusCode, cut.body], [400, refused.body])
})

test('a client that disconnects ends its query', async t => {
  const store = await startTestStore(t)
  const rows = Array.from({ length: 20_000 }, (_, i) => [midnightNs + BigInt(i), `n=${i}`] as const)
  await store.push([jsonStream({ app: 'x' }, rows)])
  const stages = '| label_format a=`{{ __line__ | repeat 2000 | replace "1" "22" | upper | len }}`'
  const params = new URLSearchParams({
    query: `sum by (a) (count_over_time({app="x"} ${stages.repeat(2)} [1d]))`,
    time: String(midnightNs + dayNs),
  })
  const controller = new AbortController()
  const asked = once(store.app.server, 'request')
  const answer = fetch(`${store.url}/loki/api/v1/query?${params}`, { signal: controller.signal })
  await asked
  controller.abort()
  await t.rejects(answer, { name: 'AbortError' })
  const cancelled =
    /^loki_request_duration_seconds_count\{method="GET",route="loki_api_v1_query",status_code="499"\} 1$/m
  // The store notices when the connection closes.
  while (!cancelled.test((await store.get('/metrics')).body)) await setTimeout(20)
  t.same(await store.lines('{app="x"} |= "n=19999"'), ['n=19999'])
  t.notOk(store.messages().includes('request failed'), "this is not the store's fault")
})

test('a query that needs more memory than there is gets 429, and others are answered', async t => {
  const yaml = 'auth_enabled: false\nmax_memory: 10MB\nlimits_config: {max_query_series: 100000}'
  const small = await startTestStore(t, { yaml })
  const rows = Array.from({ length: 20_000 }, (_, i) => row(1, `id=${i} n=1`))
  await small.push([jsonStream({ app: 'ids' }, rows)], 'a')
  const ask = (query: string) => small.get('/loki/api/v1/query', { query, time: at(60) })
  const normal = () => ask('sum(count_over_time({app="ids"} |= "id=77 " [1h]))')
  // The process takes more than this store may have, and the scan threads take more when they start.
  while ((await normal()).statusCode !== 200) await setTimeout(10)
  const refused = await ask('count_over_time({app="ids"} | logfmt [1h])')
  t.equal(refused.statusCode, 429)
  t.equal(refused.headers['retry-after'], '5')
  t.match(refused.body, /^the store is short of memory \(max_memory is 10 MiB\), and this query /)
  const answered = await normal()
  t.equal(answered.statusCode, 200)
  t.match(answered.body, /"value":\[\d+,"1"\]/)
  const { body } = await small.get('/metrics')
  t.match(body, /^skald_max_memory_bytes 10485760$/m)
  t.match(body, /^skald_queries_refused_total [1-9]/m)
})

test('too many series are an error of the limit, whatever memory there is', async t => {
  const small = await startTestStore(t, { yaml: 'auth_enabled: false\nmax_memory: 10MB' })
  const rows = Array.from({ length: 2000 }, (_, i) => row(1, `id=${i}`))
  await small.push([jsonStream({ app: 'ids' }, rows)], 'a')
  const query = 'count_over_time({app="ids"} | logfmt [1h])'
  const { statusCode, body } = await small.get('/loki/api/v1/query', { query, time: at(60) })
  t.equal(statusCode, 400)
  t.match(body, /^maximum number of series \(500\) reached for a single query/)
})
