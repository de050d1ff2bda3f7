// Elasticsearch's bulk API and what its clients ask first, as senders use them.

import { once } from 'node:events'
import { request } from 'node:http'
import { gzipSync } from 'node:zlib'
import { t as root, type Test, test } from 'tap'
import { testDay as day, openReceiverStore, pendingBytes } from '../receiver-store.ts'

root.setTimeout(120_000)

async function open(t: Test, yaml?: string) {
  const { store, entries } = await openReceiverStore(t, yaml)
  const bulk = async (
    pairs: readonly object[],
    { url = '/_bulk', headers = {} as Record<string, string> } = {},
  ) => {
    const answer = await store.app.inject({
      method: 'POST',
      url,
      headers: { 'content-type': 'application/x-ndjson', ...headers },
      payload: pairs.map(pair => `${JSON.stringify(pair)}\n`).join(''),
    })
    return { status: answer.statusCode, headers: answer.headers, json: answer.json() }
  }
  return { store, bulk, entries }
}

const index = (name: string, id?: string) => ({
  index: { _index: name, ...(id !== undefined && { _id: id }) },
})

test('documents of Fluent Bit: Kubernetes metadata becomes labels, the rest metadata', async t => {
  const { bulk, entries } = await open(t)
  const { status, headers, json } = await bulk([
    { create: { _index: 'logstash-2024.10.04' } },
    {
      '@timestamp': `${day}01.123456789Z`,
      log: 'GET /cart 200\n',
      stream: 'stdout',
      kubernetes: {
        namespace_name: 'shop',
        pod_name: 'cart-7d9f-x2',
        container_name: 'cart',
        host: 'node-1',
        pod_id: 'f00d',
        labels: { 'app.kubernetes.io/name': 'cart', tier: 'web' },
      },
    },
  ])
  t.equal(status, 200)
  t.equal(headers['x-elastic-product'], 'Elasticsearch')
  t.equal(json.errors, false)
  t.match(json.items, [{ create: { _index: 'logstash-2024.10.04', status: 201 } }])
  const found = await entries('{namespace="shop"}')
  t.same(found, [
    {
      ns: `${BigInt(Date.parse(`${day}01Z`)) * 1_000_000n + 123_456_789n}`,
      line: 'GET /cart 200',
      stream: {
        app: 'cart',
        container: 'cart',
        detected_level: 'unknown',
        index: 'logstash',
        kubernetes_labels_tier: 'web',
        kubernetes_pod_id: 'f00d',
        namespace: 'shop',
        node_name: 'node-1',
        pod: 'cart-7d9f-x2',
        service_name: 'cart',
        stream: 'stdout',
      },
    },
  ])
})

test('documents of Filebeat: fields of ECS', async t => {
  const { bulk, entries } = await open(t)
  await bulk(
    [
      { create: {} },
      {
        '@timestamp': `${day}02.000Z`,
        message: 'paid',
        host: { name: 'web-1', ip: ['10.0.0.1', 'fe80::1'] },
        service: { name: 'shop', environment: 'prod' },
        log: { level: 'warn', offset: 12345678901234567890n.toString() },
        event: { duration: 1.5 },
      },
    ],
    { url: '/elasticsearch/filebeat-8.17.0-2024.10.04-000001/_bulk' },
  )
  const [found] = await entries('{service_name="shop"}')
  t.equal(found!.line, 'paid')
  t.match(found!.stream, {
    index: 'filebeat-8.17.0',
    host: 'web-1',
    environment: 'prod',
    host_ip: '["10.0.0.1","fe80::1"]',
    event_duration: '1.5',
    detected_level: 'warn',
  })
})

test('a document with an id is stored once, however often it comes, with a time and without', async t => {
  const { bulk, entries } = await open(t)
  const timed = [index('i', '1'), { '@timestamp': `${day}03Z`, message: 'timed' }]
  const timeless = [
    index('i', '2'),
    { message: 'timeless' },
    index('i', '3'),
    { message: 'timeless' },
  ]
  for (let i = 0; i < 3; i++) {
    t.equal((await bulk([...timed, ...timeless])).json.errors, false)
  }
  t.equal((await entries('{index="i"} | _id="1"')).length, 1)
  const found = await entries('{index="i"}', 'now')
  t.same(found.map(({ line, stream }) => `${stream._id} ${line}`).sort(), [
    '2 timeless',
    '3 timeless',
  ])
})

test('equal documents without id and time are all stored', async t => {
  const { bulk, entries } = await open(t)
  const pairs = Array.from({ length: 5 }, () => [index('tick'), { message: 'tick' }]).flat()
  await Promise.all([bulk(pairs), bulk(pairs)])
  t.equal((await entries('{index="tick"}', 'now')).length, 10)
})

test('the request chooses fields, by query string or header', async t => {
  const { bulk, entries } = await open(t)
  const document = {
    when: `${day}05Z`,
    text: '\u001b[31mred\u001b[0m',
    team: 'a',
    secret: 's',
    tmp_a: '1',
    app: 'x',
  }
  const url =
    '/_bulk?_stream_fields=team,dc&_time_field=when&_msg_field=missing,text&ignore_fields=secret,tmp_*&decolorize_fields=text&extra_fields=dc=fra'
  await bulk([index('chosen'), document], { url })
  const stream = {
    ...{ app: 'x', dc: 'fra', detected_level: 'unknown', index: 'chosen' },
    ...{ service_name: 'unknown_service', team: 'a' },
  }
  t.match(await entries('{index="chosen"}'), [{ line: 'red', stream }])
  t.notOk((await entries('{index="chosen"}'))[0]!.stream.secret)
  await bulk([index('header'), document], {
    headers: { 'vl-stream-fields': 'team', 'vl-time-field': 'when', 'vl-msg-field': 'text' },
  })
  t.equal((await entries('{index="header", team="a"}')).length, 1)
  const refused = await bulk([index('i'), document], { url: '/_bulk?debug=1' })
  t.equal(refused.status, 400)
  t.match(refused.json.error.reason, /parameter debug: Skald does not have it/)
})

test('a document without a line field is the line', async t => {
  const { bulk, entries } = await open(t)
  const document = { '@timestamp': `${day}06Z`, method: 'GET', size: 12, host: 'h' }
  await bulk([index('whole'), document])
  t.match(await entries('{index="whole", host="h"}'), [{ line: JSON.stringify(document) }])
  t.equal((await entries('{index="whole"} | json | size=12')).length, 1)
})

test('numbers keep their digits', async t => {
  const { store, entries } = await open(t)
  const payload = `{"index":{"_index":"n"}}\n{"@timestamp":"${day}07Z","message":"m","big":12345678901234567890,"price":1.50,"list":[1.0,2]}\n`
  await store.app.inject({ method: 'POST', url: '/_bulk', payload })
  t.match(await entries('{index="n"}'), [
    { stream: { big: '12345678901234567890', price: '1.50', list: '[1.0,2]' } },
  ])
})

test('each item has its own status', async t => {
  const { store, entries } = await open(
    t,
    'auth_enabled: false\nlimits_config: {max_line_size: 10}',
  )
  const payload = [
    '{"index":{"_index":"s","_id":"a"}}\n{"@timestamp":"2024-10-04T00:00:08Z","message":"good"}\n',
    '{"index":{"_index":"s","_id":"b"}}\n{"@timestamp":"2024-10-04T00:00:08Z","message":"much too long"}\n',
    '{"index":{"_index":"s","_id":"c"}}\n{"message": \n',
    '{"index":{"_index":"s","_id":"d"}}\n{"@timestamp":"yesterday","message":"x"}\n',
    '{"index":{"_index":"s","_id":"e"}}\n[1]\n',
    '{"update":{"_index":"s","_id":"f"}}\n{"doc":{}}\n',
    '{"delete":{"_index":"s","_id":"g"}}\n',
    '{"create":{"_index":"s","_id":"h"}}\r\n{"@timestamp":"2024-10-04T00:00:09Z","message":"fine"}\r\n',
  ].join('')
  const answer = await store.app.inject({ method: 'PUT', url: '/_bulk', payload })
  const { errors, items } = answer.json<{
    errors: boolean
    items: Record<
      string,
      { _id: string; status: number; error?: { type: string; reason: string } }
    >[]
  }>()
  t.equal(errors, true)
  const told = items.map(item => {
    const [[action, { _id, status, error }]] = Object.entries(item) as [
      [string, (typeof item)[string]],
    ]
    return [action, _id, status, error?.reason ?? '']
  })
  t.match(told, [
    ['index', 'a', 201, ''],
    ['index', 'b', 400, /^Max entry size '10' bytes exceeded/],
    ['index', 'c', 400, /^failed to parse: /],
    ['index', 'd', 400, /field @timestamp is not a time: "yesterday"/],
    ['index', 'e', 400, /not a JSON object/],
    ['update', 'f', 400, /^update: a stored line cannot be changed/],
    ['delete', 'g', 400, /^delete: /],
    ['create', 'h', 201, ''],
  ])
  t.same((await entries('{index="s"}')).map(({ line }) => line).sort(), ['fine', 'good'])
  const short = await store.app.inject({
    method: 'POST',
    url: '/_bulk?filter_path=errors,items.*.error,items.*.status',
    payload: payload.slice(0, payload.indexOf('{"index":{"_index":"s","_id":"b"')),
  })
  t.match(short.json(), { errors: false, items: [{ index: { status: 201 } }] })
  t.same(Object.keys(short.json().items[0].index), ['status'])
})

test('above a rate, items have 429, so that senders repeat them alone', async t => {
  const { bulk, entries } = await open(
    t,
    'auth_enabled: false\nlimits_config: {per_stream_rate_limit: 1, per_stream_rate_limit_burst: 10}',
  )
  const line = (stream: string, second: string) => [
    index(stream),
    { '@timestamp': `${day}${second}Z`, message: '12345678' },
  ]
  const { json } = await bulk([...line('a', '10'), ...line('a', '11'), ...line('b', '12')])
  t.match(json.items, [
    { index: { status: 201 } },
    { index: { status: 429, error: { type: 'es_rejected_execution_exception' } } },
    { index: { status: 201 } },
  ])
  t.equal((await entries('{index=~"a|b"}')).length, 2)
  const other = await open(
    t,
    'auth_enabled: false\nlimits_config: {ingestion_rate_mb: 0.000001, ingestion_burst_size_mb: 0.00001}',
  )
  const whole = await other.bulk([...line('c', '13'), ...line('c', '14')])
  t.same(
    whole.json.items.map((item: { index: { status: number } }) => item.index.status),
    [429, 429],
  )
})

test('a body that is no bulk request is refused as a whole, and says where', async t => {
  const { store, entries } = await open(t)
  const good = `{"index":{"_index":"w"}}\n{"@timestamp":"${day}20Z","message":"good"}\n`
  const refused = async (payload: string | Buffer, why: RegExp, headers = {}, status = 400) => {
    const answer = await store.app.inject({ method: 'POST', url: '/_bulk', payload, headers })
    t.equal(answer.statusCode, status)
    t.equal(answer.headers['x-elastic-product'], 'Elasticsearch')
    t.match(answer.json().error.reason, why)
    t.equal(answer.json().status, status)
  }
  await refused('', /no requests added/)
  await refused('{"index":{"_index":"w"}}', /Line \[2\] is missing: a document/)
  await refused(`${good}{"index":{"_index":"w"}}\n`, /Line \[4\] is missing: a document/)
  await refused(`${good}{"put":{}}\n{}\n`, /Malformed action\/metadata line \[3\]: expected one of/)
  await refused(`${good}hello\n{}\n`, /Malformed action\/metadata line \[3\]: it is not JSON/)
  await refused('{"index":{}}\n{}\n', /Line \[1\]: index is missing/)
  await refused(`{"index":{"_index":"i","_id":"${'x'.repeat(513)}"}}\n{}\n`, /id is too long/)
  await refused('not gzip', /gzip: invalid header/, { 'content-encoding': 'gzip' })
  await refused('x', /Content-Encoding "br" not supported/, { 'content-encoding': 'br' })
  const bomb = gzipSync(Buffer.alloc(65 * 1024 * 1024))
  await refused(bomb, /too large/, { 'content-encoding': 'gzip' }, 413)
  t.same(await entries('{index="w"}'), [])
})

test('names have an end, and so have items: no request keeps the store busy or fills its memory', async t => {
  const { store, bulk, entries } = await open(t)
  const document = { '@timestamp': `${day}45Z`, message: 'x' }
  const long = `long${'-1234'.repeat(200_000)}`
  const { json } = await bulk([index(long), document, index('short'), document])
  t.match(json.items[0].index, {
    status: 400,
    error: { reason: /the name of the index is longer than 255 bytes/ },
  })
  t.equal(json.items[1].index.status, 201)
  const post = (url: string, payload: string | Buffer, headers = {}) =>
    store.app.inject({ method: 'POST', url, payload, headers })
  t.equal((await post(`/${'i'.repeat(256)}/_bulk`, '{"index":{}}\n{}\n')).statusCode, 400)
  const text = JSON.stringify(document)
  t.match((await post(`/short/_doc/${'i'.repeat(513)}`, text)).json(), {
    status: 400,
    error: { reason: /the id is longer than 512 bytes/ },
  })
  const items = `{"index":{}}\n${text}\n`.repeat(200_001)
  const many = await post('/many/_bulk', gzipSync(items), { 'content-encoding': 'gzip' })
  t.equal(many.statusCode, 413)
  t.match(many.json().error.reason, /more than 400000 lines; send several requests/)
  const blank = await post('/many/_bulk', gzipSync('\n'.repeat(400_002)), {
    'content-encoding': 'gzip',
  })
  t.equal(blank.statusCode, 413)
  t.same(await entries('{index=~"many|long.*"}'), [])
})

test('bodies that nobody needs count like those of pushes', async t => {
  const { store } = await open(t)
  const { hostname, port } = new URL(store.url)
  const mib = 1024 * 1024
  const headers = { 'content-length': 8 * mib }
  const sending = request({ hostname, port, path: '/_template/t', method: 'PUT', headers })
  const answered = once(sending, 'response')
  sending.write(Buffer.alloc(4 * mib))
  t.ok((await pendingBytes(store, bytes => bytes >= 4 * mib)) >= 4 * mib)
  sending.end(Buffer.alloc(4 * mib))
  const [response] = await answered
  t.equal(response.statusCode, 200)
  response.resume()
  t.equal(await pendingBytes(store, bytes => bytes === 0), 0)
})

test('a label that is no text costs the other documents nothing', async t => {
  const { store, entries } = await open(t)
  const time = `"@timestamp":"${day}46Z"`
  const payload = `{"index":{"_index":"half"}}
{${time},"message":"a","host":"x\\ud800"}
{"index":{"_index":"half"}}
{${time},"message":"b","host":"y"}
`
  const answer = await store.app.inject({ method: 'POST', url: '/_bulk', payload })
  t.match(answer.json(), { errors: false, items: [{ index: { status: 201 } }, {}] })
  t.same((await entries('{index="half"}')).map(({ line, stream }) => [line, stream.host]).sort(), [
    ['a', 'x\ufffd'],
    ['b', 'y'],
  ])
})

test('single documents', async t => {
  const { store, entries } = await open(t)
  const post = (method: 'POST' | 'PUT', url: string, message: unknown) =>
    store.app.inject({
      method,
      url,
      payload: JSON.stringify({ '@timestamp': `${day}30Z`, message }),
    })
  const first = await post('POST', '/one/_doc', 'a')
  t.equal(first.statusCode, 201)
  t.match(first.json(), { _index: 'one', result: 'created', _id: /.{20}/ })
  t.match((await post('PUT', '/one/_doc/7', 'b')).json(), { _id: '7' })
  t.match((await post('PUT', '/elasticsearch/one/_create/8', 'c')).json(), { _id: '8' })
  t.same((await entries('{index="one"}')).map(({ line }) => line).sort(), ['a', 'b', 'c'])
  const bad = await store.app.inject({ method: 'POST', url: '/one/_doc', payload: 'x' })
  t.equal(bad.statusCode, 400)
  t.match(bad.json(), { status: 400, error: { type: 'document_parsing_exception' } })
})

test('clients find what they ask first, and browsers the page', async t => {
  const { store } = await open(t)
  const ask = (url: string, headers = {}, method: 'GET' | 'HEAD' | 'PUT' = 'GET') =>
    store.app.inject({ method, url, headers })
  const json = { accept: 'application/json' }
  const product = async (url: string, method: 'GET' | 'HEAD' | 'PUT' = 'GET') => {
    const answer = await ask(url, json, method)
    t.equal(answer.statusCode, 200, `${method} ${url}`)
    t.equal(answer.headers['x-elastic-product'], 'Elasticsearch', url)
    return answer
  }
  for (const prefix of ['', '/elasticsearch']) {
    t.match((await product(`${prefix}/`)).json(), { version: { number: /^8\./ } })
    t.equal((await product(`${prefix}/`, 'HEAD')).body, '')
    t.match((await product(`${prefix}/_license`)).json(), { license: { status: 'active' } })
    t.match((await product(`${prefix}/_xpack`)).json(), { license: { type: 'basic' } })
    t.match((await product(`${prefix}/_cluster/health`)).json(), { status: 'green' })
    for (const path of [
      '_index_template/a',
      '_ilm/policy/a',
      '_ingest/pipeline/a',
      '_template/a',
    ]) {
      await product(`${prefix}/${path}`)
      await product(`${prefix}/${path}`, 'HEAD')
      t.same((await product(`${prefix}/${path}`, 'PUT')).json(), { acknowledged: true })
    }
  }
  const page = await ask('/', { accept: 'text/html,application/xhtml+xml,application/json;q=0.9' })
  t.match(page.headers['content-type'], /^text\/html/)
  t.match((await ask('/')).headers['content-type'], /^text\/html/)
  t.match((await ask('/', { 'user-agent': 'logstash/8.1' })).json(), { tagline: /Search/ })
})

test('tenants are kept apart, and a request without one is refused', async t => {
  const { store, bulk } = await open(t, 'auth_enabled: true')
  const pairs = [index('t'), { '@timestamp': `${day}40Z`, message: 'x' }]
  const refused = await bulk(pairs)
  t.equal(refused.status, 401)
  t.equal(refused.json.error.reason, 'no org id')
  t.equal((await bulk(pairs, { headers: { 'x-scope-orgid': 'one' } })).json.errors, false)
  const range = {
    start: BigInt(Date.parse(`${day}00Z`)) * 1_000_000n,
    end: BigInt(Date.parse(`${day}59Z`)) * 1_000_000n,
  }
  t.same(await store.lines('{index="t"}', { ...range, tenant: 'one' }), ['x'])
  t.same(await store.lines('{index="t"}', { ...range, tenant: 'two' }), [])
})

test('blocked pushes are refused with the configured status', async t => {
  const { bulk } = await open(
    t,
    'auth_enabled: false\nlimits_config: {block_ingestion_until: 2099-01-01, block_ingestion_status_code: 456}',
  )
  t.equal((await bulk([index('b'), { message: 'x' }])).status, 456)
})

test('without structured metadata, the document is the line', async t => {
  const { bulk, entries } = await open(
    t,
    'auth_enabled: false\nlimits_config: {allow_structured_metadata: false}',
  )
  const document = { '@timestamp': `${day}50Z`, message: 'x', user: 'u' }
  t.equal((await bulk([index('p', '1'), document])).json.errors, false)
  t.match(await entries('{index="p"}'), [{ line: JSON.stringify(document) }])
})

test('requests of winston-elasticsearch: more behind the action, and fields', async t => {
  const { bulk, entries } = await open(t)
  const answer = await bulk(
    [
      { index: { _index: 'winston' }, attempts: 0 },
      { '@timestamp': `${day}55.1Z`, message: 'paid', severity: 'warn', fields: { order: 17 } },
    ],
    { url: '/_bulk?wait_for_active_shards=1&timeout=100ms' },
  )
  t.equal(answer.json.errors, false)
  t.match(await entries('{index="winston"}'), [
    { line: 'paid', stream: { fields_order: '17', detected_level: 'warn' } },
  ])
})
