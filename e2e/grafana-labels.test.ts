// Rows 1 to 17 of docs/clients.md: Save & test, the label browser, context and template variables.

import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { t as root, type Test, test } from 'tap'
import { askQuery, categorize, type SeededStore, startSeeded } from './client-seed.ts'

root.setTimeout(170_000)

let seed: SeededStore
test('a store with the lines of the seed', async t => {
  seed = await startSeeded(root, { dir: root.testdir() })
  t.equal(seed.entries.length, 300)
})

const saveAndTest = { direction: 'backward', query: 'vector(1)+vector(1)', time: '4000000000' }

test('Save & test gets one element with the value 2', async t => {
  const data = await askQuery(seed, 'query', saveAndTest)
  t.equal(data.resultType, 'vector')
  t.match(data.result, [{ metric: {}, value: [Number, '2'] }])
  t.equal(data.result.length, 1)
})

test('Save & test with the encoding flags is the same', async t => {
  const data = await askQuery(seed, 'query', saveAndTest, categorize)
  t.match(data.result, [{ metric: {}, value: [Number, '2'] }])
  t.equal(data.result.length, 1)
})

/** Starts a server that forwards requests below a prefix, like an ingress. */
async function startProxy(t: Test, target: string): Promise<string> {
  const proxy = createServer((asked, answer) => {
    const url = new URL(asked.url!.replace(/^\/x/, ''), target)
    asked.pipe(
      request(url, { method: asked.method!, headers: asked.headers }, got => {
        answer.writeHead(got.statusCode!, got.headers)
        got.pipe(answer)
      }),
    )
  })
  await new Promise<void>(resolve => {
    proxy.listen(0, '127.0.0.1', resolve)
  })
  t.teardown(() => proxy.close())
  return `http://127.0.0.1:${(proxy.address() as AddressInfo).port}/x`
}

test('Save & test works below a base path', async t => {
  const proxied = await startProxy(t, seed.store.url)
  const answer = await fetch(`${proxied}/loki/api/v1/query?${new URLSearchParams(saveAndTest)}`)
  const { data } = (await answer.json()) as { data: { result: { value: [number, string] }[] } }
  t.equal(data.result[0]!.value[1], '2')
})

const labels = async (path: string, params: Record<string, string> = {}) =>
  (await seed.json<{ data?: string[] }>(path, params)).data ?? []

test('label names are an array of texts, for times in nanoseconds', async t => {
  t.same(await labels('labels', seed.range), ['env', 'service_name'])
})

test('label names are the same for ISO times', async t => {
  const iso = (ms: number) => new Date(ms).toISOString()
  const range = { start: iso(seed.startMs), end: iso(seed.endMs) }
  t.same(await labels('labels', range), await labels('labels', seed.range))
})

test('label names of a selector are those of its streams', async t => {
  t.same(await labels('labels', { ...seed.range, query: '{env="a"}' }), ['env', 'service_name'])
  t.same(await labels('labels', { ...seed.range, query: '{env="none"}' }), [])
})

test('label names without times are those of the last hour', async t => {
  t.same(await labels('labels'), ['env', 'service_name'])
})

test('label names at one instant are those of the streams around it', async t => {
  const { timestampNs } = seed.entries[120]!
  const at = `${timestampNs / 1_000_000n}000000`
  t.ok((await labels('labels', { start: at, end: at })).includes('service_name'))
  const query = '{service_name="seed"}'
  t.ok((await labels('labels', { start: at, end: at, query })).includes('service_name'))
})

test('label values are sorted', async t => {
  t.same(await labels('label/env/values', seed.range), ['a', 'b'])
})

test('label values of a selector are those of its streams', async t => {
  t.same(await labels('label/env/values', { ...seed.range, query: '{env="a"}' }), ['a'])
})

test('an unknown label has no values, and that is no error', async t => {
  t.same(await labels('label/nope/values', seed.range), [])
})

test('a label name may be percent-encoded', async t => {
  t.equal((await seed.ask('label/a%2Eb/values', seed.range)).status, 200)
  t.same(await labels('label/%65nv/values', seed.range), ['a', 'b'])
})

test('the look for shards finds none', async t => {
  const query = '{service_name="seed"}'
  t.same(await labels('label/__stream_shard__/values', { ...seed.range, query }), [])
})

type SeriesAnswer = { data: Record<string, unknown>[] }
const all = [
  { env: 'a', service_name: 'seed' },
  { env: 'b', service_name: 'seed' },
]

test('series are flat maps of texts', async t => {
  const { data } = await seed.json<SeriesAnswer>('series', {
    ...seed.range,
    'match[]': '{env="a"}',
  })
  t.same(data, [all[0]])
})

test('series of logcli: an empty selector means all', async t => {
  const { data } = await seed.json<SeriesAnswer>('series', { ...seed.range, match: '{}' })
  t.same(data, all)
})

test('series that nothing matches are an empty array', async t => {
  const { data } = await seed.json<SeriesAnswer>('series', {
    ...seed.range,
    'match[]': '{env="none"}',
  })
  t.same(data, [])
})

test('a selector of negative matchers is refused with a text', async t => {
  const { status, body } = await seed.ask('labels', { ...seed.range, query: '{env!="a"}' })
  t.equal(status, 400)
  t.match(
    body,
    'queries require at least one regexp or equality matcher that does not have an empty-compatible value',
  )
})
