import { once } from 'node:events'
import { request } from 'node:http'
import { t as root, test } from 'tap'
import { jsonStream, startTestStore, type TestStore } from '../harness.ts'
import { openTail, refusedTail } from '../tail-connection.ts'

root.setTimeout(170_000)

const nowNs = () => BigInt(Date.now()) * 1_000_000n
const app = { app: 'x' }

/** Pushes lines to one stream, each a nanosecond after the last. */
async function pushLines(store: TestStore, lines: readonly string[], labels = app): Promise<void> {
  const startNs = nowNs()
  const rows = lines.map((line, i) => [startNs + BigInt(i), line] as const)
  const { statusCode, body } = await store.push([jsonStream(labels, rows)])
  if (statusCode !== 204) throw new Error(body)
}

const numbered = (count: number, name = 'line') =>
  Array.from({ length: count }, (_, i) => `${name} ${i}`)

test('a tail sends stored entries and then pushed ones', async t => {
  const store = await startTestStore(t)
  await pushLines(store, ['one', 'two'])
  const tail = await openTail(t, store.url, { query: '{app="x"}' })
  t.same(await tail.waitForLines(2), ['one', 'two'])
  await pushLines(store, ['three'])
  await pushLines(store, ['of another'], { app: 'other' })
  await pushLines(store, ['four'])
  t.same(await tail.waitForLines(4), ['one', 'two', 'three', 'four'])
  t.same(Object.keys(tail.frames[0]!), ['streams'])
  t.same(tail.frames[0]!.streams[0]!.stream, {
    app: 'x',
    detected_level: 'unknown',
    service_name: 'x',
  })
  t.match(tail.frames[0]!.streams[0]!.values[0]![0], /^\d{19}$/, 'times are strings')
})

test('a tail starts with the newest entries since its start', async t => {
  const store = await startTestStore(t)
  await pushLines(store, numbered(10))
  const newest = await openTail(t, store.url, { query: '{app="x"}', limit: '3' })
  t.same(await newest.waitForLines(3), ['line 7', 'line 8', 'line 9'])
  const since = String(nowNs() + 1n)
  const nothing = await openTail(t, store.url, { query: '{app="x"}', start: since })
  await pushLines(store, ['later'])
  t.same(await nothing.waitForLines(1), ['later'])
  t.same(await newest.waitForLines(4), ['line 7', 'line 8', 'line 9', 'later'])
})

test('a tail starts within max_query_lookback', async t => {
  const store = await startTestStore(t, {
    yaml: 'auth_enabled: false\nlimits_config: {max_query_lookback: 1h}',
  })
  const start = nowNs() - 3n * 3600n * 1_000_000_000n
  await store.push([jsonStream(app, [[start + 1n, 'old']])])
  await pushLines(store, ['new'])
  const tail = await openTail(t, store.url, { query: '{app="x"}', start: String(start) })
  await pushLines(store, ['later'])
  t.same(await tail.waitForLines(2), ['new', 'later'])
})

test('no entry is lost or repeated between history and live entries', async t => {
  const store = await startTestStore(t, {
    yaml: 'auth_enabled: false\nlimits_config: {max_concurrent_tail_requests: 0}',
  })
  const count = 200
  const sent: string[] = []
  const pushing = (async () => {
    for (let i = 0; i < count; i++) {
      sent.push(`line ${i}`)
      await pushLines(store, [`line ${i}`])
    }
  })()
  const opening = Array.from({ length: 20 }, async () => {
    const tail = await openTail(t, store.url, { query: '{app="x"}', limit: '5000' })
    await pushing
    return tail
  })
  const tails = await Promise.all(opening)
  for (const tail of tails) t.same(await tail.waitForLines(count), sent)
  await pushLines(store, ['end'])
  for (const tail of tails) t.same(await tail.waitForLines(count + 1), [...sent, 'end'])
})

test('a repeated batch is shown once', async t => {
  const store = await startTestStore(t)
  const at = nowNs()
  const batch = (lines: readonly string[]) =>
    store.push([
      jsonStream(
        app,
        lines.map((line, i) => [at + BigInt(i), line] as const),
      ),
    ])
  await batch(['a', 'b'])
  const tail = await openTail(t, store.url, { query: '{app="x"}' })
  await tail.waitForLines(2)
  await batch(['a', 'b', 'c'])
  await batch(['a', 'b', 'c', 'd'])
  t.same(await tail.waitForLines(4), ['a', 'b', 'c', 'd'])
})

test('live entries go through the whole pipeline', async t => {
  const store = await startTestStore(t)
  const query =
    '{app="x"} |= "level" | json | level="error" | line_format "{{.msg}} ({{.took}})" | drop took'
  const tail = await openTail(t, store.url, { query })
  await pushLines(store, [
    '{"level":"info","msg":"fine","took":"1s"}',
    '{"level":"error","msg":"broken","took":"2s"}',
    'no level here',
  ])
  t.same(await tail.waitForLines(1), ['broken (2s)'])
  t.match(tail.frames[0]!.streams[0]!.stream, { level: 'error', msg: 'broken', app: 'x' })
})

test('categorized labels are sent to clients that ask for them', async t => {
  const store = await startTestStore(t)
  const headers = { 'X-Loki-Response-Encoding-Flags': 'categorize-labels' }
  const push = (line: string) => store.push([jsonStream(app, [[nowNs(), line, { trace: 'abc' }]])])
  await push('n=1')
  const tail = await openTail(t, store.url, { query: '{app="x"} | logfmt' }, { headers })
  const plain = await openTail(t, store.url, { query: '{app="x"} | logfmt' })
  await tail.waitForLines(1)
  await plain.waitForLines(1)
  await push('n=2')
  await tail.waitForLines(2)
  for (const [i, frame] of tail.frames.entries()) {
    t.same(frame.encodingFlags, ['categorize-labels'])
    t.same(frame.streams[0]!.stream, { app: 'x', service_name: 'x' })
    t.same(frame.streams[0]!.values[0]![2], {
      structuredMetadata: { detected_level: 'unknown', trace: 'abc' },
      parsed: { n: String(i + 1) },
    })
  }
  await plain.waitForLines(2)
  t.match(plain.frames[1]!.streams[0]!.stream, { app: 'x', trace: 'abc', n: '2' })
  t.equal(plain.frames[1]!.streams[0]!.values[0]!.length, 2)
})

test('the older path uses the older frames', async t => {
  const store = await startTestStore(t)
  const at = 1_700_000_000_123_456_789n
  const tail = await openTail(t, store.url, { query: '{app="x"}' }, { path: '/api/prom/tail' })
  await store.push([jsonStream(app, [[at, 'old']])])
  await once(tail.socket, 'message')
  t.same(tail.frames[0], {
    streams: [
      {
        labels: '{app="x", detected_level="unknown", service_name="x"}',
        entries: [{ ts: '2023-11-14T22:13:20.123456789Z', line: 'old' }],
      },
    ],
  })
})

test('delay_for sorts entries of several pushes by time', async t => {
  const store = await startTestStore(t)
  const at = nowNs()
  const params = { query: '{app="x"}', delay_for: '2', start: String(at + 1_000_000_000_000n) }
  const tail = await openTail(t, store.url, params)
  for (const [offset, line] of [
    [30n, 'third'],
    [10n, 'first'],
    [20n, 'second'],
  ] as const) {
    await store.push([jsonStream(app, [[at + offset, line]])])
  }
  t.same(await tail.waitForLines(3), ['first', 'second', 'third'])
})

test('entries of one push are sorted by time across all streams', async t => {
  const store = await startTestStore(t)
  const tail = await openTail(t, store.url, { query: '{app=~".+"}' })
  const at = nowNs()
  await store.push([
    jsonStream({ app: 'a' }, [
      [at + 4n, '4'],
      [at + 1n, '1'],
    ]),
    jsonStream({ app: 'b' }, [
      [at + 3n, '3'],
      [at + 2n, '2'],
    ]),
  ])
  t.same(await tail.waitForLines(4), ['1', '2', '3', '4'])
})

test('long answers are sent in frames of 100 entries', async t => {
  const store = await startTestStore(t)
  await pushLines(store, numbered(250))
  const tail = await openTail(t, store.url, { query: '{app="x"}', limit: '250' })
  await tail.waitForLines(250)
  t.same(
    tail.frames.map(({ streams }) => streams.length),
    [100, 100, 50],
  )
})

test('an invalid tail is rejected before the upgrade', async t => {
  const store = await startTestStore(t, { yaml: 'auth_enabled: true' })
  const tenant = { 'X-Scope-OrgID': 'a' }
  const refuse = async (params: Record<string, string>, want: RegExp) => {
    const query = new URLSearchParams(params).toString()
    for (const path of ['/loki/api/v1/tail', '/api/prom/tail']) {
      const { status, body } = await refusedTail(store.url, `${path}?${query}`, tenant)
      t.equal(status, 400, query)
      t.match(body, want)
    }
  }
  const query = '{app="x"}'
  await refuse({}, /^parse error : syntax error: unexpected \$end$/)
  await refuse({ query: '{a=' }, /^parse error at line 1, col/)
  await refuse({ query: 'rate({a="b"}[1m])' }, /^only log selector is supported$/)
  await refuse({ query, delay_for: '6' }, /^delay_for can't be greater than 5$/)
  await refuse({ query, delay_for: 'x' }, /^strconv.Atoi: parsing "x": invalid syntax$/)
  await refuse({ query, limit: '0' }, /^limit must be a positive value$/)
  await refuse({ query, limit: '5001' }, /^max entries limit per query exceeded/)
  await refuse({ query, start: 'x' }, /^could not parse 'start' parameter/)
  const nobody = await refusedTail(store.url, '/loki/api/v1/tail?query={app="x"}')
  t.same(nobody, { status: 401, body: 'no org id' })
  const plain = await store.get('/loki/api/v1/tail', { query }, 'a')
  t.equal(plain.statusCode, 400, 'a request that does not want a websocket')
  for (const method of ['HEAD', 'POST'] as const) {
    const { statusCode } = await store.app.inject({ method, url: '/loki/api/v1/tail' })
    t.equal(statusCode, 405, method)
  }
})

test('a tail sees only its own tenant', async t => {
  const store = await startTestStore(t, { yaml: 'auth_enabled: true' })
  const headers = { 'X-Scope-OrgID': 'a' }
  const tail = await openTail(t, store.url, { query: '{app="x"}' }, { headers })
  await store.push([jsonStream(app, [[nowNs(), 'of b']])], 'b')
  await store.push([jsonStream(app, [[nowNs(), 'of a']])], 'a')
  t.same(await tail.waitForLines(1), ['of a'])
})

test('a browser names the tenant of a tail as a subprotocol, from the page of this store alone', async t => {
  const store = await startTestStore(t, { yaml: 'auth_enabled: true' })
  const offer = { 'Sec-WebSocket-Protocol': 'skald-tenant.team%28a%29' }
  const { host } = new URL(store.url)
  const headers = { Origin: `http://${host}` }
  const protocols = Object.values(offer)
  const tail = await openTail(t, store.url, { query: '{app="x"}' }, { headers, protocols })
  t.equal(tail.socket.protocol, offer['Sec-WebSocket-Protocol'])
  await store.push([jsonStream(app, [[nowNs(), 'of b']])], 'b')
  await store.push([jsonStream(app, [[nowNs(), 'of a']])], 'team(a)')
  t.same(await tail.waitForLines(1), ['of a'])

  const path = '/loki/api/v1/tail?query={app="x"}'
  const foreign = { ...offer, Origin: 'http://elsewhere.example' }
  t.match(await refusedTail(store.url, path, foreign), { status: 400, body: /may not read/ })
  const broken = { ...headers, 'Sec-WebSocket-Protocol': 'skald-tenant.%zz' }
  t.match(await refusedTail(store.url, path, broken), {
    status: 400,
    body: /cannot read the tenant/,
  })
  const both = { ...headers, 'X-Scope-OrgID': 'b' }
  const other = await openTail(t, store.url, { query: '{app="x"}' }, { headers: both, protocols })
  t.same(await other.waitForLines(1), ['of b'], 'a header of a proxy counts more')
})

test('an upgrade of another path, or to another protocol, is ignored', async t => {
  const store = await startTestStore(t)
  const statusOf = async (path: string, upgrade: string) => {
    const asked = request(`${store.url}${path}`, {
      headers: { Connection: 'Upgrade', Upgrade: upgrade },
    }).end()
    const [response] = (await once(asked, 'response')) as [
      NodeJS.ReadableStream & { statusCode: number },
    ]
    response.resume()
    return response.statusCode
  }
  t.equal(await statusOf('/ready', 'websocket'), 200)
  t.equal(await statusOf('/ready', 'h2c'), 200)
  t.equal(await statusOf('/loki/api/v1/tail?query={app="x"}', 'h2c'), 400)
})

test('a prefix applies to the tail too', async t => {
  const store = await startTestStore(t, { server: 'http_path_prefix: /logs' })
  const path = '/logs/loki/api/v1/tail'
  const tail = await openTail(t, store.url, { query: '{app="x"}' }, { path })
  t.equal((await refusedTail(store.url, '/loki/api/v1/tail')).status, 404)
  const payload = JSON.stringify({ streams: [jsonStream(app, [[nowNs(), 'one']])] })
  const headers = { 'content-type': 'application/json' }
  await store.app.inject({ method: 'POST', url: '/logs/loki/api/v1/push', headers, payload })
  t.same(await tail.waitForLines(1), ['one'])
})

test('the number of tails per tenant is limited', async t => {
  const store = await startTestStore(t, {
    yaml: 'auth_enabled: false\nlimits_config: {max_concurrent_tail_requests: 2}',
  })
  const open = () => openTail(t, store.url, { query: '{app="x"}' })
  const first = await open()
  await open()
  t.same(await (await open()).waitForClose(), {
    code: 1011,
    reason: 'max concurrent tail requests limit exceeded, count > limit (3 > 2)',
  })
  first.socket.close()
  await first.waitForClose()
  const again = await open()
  await pushLines(store, ['there is room'])
  t.same(await again.waitForLines(1), ['there is room'])
})

test('a limit exceeded by the history closes the tail with its reason', async t => {
  const store = await startTestStore(t, {
    yaml: 'auth_enabled: false\nlimits_config: {required_labels: [app, very_long_label_name]}',
  })
  const tail = await openTail(t, store.url, { query: '{app="x"}' })
  const { code, reason } = await tail.waitForClose()
  t.equal(code, 1011)
  t.match(reason, /^stream selector is missing required matchers \[very_long_label_name\]/)
  t.ok(Buffer.byteLength(reason) <= 123)
})

test('a quiet tail is pinged', async t => {
  const store = await startTestStore(t)
  const tail = await openTail(t, store.url, { query: '{app="x"}' })
  await once(tail.socket, 'ping')
  t.pass('a ping came')
})

test('a slow client learns what it missed, and one that never reads is disconnected', async t => {
  const store = await startTestStore(t)
  const slow = await openTail(t, store.url, { query: '{app="x"}' })
  const quick = await openTail(t, store.url, { query: '{app="x"}' })
  const push = async (count: number, lineBytes: number) => {
    const at = nowNs()
    const line = 'x'.repeat(lineBytes)
    const rows = Array.from(
      { length: count },
      (_, i) => [at + BigInt(i), `${at} ${i} ${line}`] as const,
    )
    t.equal((await store.push([jsonStream(app, rows)])).statusCode, 204)
  }
  const gauge = async (name: string) => {
    const { body } = await store.get('/metrics')
    return Number(body.match(new RegExp(`^${name} (\\d+)$`, 'm'))?.[1])
  }
  slow.socket.pause()
  let pushed = 0
  while ((await gauge('skald_tail_dropped_entries_total')) === 0) {
    await push(20, 200_000)
    pushed += 20
    await quick.waitForLines(pushed)
  }
  slow.socket.resume()
  // Entries after the dropped ones follow as soon as there is room.
  const told = () =>
    slow.frames.reduce((sum, frame) => sum + (frame.dropped_entries?.length ?? 0), 0)
  while (slow.lines().length + told() < pushed) await once(slow.socket, 'message')
  t.equal(slow.lines().length + told(), pushed, 'each entry is sent or reported as dropped')
  const dropped = slow.frames.flatMap(frame => frame.dropped_entries ?? [])
  t.match(dropped[0], { timestamp: /^\d{19}$/, labels: { app: 'x' } })

  slow.socket.pause()
  while ((await gauge('skald_tail_clients')) === 2) await push(200, 20_000)
  t.equal(await gauge('skald_tail_clients'), 1, 'cut off')
  slow.socket.resume()
  t.ok([1006, 1011].includes((await slow.waitForClose()).code))
  await pushLines(store, ['still here'])
  while (quick.lines().at(-1) !== 'still here') await once(quick.socket, 'message')
  t.equal(quick.frames.flatMap(frame => frame.dropped_entries ?? []).length, 0)
})

test('a burst does not overwhelm a client that reads', async t => {
  const store = await startTestStore(t)
  const tail = await openTail(t, store.url, { query: '{app="x"}' })
  const lines = numbered(50_000, 'a line of some length that is one of very many')
  await pushLines(store, lines)
  t.same((await tail.waitForLines(lines.length)).length, lines.length)
  t.same(tail.lines().at(-1), lines.at(-1))
})

test('a thousand tails are served', async t => {
  const store = await startTestStore(t, {
    yaml: 'auth_enabled: false\nlimits_config: {max_concurrent_tail_requests: 0}',
  })
  const tails = []
  for (let i = 0; i < 1000; i++) {
    const query = i % 10 === 0 ? `{app="x"} |= "line" != "no ${i}"` : '{app="x"}'
    tails.push(await openTail(t, store.url, { query }))
  }
  await pushLines(store, ['line a', 'line b'])
  for (const tail of tails) t.same(await tail.waitForLines(2), ['line a', 'line b'])
})

test('a stop closes tails, even those that never read', async t => {
  const store = await startTestStore(t)
  const tail = await openTail(t, store.url, { query: '{app="x"}' })
  const stuck = await openTail(t, store.url, { query: '{app="x"}' })
  stuck.socket.pause()
  await store.stop()
  t.same(await tail.waitForClose(), { code: 1001, reason: 'the store is stopping' })
})
