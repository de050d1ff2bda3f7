import { gunzipSync } from 'node:zlib'
import { test } from 'tap'
import { takesGzip } from '../../src/http/gzip.ts'
import { jsonStream, midnightNs, startTestStore, type TestStore } from '../harness.ts'

test('gzip is accepted if the header says so', async t => {
  const taken = (header: string | undefined, want: boolean) =>
    t.equal(takesGzip(header), want, String(header))
  taken('gzip', true)
  taken('gzip, deflate, br', true)
  taken('deflate, GZIP;q=0.5', true)
  taken('*', true)
  taken('br, *;q=0.1', true)
  taken(undefined, false)
  taken('', false)
  taken('br', false)
  taken('gzip;q=0', false)
  taken('gzip; q=0, *', false)
  taken('*;q=0', false)
})

const path = '/loki/api/v1/query_range?query={app="x"}&start=1728000000&end=1728086400'

async function startFilledStore(t: Parameters<typeof startTestStore>[0]): Promise<TestStore> {
  const store = await startTestStore(t)
  const rows = Array.from({ length: 100 }, (_, i) => [midnightNs + BigInt(i), `line ${i}`] as const)
  await store.push([jsonStream({ app: 'x' }, rows)])
  return store
}

test('large answers are compressed for clients that accept it', async t => {
  const store = await startFilledStore(t)
  const headers = { 'accept-encoding': 'gzip, deflate, br' }
  const packed = await store.app.inject({ url: path, headers })
  t.equal(packed.headers['content-encoding'], 'gzip')
  t.equal(packed.headers.vary, 'Accept-Encoding')
  t.equal(Number(packed.headers['content-length']), packed.rawPayload.length)
  const plain = await store.app.inject({ url: path })
  t.equal(plain.headers['content-encoding'], undefined)
  const resultOf = (body: string) =>
    (JSON.parse(body) as { data: { result: { values: unknown[] }[] } }).data.result
  const unpacked = resultOf(gunzipSync(packed.rawPayload).toString())
  t.equal(unpacked[0]!.values.length, 100)
  t.same(unpacked, resultOf(plain.body))
  const metrics = await store.app.inject({ url: '/metrics', headers })
  t.equal(metrics.headers['content-encoding'], 'gzip')
})

test('small answers, errors and answers without a body are not compressed', async t => {
  const store = await startFilledStore(t)
  const headers = { 'accept-encoding': 'gzip' }
  const plain = async (url: string, status: number, method: 'GET' | 'HEAD' = 'GET') => {
    const answer = await store.app.inject({ url, headers, method })
    t.equal(answer.statusCode, status, answer.body)
    t.equal(answer.headers['content-encoding'], undefined, url)
  }
  await plain('/ready', 200)
  await plain(
    `/loki/api/v1/query_range?query=${encodeURIComponent(`{a="${'x'.repeat(5000)}`)}`,
    400,
  )
  await plain(path, 200, 'HEAD')
})
