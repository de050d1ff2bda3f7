import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Test, test } from 'tap'
import {
  dayNs,
  jsonStream,
  midnightNs,
  type Row,
  startTestStore,
  type TestStore,
} from '../harness.ts'
import { readAllRows, segmentNames } from '../segment-rows.ts'

const seconds = (offset: number) => String(Number(midnightNs / 1_000_000_000n) + offset)
const at = (second: number, line: string, metadata?: Record<string, string>): Row =>
  metadata
    ? [midnightNs + BigInt(second) * 1_000_000_000n, line, metadata]
    : [midnightNs + BigInt(second) * 1_000_000_000n, line]

const keeping = 'auth_enabled: false\ncompactor: {retention_enabled: true}'
/** Processes requests at once. */
const hasty =
  'auth_enabled: false\ncompactor: {retention_enabled: true, delete_request_cancel_period: 0s}'

async function startFilled(t: Test, yaml = keeping): Promise<TestStore> {
  const store = await startTestStore(t, { yaml })
  await store.push([
    jsonStream({ app: 'shop' }, [
      at(1, 'level=info a=1'),
      at(2, 'level=error a=2', { trace: 't1' }),
      at(3, 'level=info a=3'),
      at(4, 'level=error a=4', { trace: 't2' }),
    ]),
    jsonStream({ app: 'other' }, [at(1, 'of other'), at(2, 'of other too')]),
  ])
  return store
}

type Params = Readonly<Record<string, string>>

const url = (params: Params) => `/loki/api/v1/delete?${new URLSearchParams(params)}`
const remove = (
  store: TestStore,
  params: Params,
  { method = 'POST' as 'POST' | 'PUT', tenant = '' } = {},
) =>
  store.app.inject({ method, url: url(params), headers: tenant ? { 'x-scope-orgid': tenant } : {} })
const cancel = (store: TestStore, params: Params) =>
  store.app.inject({ method: 'DELETE', url: url(params) })

interface Listed {
  readonly request_id: string
  readonly start_time: number
  readonly end_time: number
  readonly created_at: number
  readonly query: string
  readonly status: string
}
const list = async (store: TestStore, tenant?: string) =>
  (await store.get('/loki/api/v1/delete', {}, tenant)).json<Listed[]>()

/** Range of the tests' rows in whole seconds. */
const whole = { start: seconds(0), end: seconds(60) }

async function count(store: TestStore, query: string): Promise<number> {
  const answer = await store.get('/loki/api/v1/query', {
    query,
    time: String(midnightNs + dayNs),
  })
  const { data } = answer.json<{ data: { result: { value: [number, string] }[] } }>()
  return data.result.reduce((sum, { value }) => sum + Number(value[1]), 0)
}

test('entries are hidden at once from every kind of query', async t => {
  const store = await startFilled(t)
  const day = { start: String(midnightNs), end: String(midnightNs + dayNs) }
  const bytes = async () => {
    const answer = await store.get('/loki/api/v1/index/volume', { query: '{app="shop"}', ...day })
    return answer
      .json<{ data: { result: { value: [number, string] }[] } }>()
      .data.result.map(({ value }) => Number(value[1]))
  }
  for (const flush of [false, true]) {
    // Level 0 first, then the same data compacted.
    if (flush) await store.app.inject({ method: 'POST', url: '/flush' })
    t.equal(await count(store, 'sum(count_over_time({app="shop"}[1d]))'), 4)
    const before = (await bytes())[0]!
    const { statusCode, body } = await remove(store, { query: '{app="shop"} |= "error"', ...whole })
    t.same([statusCode, body], [204, ''])
    t.same(await store.lines('{app="shop"}'), ['level=info a=1', 'level=info a=3'])
    t.equal(await count(store, 'sum(count_over_time({app="shop"}[1d]))'), 2, 'rows are counted')
    t.equal(await count(store, 'sum(count_over_time({app=~".+"} | logfmt | a > 0 [1d]))'), 2)
    t.equal(await count(store, 'sum(bytes_over_time({app="shop"}[1d]))'), 28)
    t.equal(await count(store, 'sum(count_over_time({app="other"}[1d]))'), 2, 'others are there')
    t.ok((await bytes())[0]! < before, 'volumes count the remaining entries')
    const stats = await store.get('/loki/api/v1/index/stats', { query: '{app="shop"}', ...day })
    t.match(stats.json(), { streams: 1, entries: 2 })
    const patterns = await store.get('/loki/api/v1/patterns', { query: '{app="shop"}', ...day })
    t.notMatch(patterns.body, /error/)
    const fields = await store.get('/loki/api/v1/detected_field/a/values', {
      query: '{app="shop"}',
      ...day,
    })
    t.same(fields.json<{ values: string[] }>().values, ['1', '3'])
    const [listed] = await list(store)
    t.equal((await cancel(store, { request_id: listed!.request_id })).statusCode, 204)
    t.equal(
      (await store.lines('{app="shop"}')).length,
      4,
      'a request that is taken back hides nothing',
    )
  }
})

test('both ends of the range are included', async t => {
  const store = await startFilled(t)
  await remove(
    store,
    { query: '{app="shop"}', start: seconds(2), end: seconds(3) },
    { method: 'PUT' },
  )
  t.same(await store.lines('{app="shop"}'), ['level=info a=1', 'level=error a=4'])
  t.equal(await count(store, 'sum(count_over_time({app="shop"}[1d]))'), 2)
})

test('filters can use labels, metadata and parsed fields', async t => {
  const store = await startFilled(t)
  await remove(store, { query: '{app="shop"} | trace="t1"', ...whole })
  await remove(store, { query: '{app=~"sho.*"} | logfmt | a=3', ...whole })
  t.same(await store.lines('{app="shop"}'), ['level=info a=1', 'level=error a=4'])
  await remove(store, { query: '{app="other"}', ...whole })
  t.same(await store.lines('{app="other"}'), [], 'a selector means all of a stream')
  t.equal(await count(store, 'sum(count_over_time({app="other"}[1d]))'), 0)
})

test('requests are listed oldest first, in whole seconds', async t => {
  const store = await startFilled(t)
  t.same(await list(store), [])
  const start = new Date(Number(midnightNs / 1_000_000n) + 500).toISOString()
  await remove(store, { query: '{app="shop"} |= "error"', start, end: seconds(60) })
  await remove(store, { query: '{app="other"}', start: seconds(0) })
  const listed = await list(store)
  t.same(
    listed.map(({ query, status, start_time }) => [query, status, start_time]),
    [
      ['{app="shop"} |= "error"', 'received', Number(seconds(0))],
      ['{app="other"}', 'received', Number(seconds(0))],
    ],
  )
  for (const { request_id, start_time, end_time, created_at } of listed) {
    t.match(request_id, /^[0-9a-f]{8}$/)
    for (const time of [start_time, end_time, created_at]) t.ok(Number.isInteger(time))
    t.ok(Math.abs(created_at - Date.now() / 1000) < 60)
  }
  t.ok(Math.abs(listed[1]!.end_time - Date.now() / 1000) < 60, 'the end is now by default')
})

test("invalid requests get Loki's error texts", async t => {
  const store = await startFilled(t)
  const query = '{app="shop"}'
  const start = seconds(0)
  const cases: readonly [Params, string][] = [
    [{ start }, 'query not set'],
    [{ query: '{app=', start }, 'invalid query expression'],
    [{ query: 'rate({app="shop"}[1m])', start }, 'invalid query expression'],
    [{ query: '{app=~".*"}', start }, 'invalid query expression'],
    [{ query }, 'start time not set'],
    [
      { query: `{app="${'x'.repeat(16_384)}"}`, start },
      'query is too long: 16392 bytes, at most 16384; split it into several requests',
    ],
    [{ query, start: '170000000' }, 'invalid start time: require unix seconds or RFC3339 format'],
    [
      { query, start: '1700000000000' },
      'invalid start time: require unix seconds or RFC3339 format',
    ],
    [{ query, start, end: 'tomorrow' }, 'invalid end time: require unix seconds or RFC3339 format'],
    [{ query, start, end: '4000000000' }, 'deletes in the future are not allowed'],
    [{ query, start: seconds(9), end: start }, "start time can't be greater than end time"],
    [
      { query, ...whole, max_interval: '1d' },
      "invalid max_interval: valid time units are 's', 'm', 'h'",
    ],
    [
      { query, ...whole, max_interval: '1ms' },
      "invalid max_interval: valid time units are 's', 'm', 'h'",
    ],
    [{ query, ...whole, max_interval: '25h' }, "max_interval can't be greater than 24h0m0s"],
    [
      { query, ...whole, max_interval: '2m' },
      "max_interval can't be greater than the interval to be deleted (1m0s)",
    ],
  ]
  for (const [params, text] of cases) {
    const { statusCode, body, headers } = await remove(store, params)
    t.same([statusCode, body], [400, `${text}\n`])
    t.equal(headers['content-type'], 'text/plain; charset=utf-8')
  }
  t.same(await list(store), [], 'nothing was kept of them')
  t.equal((await remove(store, { query, ...whole, max_interval: '1m' })).statusCode, 204)
  const unknown = await cancel(store, { request_id: 'ffffffff' })
  t.same([unknown.statusCode, unknown.body], [404, 'could not find delete request with given id\n'])
})

test('a store that may not delete accepts no requests', async t => {
  const store = await startTestStore(t)
  for (const method of ['GET', 'POST', 'PUT', 'DELETE'] as const) {
    const { statusCode, body } = await store.app.inject({ method, url: url(whole) })
    t.same([statusCode, body], [404, 'Retention is not enabled\n'], method)
  }
  t.equal((await store.app.inject({ method: 'PATCH', url: url(whole) })).statusCode, 405)
})

test('requests belong to their tenant, and its limits decide their effect', async t => {
  const dir = t.testdir({
    'overrides.yaml': `overrides:
  b: {deletion_mode: disabled}
  c: {deletion_mode: filter-only}
`,
  })
  const store = await startTestStore(t, {
    dir,
    yaml: `compactor: {retention_enabled: true, delete_request_cancel_period: 0s}
runtime_config: {file: ${JSON.stringify(join(dir, 'overrides.yaml'))}}`,
  })
  for (const tenant of ['a', 'b', 'c']) {
    await store.push([jsonStream({ app: 'shop' }, [at(1, `of ${tenant}`)])], tenant)
  }
  const query = '{app="shop"}'
  t.equal((await remove(store, { query, ...whole })).statusCode, 401)
  t.equal((await remove(store, { query, ...whole }, { tenant: 'a' })).statusCode, 204)
  t.same(await store.lines(query, { tenant: 'a' }), [])
  t.same(await store.lines(query, { tenant: 'c' }), ['of c'])
  t.equal((await list(store, 'a')).length, 1)
  t.same(await list(store, 'c'), [])
  const refused = await remove(store, { query, ...whole }, { tenant: 'b' })
  t.same([refused.statusCode, refused.body], [403, 'deletion is not available for this tenant\n'])
  t.equal((await store.get('/loki/api/v1/delete', {}, 'b')).statusCode, 403)
  t.equal((await remove(store, { query, ...whole }, { tenant: 'c' })).statusCode, 204)
  t.same(await store.lines(query, { tenant: 'c' }), [])
  await store.app.inject({ method: 'POST', url: '/flush' })
  const rows = await readAllRows(join(store.dir, 'segments'))
  t.same(rows.map(({ line }) => line).sort(), ['of b', 'of c'], 'filter-only entries stay on disk')
  t.same(
    (await list(store, 'c')).map(({ status }) => status),
    ['received'],
  )
})

test('entries are removed from the files, and the request is processed', async t => {
  const store = await startFilled(t, hasty)
  await store.app.inject({ method: 'POST', url: '/flush' })
  await store.push([jsonStream({ app: 'shop' }, [at(5, 'level=error a=5')])])
  t.equal((await remove(store, { query: '{app="shop"} |= "error"', ...whole })).statusCode, 204)
  t.equal((await remove(store, { query: '{app="other"}', ...whole })).statusCode, 204)
  await store.app.inject({ method: 'POST', url: '/flush' })
  const segmentsDir = join(store.dir, 'segments')
  const rows = await readAllRows(segmentsDir)
  t.same(rows.map(({ line }) => line).sort(), ['level=info a=1', 'level=info a=3'])
  t.same(
    (await list(store)).map(({ status }) => status),
    ['processed', 'processed'],
  )
  const [first] = await list(store)
  const late = await cancel(store, { request_id: first!.request_id, force: 'true' })
  t.same(
    [late.statusCode, late.body],
    [400, 'deletion of request which is in process or already processed is not allowed\n'],
  )
  const values = await store.get('/loki/api/v1/label/app/values', {
    start: String(midnightNs),
    end: String(midnightNs + dayNs),
  })
  t.same(values.json<{ data: string[] }>().data, ['shop'], 'a stream without entries is forgotten')
  await store.push([jsonStream({ app: 'shop' }, [at(6, 'level=error a=6')])])
  t.match(await store.lines('{app="shop"} |= "a=6"'), ['level=error a=6'], 'later entries stay')
  const metrics = (await store.get('/metrics')).body
  t.match(metrics, 'loki_compactor_delete_requests_received_total{user="fake"} 2')
  t.match(metrics, 'loki_compactor_delete_requests_processed_total{user="fake"} 2')
})

test('a request that is being processed can only be cancelled by force', async t => {
  const store = await startFilled(t, hasty)
  await store.app.inject({ method: 'POST', url: '/flush' })
  await store.stop()
  const again = await startTestStore(t, { dir: store.dir, yaml: hasty })
  // What cannot be read now may be read later, so the request waits for it.
  const segmentsDir = join(store.dir, 'segments')
  const [name] = await segmentNames(segmentsDir)
  rmSync(join(segmentsDir, name!))
  mkdirSync(join(segmentsDir, name!))
  await remove(again, { query: '{app="shop"} |= "error"', ...whole })
  await again.app.inject({ method: 'POST', url: '/flush' })
  const [listed] = await list(again)
  t.match(listed!.status, /^\d+% Complete$/)
  const { request_id } = listed!
  const refused = await cancel(again, { request_id })
  t.same(
    [refused.statusCode, refused.body],
    [
      400,
      'Unable to cancel partially completed delete request. To force, use the ?force query parameter\n',
    ],
  )
  t.equal((await cancel(again, { request_id, force: 'true' })).statusCode, 204)
  t.same(await list(again), [])
})

test('a whole day that is deleted leaves no file', async t => {
  const store = await startFilled(t, hasty)
  await store.app.inject({ method: 'POST', url: '/flush' })
  await remove(store, { query: '{app=~".+"}', ...whole })
  await store.app.inject({ method: 'POST', url: '/flush' })
  t.same(await segmentNames(join(store.dir, 'segments')), [])
  t.same(await store.lines('{app=~".+"}'), [])
  t.equal((await list(store))[0]!.status, 'processed')
})

test('a request survives a restart', async t => {
  const store = await startFilled(t)
  await remove(store, { query: '{app="shop"} |= "error"', ...whole })
  await store.stop()
  const again = await startTestStore(t, { dir: store.dir, yaml: keeping })
  t.same(await again.lines('{app="shop"}'), ['level=info a=1', 'level=info a=3'])
  t.equal((await list(again)).length, 1)
  await again.stop()
  const without = await startTestStore(t, { dir: store.dir })
  t.equal((await without.lines('{app="shop"}')).length, 4, 'without retention nothing is deleted')
})

test('a live tail starts without deleted entries', async t => {
  const store = await startTestStore(t, { yaml: keeping })
  const nowNs = BigInt(Date.now()) * 1_000_000n
  await store.push([
    jsonStream({ app: 'tail' }, [
      [nowNs - 2n, 'gone'],
      [nowNs - 1n, 'here'],
    ]),
  ])
  const start = String(Math.floor(Date.now() / 1000) - 60)
  await sleep(5)
  await remove(store, { query: '{app="tail"} |= "gone"', start })
  const socket = new WebSocket(
    `${store.url.replace('http', 'ws')}/loki/api/v1/tail?query=${encodeURIComponent('{app="tail"}')}`,
  )
  const frame = await new Promise<string>((resolve, reject) => {
    socket.onmessage = ({ data }) => resolve(String(data))
    socket.onerror = () => reject(new Error('no frame'))
  })
  socket.close()
  t.match(frame, /"here"/)
  t.notMatch(frame, /"gone"/)
})
