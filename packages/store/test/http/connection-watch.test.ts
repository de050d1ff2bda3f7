import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { t as root, test } from 'tap'
import { jsonStream, midnightNs, startTestStore, type TestStore } from '../harness.ts'

root.setTimeout(60_000)

/**
 * Opens a connection over which a test can send anything. `answer` resolves to everything received
 * until its end.
 */
async function dial(
  store: TestStore,
  text: string,
): Promise<{ socket: Socket; answer: Promise<string> }> {
  const { hostname, port } = new URL(store.url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => {})
  await once(socket, 'connect')
  let received = ''
  socket.setEncoding('latin1').on('data', chunk => {
    received += String(chunk)
  })
  const answer = once(socket, 'close').then(() => received)
  await new Promise<void>(resolve => socket.write(text, () => resolve()))
  return { socket, answer }
}

/** The same, but resolves once the store has begun to read the request. */
async function dialUntilRead(store: TestStore, length: number) {
  const dialed = await dial(
    store,
    head(length).replace('\r\n\r\n', '\r\nExpect: 100-continue\r\n\r\n'),
  )
  await once(dialed.socket, 'data')
  return dialed
}

const continued = 'HTTP/1.1 100 Continue\r\n\r\n'

const head = (length: number, path = '/loki/api/v1/push') =>
  `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`
const stream = jsonStream({ app: 'x' }, [[midnightNs, 'hello']])

test('a body that stops arriving gets 408 and frees its memory', async t => {
  const store = await startTestStore(t, { server: 'http_server_read_timeout: 200ms' })
  for (const path of ['/loki/api/v1/push', '/loki/api/v1/query_range']) {
    const { answer } = await dial(store, `${head(10_000, path)}{"streams":`)
    t.match(await answer, /^HTTP\/1.1 408 Request Timeout\r\nConnection: close\r\n/)
  }
  // One body that never arrived once reserved everything that pushes may use.
  const { answer } = await dial(store, `${head(16 * 1024 * 1024)}{`)
  t.match(await answer, /^HTTP\/1.1 408 /)
  const held = async () =>
    /^skald_pending_push_bytes (\d+)$/m.exec((await store.get('/metrics')).body)?.[1]
  t.equal(await held(), '0')
  t.equal((await store.push([stream])).statusCode, 204)
})

test('a body that keeps arriving is accepted, however long it takes', async t => {
  const store = await startTestStore(t, { server: 'http_server_read_timeout: 1s' })
  const body = JSON.stringify({ streams: [stream], padding: 'x'.repeat(30_000) })
  const { socket, answer } = await dial(store, head(body.length))
  for (let at = 0; at < body.length; at += 2048) {
    socket.write(body.slice(at, at + 2048))
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  socket.end()
  t.match(await answer, /^HTTP\/1.1 204 /)
  t.same(await store.lines('{app="x"}'), ['hello'])
})

test('a body rejected before it arrived does not hold its connection forever', async t => {
  const store = await startTestStore(t, { server: 'http_server_read_timeout: 200ms' })
  const { answer } = await dial(store, head(3_000_000_000))
  t.match(await answer, /^HTTP\/1.1 413 /)
})

test('uploads that never end, idle connections and partial requests do not delay a stop', async t => {
  const store = await startTestStore(t)
  const slow = await dialUntilRead(store, 10_000)
  slow.socket.write('{"streams":')
  const half = await dial(store, 'GET /ready HTTP/1.1\r\nHost: x\r\n')
  const idle = await dial(store, 'GET /ready HTTP/1.1\r\nHost: x\r\n\r\n')
  await once(idle.socket, 'data')
  await store.stop()
  t.match((await slow.answer).slice(continued.length), /^HTTP\/1.1 408 /)
  t.equal(await half.answer, '')
  t.match(await idle.answer, /ready\n$/)
})

test('requests that have arrived are answered before a stop', async t => {
  const store = await startTestStore(t)
  const body = JSON.stringify({ streams: [stream] })
  const { socket, answer } = await dialUntilRead(store, body.length)
  socket.write(body.slice(0, 10))
  const stopped = store.stop()
  socket.write(body.slice(10))
  const answered = (await answer).slice(continued.length)
  t.match(answered, /^HTTP\/1.1 204 No Content\r\n/)
  t.match(answered, /connection: close/i)
  await stopped
})
