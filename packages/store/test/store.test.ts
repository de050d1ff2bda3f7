import { once } from 'node:events'
import { existsSync, statSync } from 'node:fs'
import { readdir, truncate, writeFile } from 'node:fs/promises'
import { type IncomingMessage, request } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Test, test } from 'tap'
import { reservePort } from '../../../test/ports.ts'
import { loadStoreConfig } from '../src/config.ts'
import { startStore } from '../src/store.ts'
import { createTestLogger, jsonStream, midnightNs, type Row, startTestStore } from './harness.ts'

const rows = (count: number, from = 0): Row[] =>
  Array.from({ length: count }, (_, i) => [midnightNs + BigInt(from + i), `line ${from + i}`])
const lines = (count: number) => Array.from({ length: count }, (_, i) => `line ${i}`)

function configFor(t: Test, port: number, dir = t.testdir()) {
  const text = `
auth_enabled: false
server: {http_listen_address: 127.0.0.1, http_listen_port: ${port}}
common: {path_prefix: ${JSON.stringify(dir)}}`
  return loadStoreConfig(text, 'store.yaml')
}

test('a store creates its directory and listens', async t => {
  const dir = join(t.testdir(), 'not', 'there', 'yet')
  const store = await startTestStore(t, { dir })
  t.match(store.url, /^http:\/\/127\.0\.0\.1:\d+$/)
  const answer = await fetch(`${store.url}/ready`)
  t.equal(await answer.text(), 'ready\n')
  t.ok(existsSync(join(dir, 'segments')))
})

test('a port in use is reported, and nothing keeps running', async t => {
  const first = await startTestStore(t)
  const loaded = configFor(t, Number(new URL(first.url).port))
  const { logger } = createTestLogger()
  await t.rejects(startStore({ loaded, logger, version: '1' }), { code: 'EADDRINUSE' })
})

test('a directory that cannot be created is reported', async t => {
  const dir = t.testdir({ file: 'x' })
  const loaded = configFor(t, 0, join(dir, 'file', 'below'))
  const { logger } = createTestLogger()
  await t.rejects(startStore({ loaded, logger, version: '1' }), { code: 'ENOTDIR' })
})

test('a second stop waits for the first', async t => {
  const store = await startTestStore(t)
  await Promise.all([store.stop(), store.stop()])
  await store.stop()
  await t.rejects(fetch(`${store.url}/ready`))
})

test('acknowledged lines survive a restart, merged or not', async t => {
  const dir = t.testdir()
  const first = await startTestStore(t, { dir })
  await first.push([jsonStream({ app: 'x' }, rows(10))])
  await first.get('/flush')
  await first.push([jsonStream({ app: 'x' }, rows(10, 10))])
  await first.stop()
  const second = await startTestStore(t, { dir })
  t.same(await second.lines('{app="x"}'), lines(20))
  t.equal((await second.push([jsonStream({ app: 'x' }, rows(10, 20))])).statusCode, 204)
  t.same(await second.lines('{app="x"}'), lines(30))
  const names = await readdir(join(dir, 'segments'))
  t.equal(new Set(names.map(name => name.slice(0, 16))).size, names.length, 'no number twice')
})

test('a push in progress when the store stops is finished', async t => {
  const dir = t.testdir()
  const store = await startTestStore(t, { dir })
  const body = JSON.stringify({ streams: [jsonStream({ app: 'x' }, rows(10))] })
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
  const push = request(`${store.url}/loki/api/v1/push`, { method: 'POST', headers })
  const received = once(store.app.server, 'request')
  push.write(body.slice(0, 20))
  await received
  const stopping = store.stop()
  push.end(body.slice(20))
  const [answer] = (await once(push, 'response')) as [IncomingMessage]
  t.equal(answer.statusCode, 204)
  t.equal(answer.headers.connection, 'close', 'the connection does not keep the store')
  answer.resume()
  await stopping
  const again = await startTestStore(t, { dir })
  t.same(await again.lines('{app="x"}'), lines(10))
})

test('a damaged catalog is set aside and rebuilt', async t => {
  const dir = t.testdir()
  const first = await startTestStore(t, { dir })
  await first.push([jsonStream({ app: 'x' }, rows(10))])
  await first.stop()
  await writeFile(join(dir, 'catalog.sqlite'), 'no database '.repeat(1000))
  const second = await startTestStore(t, { dir })
  t.ok(second.messages().some(text => text.startsWith('the catalog is damaged')))
  t.same(await second.lines('{app="x"}'), lines(10))
  t.equal((await readdir(dir)).filter(name => name.includes('.damaged-')).length, 1)
})

test('a truncated catalog is rebuilt', async t => {
  const dir = t.testdir()
  const first = await startTestStore(t, { dir })
  await first.push([jsonStream({ app: 'x' }, rows(10))])
  await first.stop()
  await truncate(join(dir, 'catalog.sqlite'), 6000)
  const second = await startTestStore(t, { dir })
  t.same(await second.lines('{app="x"}'), lines(10))
  t.equal((await second.push([jsonStream({ app: 'y' }, rows(1))])).statusCode, 204)
})

test('a second store on a data directory ends at once and does not harm the first', async t => {
  const dir = t.testdir()
  const first = await startTestStore(t, { dir })
  await first.push([jsonStream({ app: 'x' }, rows(10))])
  const unfinished = join(dir, 'segments', '0000000000000099-1.seg')
  await writeFile(unfinished, 'what the first one is writing')
  const { logger } = createTestLogger()
  await t.rejects(startStore({ loaded: configFor(t, 0, dir), logger, version: '1' }), {
    code: 'DIRECTORY_LOCKED',
    message: new RegExp(`^Cannot use the data directory ${dir}: process ${process.pid} on host `),
  })
  t.ok(existsSync(unfinished), 'it touched no file')
  t.same(await first.lines('{app="x"}'), lines(10))
  await first.stop()
  const second = await startTestStore(t, { dir })
  t.same(await second.lines('{app="x"}'), lines(10))
})

test('a store waits for one on another host, not ready, and takes over', async t => {
  const dir = t.testdir()
  const first = await startTestStore(t, { dir })
  await first.push([jsonStream({ app: 'x' }, rows(10))])
  await first.push([jsonStream({ app: 'x' }, rows(10, 10))])
  const holder = { pid: 1, host: 'store-before', pidNamespace: '', role: 'store' }
  await writeFile(join(dir, 'lock'), JSON.stringify(holder))
  const port = await reservePort()
  const { logger, messages } = createTestLogger()
  const starting = startStore({ loaded: configFor(t, port, dir), logger, version: '1' })
  const url = `http://127.0.0.1:${port}`
  while (messages().length === 0) await sleep(10)
  t.same(messages(), ['waiting for the data directory: another process has it'])
  for (const path of ['/ready', '/loki/api/v1/labels']) {
    const answer = await fetch(`${url}${path}`)
    t.equal(answer.status, 503)
    t.equal(answer.headers.get('retry-after'), '1')
    t.equal(
      await answer.text(),
      `Store not ready: it is waiting for the data directory ${dir}, which another process is using\n`,
    )
  }
  const push = await fetch(`${url}/loki/api/v1/push`, { method: 'POST', body: '{"streams": []}' })
  t.equal(push.status, 503)
  await first.stop()
  const second = await starting
  t.teardown(() => second.stop())
  t.equal((await fetch(`${url}/ready`)).status, 200)
  const query = new URLSearchParams({
    query: 'sum(count_over_time({app="x"}[1d]))',
    time: String((midnightNs + 3_600_000_000_000n) / 1_000_000_000n),
  })
  const found = await fetch(`${url}/loki/api/v1/query?${query}`)
  t.match(await found.json(), { data: { result: [{ value: [Number, '20'] }] } })
})

test("only the store's own user can read its files", async t => {
  const dir = join(t.testdir(), 'data')
  const store = await startTestStore(t, { dir })
  await store.push([jsonStream({ app: 'x' }, rows(10))])
  await store.get('/flush')
  await store.push([jsonStream({ app: 'x' }, rows(10, 10))])
  const modes: Record<string, string> = {}
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    const kind = entry.isDirectory() ? 'directory' : 'file'
    modes[`${kind} ${(statSync(path).mode & 0o777).toString(8)}`] = path
  }
  t.same(Object.keys(modes).sort(), ['directory 700', 'file 600'])
  t.equal(statSync(dir).mode & 0o777, 0o700)
})
