import { gzipSync, zstdCompressSync } from 'node:zlib'
import { type Test, test } from 'tap'
import { midnightNs, startTestStore } from '../harness.ts'

const url = '/otlp/v1/logs'
const jsonType = { 'content-type': 'application/json' }
const protobufType = { 'content-type': 'application/x-protobuf' }

const text = (stringValue: string) => ({ stringValue })
const attributes = (pairs: Readonly<Record<string, string>>) =>
  Object.entries(pairs).map(([key, value]) => ({ key, value: text(value) }))

interface Sent {
  readonly lines: readonly string[]
  readonly resource?: Readonly<Record<string, string>>
  readonly record?: object
  readonly timeNs?: bigint
}

function json({ lines, resource = { 'service.name': 'shop' }, record, timeNs = midnightNs }: Sent) {
  const logRecords = lines.map((line, i) => ({
    timeUnixNano: String(timeNs + BigInt(i)),
    body: text(line),
    ...record,
  }))
  const scopeLogs = [{ scope: { name: 'cart' }, logRecords }]
  return JSON.stringify({
    resourceLogs: [{ resource: { attributes: attributes(resource) }, scopeLogs }],
  })
}

/** One record at 1 s and 2 ns with the body "hi", of the service "svc"; see the codec's test. */
const protobuf = Buffer.from(
  '0a410a170a150a0c736572766963652e6e616d6512050a03737663' +
    '12261224' +
    '0902ca9a3b0000000010092a040a02686932080a016b12030a0176590000000000000000',
  'hex',
)

async function open(t: Test, yaml = 'auth_enabled: false') {
  const store = await startTestStore(t, { yaml })
  const post = (payload: string | Buffer, headers: Readonly<Record<string, string>> = jsonType) =>
    store.app.inject({ method: 'POST', url, headers, payload })
  return { store, post }
}

/** Returns the message of a google.rpc.Status without other fields. */
function messageOf(body: Buffer): string {
  const length = body[2]! < 0x80 && body[1]! >= 0x80 ? 3 : 2
  return body[0] === 0x12 ? body.toString('utf8', length) : `no status: ${body.toString('latin1')}`
}

test('records of every encoding are stored', async t => {
  const { store, post } = await open(t)
  const stored = async (
    line: string,
    payload: Buffer | string,
    headers: Record<string, string>,
  ) => {
    const answer = await post(payload, headers)
    t.same([answer.statusCode, answer.body], [204, ''], line)
    t.ok((await store.lines('{service_name="shop"}')).includes(line), line)
  }
  await stored('json', json({ lines: ['json'] }), jsonType)
  const charset = { 'content-type': 'application/json; charset=utf-8' }
  await stored('charset', json({ lines: ['charset'] }), charset)
  const gzip = { ...jsonType, 'content-encoding': 'gzip' }
  await stored('gzip', gzipSync(json({ lines: ['gzip'] })), gzip)
  const zstd = { ...jsonType, 'content-encoding': 'zstd' }
  await stored('zstd', zstdCompressSync(json({ lines: ['zstd'] })), zstd)

  t.equal((await post(protobuf, protobufType)).statusCode, 204)
  const gzipped = { ...protobufType, 'content-encoding': 'gzip' }
  t.equal((await post(gzipSync(protobuf), gzipped)).statusCode, 204)
  t.same(await store.lines('{service_name="svc"}', { start: 0n, end: 20_000_000_000n }), ['hi'])
})

test('attributes that are not labels become metadata that queries find', async t => {
  const { store, post } = await open(t)
  const record = {
    severityNumber: 17,
    traceId: '0102030405060708090a0b0c0d0e0f10',
    attributes: attributes({ 'http.method': 'GET' }),
  }
  const resource = { 'service.name': 'shop', 'k8s.pod.name': 'shop-1', 'host.name': 'h1' }
  t.equal((await post(json({ lines: ['x'], record, resource }))).statusCode, 204)
  const names = await store.get('/loki/api/v1/labels', {
    start: String(midnightNs),
    end: String(midnightNs + 1000n),
  })
  t.same(names.json(), { status: 'success', data: ['k8s_pod_name', 'service_name'] })
  const logql =
    '{service_name="shop"} | http_method="GET" | host_name="h1" | scope_name="cart" | trace_id="0102030405060708090a0b0c0d0e0f10" | detected_level="error"'
  t.same(await store.lines(logql), ['x'])
})

test('records without a time get the current time', async t => {
  const { store, post } = await open(t)
  const before = BigInt(Date.now()) * 1_000_000n
  const body = { resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: text('now') }] }] }] }
  t.equal((await post(JSON.stringify(body))).statusCode, 204)
  const end = BigInt(Date.now() + 1) * 1_000_000n
  t.same(await store.lines('{service_name="unknown_service"}', { start: before, end }), ['now'])
})

test('otlp_config maps attributes', async t => {
  const { store, post } = await open(
    t,
    `auth_enabled: false
limits_config:
  otlp_config:
    resource_attributes:
      ignore_defaults: true
      attributes_config:
        - {action: index_label, regex: "service.*|team"}
        - {action: drop, attributes: [secret]}
    log_attributes:
      - {action: drop, regex: noise.+}
`,
  )
  const resource = { 'service.name': 'shop', team: 'a', secret: 's', 'k8s.pod.name': 'p' }
  const record = { attributes: attributes({ 'noise.a': '1', signal: '2' }) }
  t.equal((await post(json({ lines: ['x'], resource, record }))).statusCode, 204)
  const range = { start: String(midnightNs), end: String(midnightNs + 1000n) }
  const answer = await store.get('/loki/api/v1/query_range', { query: '{team="a"}', ...range })
  t.same(answer.json().data.result[0].stream, {
    detected_level: 'unknown',
    k8s_pod_name: 'p',
    scope_name: 'cart',
    service_name: 'shop',
    signal: '2',
    team: 'a',
  })
})

test('errors are a google.rpc.Status', async t => {
  const { post } = await open(t, 'auth_enabled: false\nlimits_config: {max_line_size: 3}')
  const refused = async (
    [status, message]: readonly [number, string | RegExp],
    payload: string | Buffer,
    headers: Record<string, string> = jsonType,
  ) => {
    const answer = await post(payload, headers)
    t.equal(answer.statusCode, status)
    t.equal(answer.headers['content-type'], 'application/octet-stream')
    t.match(messageOf(answer.rawPayload), message)
  }
  await refused([422, 'error at least one valid stream is required for ingestion'], '{}')
  await refused(
    [422, 'error at least one valid stream is required for ingestion'],
    '',
    protobufType,
  )
  await refused([400, /^the body is not JSON/], '{')
  await refused([400, 'unexpected EOF'], protobuf.subarray(0, -1), protobufType)
  await refused([400, 'content type: text/plain is not supported'], '{}', {
    'content-type': 'text/plain',
  })
  await refused([400, 'Content-Encoding "snappy" not supported'], '{}', {
    ...jsonType,
    'content-encoding': 'snappy',
  })
  await refused([400, 'gzip: invalid header'], '{}', {
    ...jsonType,
    'content-encoding': 'gzip',
  })
  await refused(
    [400, /^Max entry size '3' bytes exceeded for stream '\{service_name="shop"\}'/],
    json({ lines: ['long'] }),
  )
  const bomb = gzipSync(Buffer.alloc(65 * 1024 * 1024))
  await refused([413, /too large/], bomb, { ...jsonType, 'content-encoding': 'gzip' })
})

test('a request without a content type is rejected', async t => {
  const { store } = await open(t)
  const answer = await store.app.inject({ method: 'POST', url, payload: Buffer.from('{}') })
  t.equal(answer.statusCode, 400)
  t.equal(messageOf(answer.rawPayload), 'content type:  is not supported')
})

test('valid entries are stored even if others are invalid', async t => {
  const { store, post } = await open(t, 'auth_enabled: false\nlimits_config: {max_line_size: 4}')
  t.equal((await post(json({ lines: ['good', 'too long', 'fine'] }))).statusCode, 400)
  t.same(await store.lines('{service_name="shop"}'), ['good', 'fine'])
})

test('the tenant comes from the header, and is rejected like on other routes', async t => {
  const { store, post } = await open(t, 'auth_enabled: true')
  const refused = await post(json({ lines: ['x'] }))
  t.equal(refused.statusCode, 401)
  t.equal(refused.body, 'no org id')
  t.match(refused.headers['content-type'], /^text\/plain/)
  const headers = { ...jsonType, 'x-scope-orgid': 'one' }
  t.equal((await post(json({ lines: ['x'] }), headers)).statusCode, 204)
  t.same(await store.lines('{service_name="shop"}', { tenant: 'one' }), ['x'])
  t.same(await store.lines('{service_name="shop"}', { tenant: 'two' }), [])
})

test('other methods are rejected with 405', async t => {
  const { store } = await open(t)
  const answer = await store.app.inject({ method: 'GET', url })
  t.equal(answer.statusCode, 405)
  t.equal(answer.headers.allow, 'POST')
})

test('above a rate, the answer says when to retry', async t => {
  const { store, post } = await open(
    t,
    'auth_enabled: false\nlimits_config: {ingestion_rate_mb: 0.001, ingestion_burst_size_mb: 0.001}',
  )
  const answer = await post(json({ lines: ['x'.repeat(2000)] }))
  t.equal(answer.statusCode, 429)
  t.equal(answer.headers['retry-after'], '1')
  t.match(messageOf(answer.rawPayload), /^Ingestion rate limit exceeded for user fake /)
  t.same(await store.lines('{service_name="shop"}'), [])
})
