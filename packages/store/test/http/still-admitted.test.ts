// Requests that last end when their token does.

import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Test, test } from 'tap'
import { tailPingMs } from '../../src/limits.ts'
import { dayNs, jsonStream, midnightNs, type Row, startTestStore } from '../harness.ts'
import { openTail } from '../tail-connection.ts'

const secret = 'ends soon'
const headers = { authorization: `Bearer ${secret}` }

/** Starts a store with a token that ends in three seconds. */
async function startStore(t: Test) {
  const expiresMs = Date.now() + 3000
  const sha256 = createHash('sha256').update(secret).digest('hex')
  const expires = new Date(expiresMs).toISOString()
  const yaml = `auth_enabled: false
limits_config: {discover_service_name: [], discover_log_levels: false}
auth: {tokens: [{name: short, sha256: ${sha256}, roles: [push, read], expires: '${expires}'}]}
`
  const store = await startTestStore(t, { yaml })
  const push = async (rows: readonly Row[]) => {
    const { statusCode, body } = await store.app.inject({
      method: 'POST',
      url: '/loki/api/v1/push',
      headers: { ...headers, 'content-type': 'application/json' },
      payload: JSON.stringify({ streams: [jsonStream({ app: 'x' }, rows)] }),
    })
    if (statusCode !== 204) throw new Error(body)
  }
  const hasEnded = () => sleep(Math.max(0, expiresMs + 50 - Date.now()))
  return { store, push, hasEnded }
}

test('a live tail is closed when its token ends', async t => {
  const { store, push } = await startStore(t)
  const tail = await openTail(t, store.url, { query: '{app="x"}' }, { headers })
  await push([[BigInt(Date.now()) * 1_000_000n, 'seen']])
  t.same(await tail.waitForLines(1), ['seen'])
  const started = Date.now()
  t.same(await tail.waitForClose(), {
    code: 1008,
    reason: 'the token or the user of this request has ended',
  })
  t.ok(Date.now() - started < 3000 + tailPingMs + 1000)
})

test('an export is cut off when its token ends', async t => {
  const { store, push, hasEnded } = await startStore(t)
  const text = 'x'.repeat(1000)
  const lineCount = 24_000
  for (let from = 0; from < lineCount; from += 2000) {
    const at = (i: number) => midnightNs + BigInt(from + i)
    await push(Array.from({ length: 2000 }, (_, i) => [at(i), `${from + i} ${text}`] as const))
  }
  const asked = request(
    `${store.url}/skald/export?${new URLSearchParams({
      query: '{app="x"}',
      start: String(midnightNs),
      end: String(midnightNs + dayNs),
      format: 'raw',
    })}`,
    { headers },
  ).end()
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  t.equal(answer.statusCode, 200)
  // What fills the sockets on both sides waits there until the token has ended.
  await hasEnded()
  let lines = 0
  const error = await (async () => {
    for await (const chunk of answer)
      lines += (chunk as Buffer).toString('latin1').split('\n').length - 1
  })().catch((cause: NodeJS.ErrnoException) => cause)
  t.equal((error as NodeJS.ErrnoException | undefined)?.code, 'ECONNRESET')
  t.ok(lines > 0 && lines < lineCount, `${lines} lines`)
})
