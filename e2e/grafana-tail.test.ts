// Rows 76 to 82 of docs/clients.md: the live tail of Explore through Grafana's proxy, and that of
// logcli.

import { once } from 'node:events'
import { request } from 'node:http'
import { createLabelSet } from '@skald/wire'
import { t as root, test } from 'tap'
import { WebSocket } from 'ws'
import { openTail, refusedTail } from '../packages/store/test/tail-connection.ts'
import { type SeededStore, startSeeded } from './client-seed.ts'

root.setTimeout(170_000)

const query = '{service_name="seed"}'
const path = '/loki/api/v1/tail'
let seed: SeededStore
test('a store with the lines of the seed', async t => {
  seed = await startSeeded(root, { dir: root.testdir() })
  t.equal(seed.entries.length, 300)
})

/** Pushes a line with the current time. */
async function push(line: string, metadata: Readonly<Record<string, string>> = {}): Promise<void> {
  const labels = createLabelSet({ service_name: 'seed', env: 'live' })
  const timestampNs = BigInt(Date.now()) * 1_000_000n
  const structuredMetadata = createLabelSet(metadata)
  const { status, body } = await seed.store.push([
    { labels, entries: [{ timestampNs, line, structuredMetadata }] },
  ])
  if (status !== 204) throw new Error(body)
}

test('a tail is upgraded and sends text frames of JSON', async t => {
  // Grafana's proxy forwards what browsers offer.
  const tail = await openTail(t, seed.store.url, { query })
  t.equal(tail.socket.readyState, WebSocket.OPEN)
  await push('a live line')
  const lines = await tail.waitForLines(101)
  t.equal(lines.at(-1), 'a live line')
  for (const { streams } of tail.frames) {
    for (const { stream, values } of streams) {
      t.type(stream, 'object')
      for (const [time] of values) t.match(time, /^\d{19}$/)
    }
  }
})

test('a bad query is refused before the upgrade', async t => {
  const { status, body } = await refusedTail(seed.store.url, `${path}?query=%7Ba%3D`)
  t.equal(status, 400)
  t.match(body, /^parse error/)
})

test('a tail begins with the newest hundred lines, oldest first', async t => {
  const tail = await openTail(t, seed.store.url, { query: '{env="a"}' })
  const lines = await tail.waitForLines(100)
  const newest = seed.entries.filter(({ env }) => env === 'a').slice(-100)
  t.same(
    lines.slice(0, 100),
    newest.map(({ line }) => line),
  )
})

test('pings keep a silent client connected', async t => {
  const tail = await openTail(t, seed.store.url, { query })
  const openedMs = performance.now()
  for (let pings = 0; pings < 2; pings++) await once(tail.socket, 'ping')
  t.ok(performance.now() - openedMs < 12_000, 'two pings in 12 s')
  t.equal(tail.socket.readyState, WebSocket.OPEN)
  await push('still there')
  const count = tail.lines().length
  if (!tail.lines().includes('still there')) await tail.waitForLines(count + 1)
  t.ok(tail.lines().includes('still there'))
})

test('metadata of a live line is in its stream, its value has two elements', async t => {
  const tail = await openTail(t, seed.store.url, { query: '{env="live"} |= "with metadata"' })
  await push('with metadata', { trace_id: 'live1' })
  await tail.waitForLines(1)
  const [{ stream, values }] = tail.frames[0]!.streams as [
    (typeof tail.frames)[number]['streams'][number],
  ]
  t.match(stream, { env: 'live', service_name: 'seed', trace_id: 'live1' })
  t.equal(values[0]!.length, 2)
})

test('the parameters of logcli are taken, a longer delay than Loki allows is not', async t => {
  const start = `${seed.startMs}000000`
  const tail = await openTail(t, seed.store.url, { query, limit: '30', start, delay_for: '2' })
  t.equal((await tail.waitForLines(30)).length >= 30, true)
  const params = new URLSearchParams({ query, delay_for: '6' })
  const { status, body } = await refusedTail(seed.store.url, `${path}?${params}`)
  t.same([status, body], [400, "delay_for can't be greater than 5"])
})

test('a request that is no upgrade is refused', async t => {
  const status = await new Promise(resolve => {
    request(`${seed.store.url}${path}?query=${encodeURIComponent(query)}`, answer => {
      answer.resume()
      resolve(answer.statusCode)
    }).end()
  })
  t.equal(status, 400)
})

// Must be last, because it stops the store.
test('a stop of the store closes tails with a frame and does not hang', async t => {
  const tail = await openTail(t, seed.store.url, { query })
  await tail.waitForLines(100)
  const startMs = performance.now()
  await seed.store.stop()
  t.same(await tail.waitForClose(), { code: 1001, reason: 'the store is stopping' })
  t.ok(performance.now() - startMs < 10_000)
})
