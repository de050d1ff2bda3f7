import { request as httpRequest } from 'node:http'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { type Test, test } from 'tap'
import {
  dayNs,
  jsonStream,
  midnightNs,
  type Row,
  startTestStore,
  type TestStore,
} from '../harness.ts'

const yaml = 'auth_enabled: false\nlimits_config: {discover_service_name: []}'
const range = { start: String(midnightNs), end: String(midnightNs + dayNs) }
const lineCount = 26_000

/** A store with more lines than two pages have; 12,000 of them share a nanosecond. */
async function startFullStore(t: Test) {
  const store = await startTestStore(t, { yaml })
  const rows = (from: number, count: number, at: (i: number) => bigint): Row[] =>
    Array.from({ length: count }, (_, i) => [at(from + i), `line ${from + i}`])
  const spread = (i: number) => midnightNs + BigInt(i) * 1_000_000n
  const together = () => midnightNs + 7_000_500_000n
  const parts = [
    ...[0, 3_500].map(from => rows(from, 3_500, spread)),
    ...[7_000, 13_000].map(from => rows(from, 6_000, together)),
    ...[19_000, 22_500].map(from => rows(from, 3_500, spread)),
  ]
  for (const part of parts) await store.push([jsonStream({ app: 'x' }, part)])
  await store.get('/flush')
  const ask = (params: Record<string, string>) =>
    store.get('/skald/export', { ...range, query: '{app="x"}', ...params })
  return { store, ask }
}

/** Compares as text, because tap takes seconds for long arrays. */
const isSame = (t: Test, found: readonly unknown[], wanted: readonly unknown[], what: string) =>
  t.ok(found.join('\n') === wanted.join('\n'), what)

const ascending = (list: readonly number[]) => list.toSorted((a, b) => a - b)

const numbersIn = (text: string) =>
  text
    .split('\n')
    .slice(0, -1)
    .map(line => Number(line.replace('line ', '')))

test('an export has every line once and in order, also of a nanosecond with more lines than a page', async t => {
  const { ask, store } = await startFullStore(t)
  await isCompressed(t, store)
  await isRefused(t, store)
  const all = Array.from({ length: lineCount }, (_, i) => i)
  const forward = await ask({ format: 'raw' })
  t.equal(forward.statusCode, 200, forward.body.slice(0, 200))
  t.equal(forward.headers['content-type'], 'text/plain; charset=UTF-8')
  const found = numbersIn(forward.body)
  t.equal(found.length, lineCount)
  isSame(t, ascending(found), all, 'all lines')
  const byTime = (n: number) => (n >= 7000 && n < 19_000 ? 7000 : n)
  t.ok(found.every((n, i) => i === 0 || byTime(n) >= byTime(found[i - 1]!)))

  const backward = numbersIn((await ask({ format: 'raw', direction: 'backward' })).body)
  t.same(
    backward.toSorted((a, b) => a - b),
    all,
  )
  t.ok(backward.every((n, i) => i === 0 || byTime(n) <= byTime(backward[i - 1]!)))

  const filtered = numbersIn((await ask({ format: 'raw', query: '{app="x"} |= "999"' })).body)
  t.same(
    filtered,
    found.filter(n => String(n).includes('999')),
  )
  const first = numbersIn((await ask({ format: 'raw', limit: '12345' })).body)
  isSame(t, first, found.slice(0, 12_345), 'as many as were asked for')
  t.equal((await ask({ format: 'raw', limit: '0' })).body, '')

  // A reader that was cut off continues with the time of its last line, and says how many of that time it has.
  const jsonl = (await ask({})).body.split('\n').slice(0, -1)
  const cut = jsonl.slice(0, 9_123)
  const last = (JSON.parse(cut.at(-1)!) as { timestamp: string }).timestamp
  const skip = cut.filter(line => line.includes(last)).length
  t.ok(skip > 1000, 'in the middle of a nanosecond')
  const rest = (await ask({ start: last, skip: String(skip) })).body.split('\n').slice(0, -1)
  isSame(t, [...cut, ...rest], jsonl, 'continued')

  const gone = await ask({ start: String(midnightNs + dayNs / 2n) })
  t.equal(gone.body, '', 'no lines, no text')
  t.same(JSON.parse(String(gone.trailers?.['x-skald-warnings'] ?? '[]')), [])

  const leaving = await open(t, store.url, { query: '{app="x"}' })
  await new Promise(resolve => leaving.once('data', resolve))
  leaving.destroy()
  await store.stop()
  t.pass('a client that went away does not keep the store from stopping')
})

test('an export comes as JSON lines, raw lines, CSV and push bodies', async t => {
  const dir = t.testdir()
  const store = await startTestStore(t, { yaml, dir: join(dir, 'one') })
  await store.push([
    jsonStream({ app: 'x', pod: 'a' }, [
      [midnightNs + 1n, 'level=info n=1', { trace: 't1' }],
      [midnightNs + 3n, 'says "hello", twice'],
    ]),
    jsonStream({ app: 'x', pod: 'b' }, [[midnightNs + 2n, 'zwei ü\nlines']]),
  ])
  const ask = async (params: Record<string, string>) =>
    (await store.get('/skald/export', { ...range, query: '{app="x"}', ...params })).body
  const at = (n: number) => `2024-10-04T00:00:00.00000000${n}Z`
  t.equal(
    await ask({}),
    [
      `{"timestamp":"${at(1)}","labels":{"app":"x","pod":"a"},"metadata":{"detected_level":"info","trace":"t1"},"line":"level=info n=1"}`,
      `{"timestamp":"${at(2)}","labels":{"app":"x","pod":"b"},"metadata":{"detected_level":"unknown"},"line":"zwei ü\\nlines"}`,
      `{"timestamp":"${at(3)}","labels":{"app":"x","pod":"a"},"metadata":{"detected_level":"unknown"},"line":"says \\"hello\\", twice"}`,
      '',
    ].join('\n'),
  )
  t.equal(
    await ask({ query: '{app="x", pod="a"} | logfmt | n="1"' }),
    `{"timestamp":"${at(1)}","labels":{"app":"x","pod":"a"},"metadata":{"detected_level":"info","trace":"t1"},"parsed":{"level":"info","n":"1"},"line":"level=info n=1"}\n`,
  )
  t.equal(
    await ask({ format: 'csv', columns: 'pod, trace' }),
    [
      'timestamp,pod,trace,line',
      `${at(1)},a,t1,level=info n=1`,
      `${at(2)},b,,"zwei ü\nlines"`,
      `${at(3)},a,,"says ""hello"", twice"`,
      '',
    ].join('\r\n'),
  )
  t.match(await ask({ format: 'csv' }), /^timestamp,labels,line\r\n[^,]+,"{app=""x"", .*}",level=/)

  const bodies = (await ask({ format: 'push' })).split('\n').slice(0, -1)
  t.equal(bodies.length, 1)
  const other = await startTestStore(t, { yaml, dir: join(dir, 'other') })
  for (const body of bodies) {
    const headers = { 'Content-Type': 'application/json' }
    const answer = await other.app.inject({
      ...{ method: 'POST', url: '/loki/api/v1/push', headers, payload: body },
    })
    t.equal(answer.statusCode, 204, answer.body)
  }
  const copied = await other.get('/skald/export', { ...range, query: '{app="x"}' })
  t.equal(copied.body, await ask({}), 'a store that takes the bodies has the same lines')
})

async function isRefused(t: Test, store: TestStore) {
  const refused = async (params: Record<string, string>, message: RegExp | string) => {
    const answer = await store.get('/skald/export', { ...range, query: '{app="x"}', ...params })
    t.equal(answer.statusCode, 400, JSON.stringify(params))
    t.match(answer.body, message)
  }
  await refused({ format: 'xml' }, 'format takes jsonl, raw, csv, push, not "xml"')
  await refused({ columns: 'app' }, 'columns goes with format=csv')
  await refused({ skip: '-1' }, 'skip takes a whole number, not "-1"')
  await refused({ limit: '1e3' }, 'limit takes a whole number, not "1e3"')
  await refused({ direction: 'up' }, "invalid direction 'up'")
  await refused({ query: '' }, /parse error/)
  await refused({ query: 'rate({app="x"}[1m])' }, /only log queries have lines to export/)
  await refused({ start: '5', end: '3' }, /end timestamp must not be before/)
}

/** Asks over the network, as `inject` knows no gzip and no client that goes away. */
function open(t: Test, url: string, params: Record<string, string>, headers = {}) {
  return new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
    const target = `${url}/skald/export?${new URLSearchParams({ ...range, ...params })}`
    const request = httpRequest(target, { headers }, resolve)
    request.once('error', reject)
    t.teardown(() => request.destroy())
    request.end()
  })
}

async function isCompressed(t: Test, store: TestStore) {
  const zipped = await open(t, store.url, { query: '{app="x"}' }, { 'Accept-Encoding': 'gzip' })
  t.equal(zipped.headers['content-encoding'], 'gzip')
  const chunks: Buffer[] = []
  for await (const chunk of zipped) chunks.push(chunk as Buffer)
  const text = gunzipSync(Buffer.concat(chunks)).toString()
  t.equal(text.match(/\n/g)?.length, lineCount)
  t.equal(zipped.trailers['x-skald-warnings'], '[]')
  t.ok(Buffer.concat(chunks).length < text.length / 4)
}
