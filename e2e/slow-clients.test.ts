// Hundreds of clients at once announce much and send almost nothing. Other clients' pushes are
// accepted as usual, and the slow ones are disconnected. `npm run bench -- contention` measures how
// much they slow others down.

import { setTimeout as sleep } from 'node:timers/promises'
import { t as root, test } from 'tap'
import { openSlowClient } from '../bench/slow-client.ts'
import { startStore } from './harness.ts'

const timeoutMs = 60_000
root.setTimeout(timeoutMs)

const clientCount = 500
const readTimeoutMs = 4_000

test('hundreds of slow clients keep nobody from pushing', async t => {
  t.setTimeout(timeoutMs)
  const store = await startStore(t, {
    dir: t.testdir(),
    tenants: true,
    server: `http_server_read_timeout: ${readTimeoutMs}ms`,
  })
  const url = new URL(store.url)
  const slow = Array.from({ length: clientCount }, () =>
    openSlowClient(url, { pauseMs: readTimeoutMs * 0.6, tenant: 'slow' }),
  )
  await sleep(500)
  const statuses: Record<number, number> = {}
  const endMs = performance.now() + readTimeoutMs + 2_500
  for (let i = 0; performance.now() < endMs; i++) {
    // As large as an agent's push, so that it needs room too.
    const values = Array.from({ length: 2000 }, (_, k) => [
      `${Date.now()}${String(i % 1000).padStart(3, '0')}${String(k % 1000).padStart(3, '0')}`,
      `line ${i} ${k} ${'x'.repeat(100)}`,
    ])
    const { status } = await store.request('/loki/api/v1/push', {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-scope-orgid': `honest-${i % 100}` },
      body: JSON.stringify({ streams: [{ stream: { app: 'x' }, values }] }),
    })
    statuses[status] = (statuses[status] ?? 0) + 1
    await sleep(50)
  }
  t.same(Object.keys(statuses), ['204'], `all pushes are accepted: ${JSON.stringify(statuses)}`)
  const answers = new Set(slow.map(({ answer }) => answer()))
  t.same([...answers], ['HTTP/1.1 408 Request Timeout'], 'all slow clients get this answer')
  t.ok(
    slow.every(({ socket }) => socket.closed),
    'and cut off',
  )
  for (const { socket } of slow) socket.destroy()
})
