// A live tail of a real store: over a stop and over a kill, read as logcli reads it: after a lost
// connection it asks again from the last entry it has.

import { once } from 'node:events'
import { createLabelSet } from '@skald/wire'
import { t as root, test } from 'tap'
import { openTail } from '../packages/store/test/tail-connection.ts'
import { startStore, type TestStore } from './harness.ts'

root.setTimeout(120_000)

const query = '{job="tail"}'
const nowNs = () => BigInt(Date.now()) * 1_000_000n

async function push(store: TestStore, ...lines: readonly string[]): Promise<void> {
  const startNs = nowNs()
  const entries = lines.map((line, i) => ({ timestampNs: startNs + BigInt(i), line }))
  const { status, body } = await store.push([{ labels: createLabelSet({ job: 'tail' }), entries }])
  if (status !== 204) throw new Error(body)
}

test('a stop says goodbye to tails and does not wait for them', async t => {
  const store = await startStore(t, { dir: t.testdir() })
  const tail = await openTail(t, store.url, { query })
  const stuck = await openTail(t, store.url, { query })
  stuck.socket.pause()
  await push(store, 'one')
  t.same(await tail.waitForLines(1), ['one'])
  await store.stop()
  t.same(await tail.waitForClose(), { code: 1001, reason: 'the store is stopping' })
})

test('a client that asks again from its last entry misses nothing over a kill', async t => {
  const store = await startStore(t, { dir: t.testdir() })
  const before = await openTail(t, store.url, { query })
  await push(store, 'one', 'two')
  t.same(await before.waitForLines(2), ['one', 'two'])
  const last = before.frames.at(-1)!.streams.at(-1)!.values[0]![0]
  await store.kill()
  t.equal((await before.waitForClose()).code, 1006)
  await store.start()
  await push(store, 'three')
  const after = await openTail(t, store.url, { query, start: last })
  await push(store, 'four')
  // The start is inclusive, as Loki's is.
  t.same(await after.waitForLines(3), ['two', 'three', 'four'])
  after.socket.close()
  await once(after.socket, 'close')
})
