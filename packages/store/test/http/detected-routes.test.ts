import { type Test, test } from 'tap'
import { dayNs, jsonStream, midnightNs, startTestStore, type TestStore } from '../harness.ts'

const onDay = { start: String(midnightNs), end: String(midnightNs + dayNs) }

async function open(t: Test): Promise<TestStore> {
  const yaml = 'auth_enabled: false\nlimits_config: {discover_service_name: []}'
  const store = await startTestStore(t, { yaml })
  await store.push([
    jsonStream({ app: 'x', shard: '1', pod: '0' }, [
      [midnightNs, '{"level":"warn","in":{"a":1}}', { trace: 'abc' }],
      [midnightNs + 1n, 'level=info size=1536B'],
    ]),
    jsonStream({ app: 'y', shard: '2' }, [[midnightNs, 'plain']]),
    jsonStream({ app: 'z', late: 'l' }, [[midnightNs + dayNs, 'plain']]),
  ])
  return store
}

async function get(store: TestStore, path: string, params: Record<string, string> = {}) {
  const answer = await store.get(`/loki/api/v1/${path}`, { ...onDay, ...params })
  return answer.json<unknown>()
}

test('useful labels are returned with the number of their values', async t => {
  const store = await open(t)
  const all = {
    detectedLabels: [
      { label: 'app', cardinality: 2 },
      { label: 'pod', cardinality: 1 },
    ],
  }
  t.same(await get(store, 'detected_labels'), all)
  t.same(await get(store, 'detected_labels', { query: '' }), all)
  t.same(await get(store, 'detected_labels', { query: '{app=~".+"}' }), all)
  t.same(await get(store, 'detected_labels', { query: '{app="y"}' }), {
    detectedLabels: [{ label: 'app', cardinality: 1 }],
  })
  t.same(await get(store, 'detected_labels', { query: '{app="none"}' }), {})
  t.same(await get(store, 'detected_labels', { start: '1', end: '2' }), {})
})

test('fields are returned with type, count and parsers', async t => {
  const store = await open(t)
  const wanted = [
    { label: 'detected_level', type: 'string', cardinality: 2, parsers: null },
    {
      label: 'level',
      type: 'string',
      cardinality: 2,
      parsers: ['logfmt', 'json'],
      jsonPath: ['level'],
    },
    { label: 'size', type: 'bytes', cardinality: 1, parsers: ['logfmt'] },
    { label: 'trace', type: 'string', cardinality: 1, parsers: null },
    { label: 'in_a', type: 'int', cardinality: 1, parsers: ['json'], jsonPath: ['in', 'a'] },
  ]
  t.same(await get(store, 'detected_fields', { query: '{app="x"}' }), {
    fields: wanted,
    limit: 1000,
  })
  t.same(await get(store, 'detected_fields', { query: '{app="x"}', limit: '2' }), {
    fields: wanted.slice(0, 2),
    limit: 2,
  })
  t.match(await get(store, 'detected_fields', { query: '{app="x"}', field_limit: '7' }), {
    limit: 7,
  })
  t.same(
    await get(store, 'detected_fields', { query: '{app="x"}', line_limit: '1' }),
    {
      fields: [
        { ...wanted[0], cardinality: 1 },
        { label: 'level', type: 'string', cardinality: 1, parsers: ['logfmt'] },
        wanted[2],
      ],
      limit: 1000,
    },
    'the newest line alone',
  )
  t.same(await get(store, 'detected_fields', { query: '{app="none"}' }), {})
})

test('values of a field are returned, also for a form', async t => {
  const store = await open(t)
  const values = (name: string, params: Record<string, string> = {}) =>
    get(store, `detected_field/${name}/values`, { query: '{app="x"}', ...params })
  t.same(await values('level'), { values: ['info', 'warn'], limit: 1000 })
  t.same(await values('size'), { values: ['1.5kB'], limit: 1000 })
  t.same(await values('level', { limit: '1' }), { values: ['info'], limit: 1 })
  t.same(await values('none'), {})
  const form = await store.app.inject({
    method: 'POST',
    url: '/loki/api/v1/detected_field/trace/values',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    payload: new URLSearchParams({ ...onDay, query: '{app="x"}' }).toString(),
  })
  t.same(form.json(), { values: ['abc'], limit: 1000 })
})

test("bad parameters are rejected with Loki's status and text", async t => {
  const store = await open(t)
  const refused = async (path: string, params: Record<string, string>, text: string) => {
    const all = { ...onDay, query: '{app="x"}', ...params }
    const answer = await store.get(`/loki/api/v1/${path}`, all)
    t.same([answer.statusCode, answer.body], [400, text], `${path} ${JSON.stringify(params)}`)
  }
  const notInOrder = 'end timestamp must not be before or equal to start time'
  const tooLong = 'the query time range exceeds the limit (query length: 744h0m0s, limit: 30d1h)'
  const later = String(midnightNs + 31n * dayNs)
  for (const path of ['detected_fields', 'detected_field/level/values']) {
    await refused(path, { query: '' }, 'parse error : syntax error: unexpected $end')
    await refused(path, { query: 'rate({app="x"}[1m])' }, 'only log selector is supported')
    for (const name of ['limit', 'field_limit', 'line_limit']) {
      await refused(path, { [name]: '0' }, 'limit must be a positive value')
      await refused(path, { [name]: 'x' }, 'strconv.Atoi: parsing "x": invalid syntax')
    }
    await refused(path, { end: '1' }, notInOrder)
    await refused(path, { end: later }, tooLong)
    await refused(path, { step: 'x' }, 'cannot parse "x" to a valid duration')
    await refused(
      path,
      { line_limit: '5001' },
      'max entries limit per query exceeded, limit > max_entries_limit_per_query (5001 > 5000)',
    )
  }
  await refused(
    'detected_labels',
    { query: '{app="x"} |= "a"' },
    'only label matchers are supported',
  )
  await refused('detected_labels', { end: '1' }, notInOrder)
  await refused('detected_labels', { end: later }, tooLong)
  await refused(
    'detected_labels',
    { start: 'x' },
    `could not parse 'start' parameter: strconv.ParseInt: parsing "x": invalid syntax`,
  )
})

test('tenants see only their own labels and fields', async t => {
  const store = await startTestStore(t, { yaml: 'auth_enabled: true' })
  await store.push([jsonStream({ app: 'x' }, [[midnightNs, 'a=1']])], 'a')
  for (const path of ['detected_labels', 'detected_fields', 'detected_field/a/values']) {
    const params = { ...onDay, query: '{app="x"}' }
    t.not((await store.get(`/loki/api/v1/${path}`, params, 'a')).body, '{}')
    t.equal((await store.get(`/loki/api/v1/${path}`, params, 'b')).body, '{}')
    t.equal((await store.get(`/loki/api/v1/${path}`, params)).statusCode, 401)
  }
})
