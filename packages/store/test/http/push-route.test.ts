import { once } from 'node:events'
import { readdir, rename, writeFile } from 'node:fs/promises'
import { type IncomingMessage, request } from 'node:http'
import { join } from 'node:path'
import { deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { createLabelSet, snappyCompress } from '@skald/wire'
import { encodePushRequest } from '@skald/wire/push-codec'
import { type Test, test } from 'tap'
import {
  dayNs,
  jsonStream,
  midnightNs,
  type Row,
  startTestStore,
  type TestStore,
} from '../harness.ts'
import { readAllRows } from '../segment-rows.ts'

const url = '/loki/api/v1/push'
const row = (offset: number, line: string): Row => [midnightNs + BigInt(offset), line]
const json = (...lines: readonly string[]) =>
  JSON.stringify({
    streams: [
      jsonStream(
        { app: 'x' },
        lines.map((line, i) => row(i, line)),
      ),
    ],
  })
const protobuf = (...lines: readonly string[]) =>
  encodePushRequest([
    {
      labels: createLabelSet({ app: 'x' }),
      entries: lines.map((line, i) => ({ timestampNs: midnightNs + BigInt(i), line })),
    },
  ])
const jsonType = { 'content-type': 'application/json' }
const protobufType = { 'content-type': 'application/x-protobuf' }

interface Post {
  readonly headers?: Readonly<Record<string, string>>
  readonly payload?: string | Buffer
  readonly path?: string
}

/** Returns a function that posts to one store and returns status and text. */
function poster(store: TestStore) {
  return async ({ headers = jsonType, payload = json('x'), path = url }: Post) => {
    const { statusCode, body } = await store.app.inject({
      method: 'POST',
      url: path,
      headers,
      payload,
    })
    return [statusCode, body] as const
  }
}

async function open(t: Test, yaml?: string) {
  const store = await startTestStore(t, yaml === undefined ? {} : { yaml })
  return { store, post: poster(store) }
}

test('every encoding of a push is stored', async t => {
  const { store, post } = await open(t)
  const stored = async (name: string, options: Post) => {
    t.same(await post(options), [204, ''], name)
    t.ok((await store.lines('{app="x"}')).includes(name), name)
  }
  await stored('json', { payload: json('json') })
  await stored('charset', {
    headers: { 'content-type': 'application/json; charset=utf-8' },
    payload: json('charset'),
  })
  await stored('json gzip', {
    headers: { ...jsonType, 'content-encoding': 'gzip' },
    payload: gzipSync(json('json gzip')),
  })
  await stored('json deflate', {
    headers: { ...jsonType, 'content-encoding': 'deflate' },
    payload: deflateRawSync(json('json deflate')),
  })
  await stored('json zstd', {
    headers: { ...jsonType, 'content-encoding': 'zstd' },
    payload: zstdCompressSync(json('json zstd')),
  })
  await stored('protobuf', { headers: protobufType, payload: snappyCompress(protobuf('protobuf')) })
  await stored('snappy header', {
    headers: { ...protobufType, 'content-encoding': 'snappy' },
    payload: snappyCompress(protobuf('snappy header')),
  })
  await stored('snappy in gzip', {
    headers: { ...protobufType, 'content-encoding': 'gzip' },
    payload: gzipSync(snappyCompress(protobuf('snappy in gzip'))),
  })
  await stored('another type', {
    headers: { 'content-type': 'text/plain' },
    payload: snappyCompress(protobuf('another type')),
  })
  await stored('legacy', {
    path: '/api/prom/push',
    payload: JSON.stringify({
      streams: [{ labels: '{app="x"}', entries: [{ ts: '2024-10-04T00:00:01Z', line: 'legacy' }] }],
    }),
  })
})

test('large bodies that come together are stored whole', async t => {
  const { store, post } = await open(t)
  const lineOf = (push: string, i: number) => `${push} ${i} ${push.repeat(1500)}`
  const bodyOf = (push: string) => {
    const lines = Array.from({ length: 9000 }, (_, i) => lineOf(push, i))
    return snappyCompress(protobuf(...lines))
  }
  // Each is about as large as the room for decompressed bodies.
  const bodies = ['a', 'b'].map(bodyOf)
  const answers = bodies.map(payload => post({ headers: protobufType, payload }))
  t.same(await Promise.all(answers), [
    [204, ''],
    [204, ''],
  ])
  const rows = await readAllRows(join(store.dir, 'segments'))
  t.equal(rows.length, 18_000)
  for (const push of ['a', 'b']) {
    const found = rows.filter(({ line }) => line.startsWith(push)).map(({ line }) => line)
    t.ok(found.length === 9000 && found.every((line, i) => line === lineOf(push, i)), push)
  }
})

test('204 means that the lines are on disk', async t => {
  const { store, post } = await open(t)
  t.same(await post({ payload: json('one', 'two') }), [204, ''])
  const rows = await readAllRows(join(store.dir, 'segments'))
  t.same(
    rows.map(({ tenant, line }) => [tenant, line]),
    [
      ['fake', 'one'],
      ['fake', 'two'],
    ],
  )
})

test('bodies that cannot be decoded are rejected with 400', async t => {
  const { store, post } = await open(t)
  const refused = async (name: string, options: Post, text: RegExp) => {
    const [status, body] = await post(options)
    t.equal(status, 400, name)
    t.match(body, text, name)
    t.match(body, /\n$/, name)
  }
  const snappy = { headers: protobufType }
  await refused('no JSON', { payload: '{"streams": [' }, /^the body is not JSON: /)
  await refused('JSON of another shape', { payload: '[]' }, /not an object with "streams"/)
  await refused('empty JSON', { payload: '' }, /^EOF/)
  await refused(
    'JSON time',
    { payload: '{"streams":[{"stream":{"a":"b"},"values":[["now","x"]]}]}' },
    /^streams\[0\]\.values\[0\]\[0\]: the timestamp is not a string of whole nanoseconds/,
  )
  await refused('empty snappy', { ...snappy, payload: '' }, /^snappy: corrupt input/)
  await refused('garbage', { ...snappy, payload: 'garbage garbage' }, /^snappy: corrupt input/)
  const whole = snappyCompress(protobuf('x'.repeat(100), 'y'))
  await refused('cut snappy', { ...snappy, payload: whole.subarray(0, -3) }, /^snappy: corrupt/)
  const lying = Buffer.concat([Buffer.from([0xff, 0xff, 0xff, 0x07]), whole.subarray(1)])
  await refused('lying snappy', { ...snappy, payload: lying }, /^snappy: corrupt input/)
  const cut = snappyCompress(protobuf('x').subarray(0, -1))
  await refused('cut protobuf', { ...snappy, payload: cut }, /^unexpected EOF/)
  const wrongType = snappyCompress(Buffer.from([0x08, 0x01]))
  await refused(
    'wire type',
    { ...snappy, payload: wrongType },
    /wrong wireType = 0 for field Streams/,
  )
  await refused('plain protobuf', { ...snappy, payload: protobuf('x') }, /^snappy: corrupt input/)
  const encoded = (encoding: string) => ({
    headers: { ...jsonType, 'content-encoding': encoding },
    payload: json('x'),
  })
  await refused('no gzip', encoded('gzip'), /^gzip: invalid header\n/)
  const cutGzip = { ...encoded('gzip'), payload: gzipSync(json('x')).subarray(0, -10) }
  await refused('cut gzip', cutGzip, /^gzip: unexpected EOF\n/)
  const zlib = { ...encoded('deflate'), payload: deflateSync(json('x')) }
  await refused('deflate with a header', zlib, /^deflate: /)
  await refused('no deflate', encoded('deflate'), /^deflate: /)
  await refused('unknown encoding', encoded('br'), /^Content-Encoding "br" not supported/)
  for (const type of ['a/b/c', ' ', ';']) {
    t.equal((await post({ headers: { 'content-type': type } }))[0], 400, `content type ${type}`)
  }
  t.same(await store.lines('{app="x"}'), [])
  t.same(await post({}), [204, ''], 'the store keeps running')
})

test('a push without content type is rejected', async t => {
  const { store } = await open(t)
  const answer = await store.app.inject({ method: 'POST', url, payload: Buffer.from('x') })
  t.equal(answer.statusCode, 400)
  t.equal(answer.body, 'mime: no media type\n')
})

test('bodies over the limits are rejected with 413, whatever they declare', async t => {
  const { store, post } = await open(t)
  const mib = 1024 * 1024
  const tooLarge = async (name: string, options: Post) => {
    const [status, body] = await post(options)
    t.equal(status, 413, name)
    t.match(body, /too large|exceeds the limit/, name)
  }
  await tooLarge('body', { payload: Buffer.alloc(16 * mib + 1, 0x20) })
  await tooLarge('gzip bomb', {
    headers: { ...jsonType, 'content-encoding': 'gzip' },
    payload: gzipSync(Buffer.alloc(65 * mib)),
  })
  await tooLarge('snappy length', {
    headers: protobufType,
    payload: Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0x00]),
  })
  t.same(await post({}), [204, ''])
  t.same(await store.lines('{app="x"}'), ['x'])
})

test('a body of unknown length is read up to the limit', async t => {
  const { store } = await open(t)
  const send = async (body: ReadableStream) =>
    fetch(`${store.url}${url}`, { method: 'POST', headers: jsonType, body, duplex: 'half' })
  const answer = await send(new Blob([json('z'.repeat(200_000), 'streamed')]).stream())
  t.equal(answer.status, 204)
  t.same((await store.lines('{app="x"}')).length, 2)
})

test('a client that disconnects during its body leaves nothing behind', async t => {
  const { store } = await open(t)
  const push = request(`${store.url}${url}`, {
    method: 'POST',
    headers: { ...jsonType, 'content-length': '1000' },
  })
  push.on('error', () => undefined)
  const received = once(store.app.server, 'request') as Promise<[IncomingMessage]>
  push.write('{"streams"')
  const [incoming] = await received
  const closed = new Promise(resolve => incoming.once('close', resolve))
  push.destroy()
  await closed
  const { body } = await store.get('/metrics')
  t.match(body, /^skald_pending_push_bytes 0$/m)
  t.notOk(store.messages().includes('request failed'))
})

test('valid entries are stored even if others are invalid', async t => {
  const { store } = await open(t, 'auth_enabled: false\nlimits_config: {max_line_size: 10}')
  const answer = await store.push([
    jsonStream({ app: 'x' }, [row(1, 'short'), row(2, 'longer than ten')]),
    jsonStream({ app: 'y' }, [row(3, 'fine')]),
  ])
  t.equal(answer.statusCode, 400)
  t.equal(
    answer.body,
    `Max entry size '10' bytes exceeded for stream '{app="x", service_name="x"}' while adding an entry with length '15' bytes\n`,
  )
  t.same(await store.lines('{app=~".+"}'), ['short', 'fine'])
})

test('malformed labels and empty pushes are rejected with the texts clients know', async t => {
  const { store, post } = await open(t)
  const bad = await store.push([jsonStream({ 'a-b': 'x' }, [row(1, 'x')])])
  t.equal(bad.statusCode, 400)
  t.match(bad.body, /^couldn't parse labels: 1:3: parse error: /)
  for (const payload of ['{}', '{"streams":[]}', 'null']) {
    t.same(await post({ payload }), [
      422,
      'error at least one valid stream is required for ingestion\n',
    ])
  }
  const many = Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`l${i}`, 'v']))
  const refused = await store.push([jsonStream(many, [row(1, 'x')])])
  t.equal(refused.statusCode, 400)
  t.match(refused.body, /has 16 label names; limit 15\n$/)
})

test('an entry in the future is rejected, and the rest of the push is stored', async t => {
  const { store } = await open(t)
  const answer = await store.push([
    jsonStream({ app: 'x' }, [row(1, 'kept'), [BigInt(Date.now()) * 1_000_000n + dayNs, 'future']]),
  ])
  t.equal(answer.statusCode, 400)
  t.match(answer.body, /has timestamp too new: /)
  t.same(await store.lines('{app="x"}'), ['kept'])
})

test('other methods are rejected with 405', async t => {
  const { store } = await open(t)
  for (const method of ['GET', 'PUT', 'DELETE', 'PATCH'] as const) {
    const answer = await store.app.inject({ method, url })
    t.equal(answer.statusCode, 405, method)
    t.equal(answer.headers.allow, 'POST')
  }
})

test('when the disk cannot be written, pushes get 503 and reads still work', async t => {
  const { store, post } = await open(t)
  t.same(await post({ payload: json('before') }), [204, ''])
  t.same(await store.lines('{app="x"}'), ['before'])
  const segments = join(store.dir, 'segments')
  await writeFile(join(segments, '0000000000000002-0.seg'), 'taken')
  const answer = await store.app.inject({
    method: 'POST',
    url,
    headers: jsonType,
    payload: json('lost'),
  })
  t.equal(answer.statusCode, 503)
  t.equal(answer.headers['retry-after'], '1')
  t.match(answer.body, /^Cannot store pushes: EEXIST/)
  t.same(await store.lines('{app="x"}'), ['before'])
  t.same(await post({ payload: json('before', 'after') }), [204, ''])
  t.same(await store.lines('{app="x"}'), ['before', 'after'])
  await rename(segments, `${segments}.aside`)
  t.equal((await post({}))[0], 503)
  await rename(`${segments}.aside`, segments)
  t.equal((await post({}))[0], 204)
})

test('with auth_enabled a push needs a tenant', async t => {
  const { store } = await open(t, 'auth_enabled: true')
  const stream = [jsonStream({ app: 'x' }, [row(1, 'x')])]
  const refused = await store.push(stream)
  t.equal(refused.statusCode, 401)
  t.equal(refused.body, 'no org id')
  t.equal((await store.push(stream, 'one')).statusCode, 204)
  t.same(await store.lines('{app="x"}', { tenant: 'one' }), ['x'])
  t.same(await store.lines('{app="x"}', { tenant: 'two' }), [])
})

test('above a rate, pushes get 429 with the time to wait, and are counted and logged', async t => {
  const { store, post } = await open(
    t,
    'auth_enabled: false\nlimits_config: {ingestion_rate_mb: 0.001, ingestion_burst_size_mb: 0.001}',
  )
  t.same(await post({ payload: json('x'.repeat(1000)) }), [204, ''])
  const answer = await store.push([jsonStream({ app: 'x' }, [row(1, 'y'.repeat(1000))])])
  t.equal(answer.statusCode, 429)
  t.equal(answer.headers['retry-after'], '1')
  t.match(
    answer.body,
    /^Ingestion rate limit exceeded for user fake \(limit: 1048 bytes\/sec\) while attempting to ingest '1' lines totaling '1000' bytes, reduce log volume or contact .*\n$/,
  )
  const { body } = await store.get('/metrics')
  t.match(body, /^loki_discarded_samples_total\{reason="rate_limited",tenant="fake"\} 1$/m)
  t.match(body, /^loki_discarded_bytes_total\{reason="rate_limited",tenant="fake"\} 1000$/m)
  t.match(store.messages().at(-1), /^entries were rejected: Ingestion rate limit exceeded/)
})

test('a tenant in the overrides has its own limits', async t => {
  const dir = t.testdir({ 'overrides.yaml': 'overrides: {strict: {max_line_size: 3}}' })
  const file = JSON.stringify(join(dir, 'overrides.yaml'))
  const store = await startTestStore(t, {
    dir,
    yaml: `auth_enabled: true\nruntime_config: {file: ${file}, period: 10ms}`,
  })
  const push = async (tenant: string) =>
    (await store.push([jsonStream({ app: 'x' }, [row(1, 'long')])], tenant)).statusCode
  t.equal(await push('other'), 204)
  t.equal(await push('strict'), 400)
  t.match((await store.get('/metrics')).body, /^loki_runtime_config_last_reload_successful 1$/m)
  await writeFile(join(dir, 'overrides.yaml'), 'overrides: {}')
  while ((await push('strict')) !== 204) await new Promise(setImmediate)
})

test('decompression bombs that arrive together are unpacked a few at a time and rejected', async t => {
  const { store, post } = await open(t)
  const bomb = gzipSync(Buffer.alloc(60 * 1024 * 1024, 0x20))
  const headers = { ...jsonType, 'content-encoding': 'gzip' }
  const answers = await Promise.all(
    Array.from({ length: 6 }, () => post({ headers, payload: bomb })),
  )
  for (const [status, body] of answers) {
    if (status === 400) t.equal(body, 'EOF\n')
    else t.match([status, body], [503, /^too many pushes in progress/])
  }
  t.match((await store.get('/metrics')).body, /^skald_pending_push_bytes 0$/m)
  t.same(await post({}), [204, ''])
})

test('a repeated label rejects only its stream', async t => {
  const { store, post } = await open(t)
  const entry = Buffer.from('1206' + '0a00' + '1202' + '6869', 'hex')
  const twice = Buffer.from('{app="x", app="y"}')
  const stream = Buffer.concat([Buffer.from([0x0a, twice.length]), twice, entry])
  const bad = Buffer.concat([Buffer.from([0x0a, stream.length]), stream])
  const payload = snappyCompress(Buffer.concat([protobuf('good'), bad]))
  t.same(await post({ headers: protobufType, payload }), [
    400,
    `stream '{app="x", app="y", service_name="x"}' has duplicate label name: 'app'\n`,
  ])
  t.same(await store.lines('{app="x"}'), ['good'])
  const { body } = await store.get('/metrics')
  t.match(body, /^loki_discarded_samples_total\{reason="duplicate_label_names",tenant="fake"\} 1$/m)
})

test('invalid tenant names are rejected everywhere, and nothing is stored', async t => {
  const { store } = await open(t, 'auth_enabled: true')
  for (const tenant of [
    '../../etc/passwd',
    'a/b',
    '..',
    '.',
    'x'.repeat(10_000),
    '%2e%2e%2fetc',
    'a%00b',
    'a\\b',
    'one|two',
    'a b',
    '"',
    'ü',
  ]) {
    const name = tenant.slice(0, 20)
    const pushed = await store.push([jsonStream({ app: 'x' }, [row(1, 'x')])], tenant)
    t.equal(pushed.statusCode, 400, `push as ${name}`)
    t.ok(pushed.body.length < 200)
    const otlp = { method: 'POST', url: '/otlp/v1/logs', payload: '{}' } as const
    const headers = { ...jsonType, 'x-scope-orgid': tenant }
    t.equal((await store.app.inject({ ...otlp, headers })).statusCode, 400, `OTLP as ${name}`)
    const read = await store.get('/loki/api/v1/labels', {}, tenant)
    t.equal(read.statusCode, 400, `labels as ${name}`)
  }
  t.same(await readAllRows(join(store.dir, 'segments')), [])
  t.same(
    (await readdir(store.dir)).filter(name => !name.startsWith('catalog')),
    ['lock', 'segments'],
  )
  for (const tenant of ["a-b_c.d!e*f'(g)", '...', 'x'.repeat(150)]) {
    const pushed = await store.push([jsonStream({ app: 'x' }, [row(1, tenant)])], tenant)
    t.equal(pushed.statusCode, 204)
    t.same(await store.lines('{app="x"}', { tenant }), [tenant])
  }
})
