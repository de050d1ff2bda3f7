// A live tail of a real store across a stop and a kill. One client behaves like logcli, which after a lost
// connection asks again from its last entry. The other behaves like Grafana and loki-canary, which repeat
// their request.

import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { createLabelSet } from '@skald/wire'
import { t as root, test } from 'tap'
import { openTail } from '../packages/store/test/tail-connection.ts'
import { startStore, type TestStore } from './harness.ts'

root.setTimeout(170_000)

const query = '{job="tail"}'
const nowNs = () => BigInt(Date.now()) * 1_000_000n

async function push(store: TestStore, ...lines: readonly string[]): Promise<void> {
  const startNs = nowNs()
  const entries = lines.map((line, i) => ({ timestampNs: startNs + BigInt(i), line }))
  const { status, body } = await store.push([{ labels: createLabelSet({ job: 'tail' }), entries }])
  if (status !== 204) throw new Error(body)
}

test('a stop closes tails properly and does not wait for them', async t => {
  const store = await startStore(t, { dir: t.testdir() })
  const tail = await openTail(t, store.url, { query })
  const stuck = await openTail(t, store.url, { query })
  stuck.socket.pause()
  await push(store, 'one')
  t.same(await tail.waitForLines(1), ['one'])
  await store.stop()
  t.same(await tail.waitForClose(), { code: 1001, reason: 'the store is stopping' })
})

test('a client that asks again from its last entry misses nothing across a kill', async t => {
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
  // The start is inclusive, like Loki's.
  t.same(await after.waitForLines(3), ['two', 'three', 'four'])
  after.socket.close()
  await once(after.socket, 'close')
})

test('a client that repeats its request misses nothing across a kill, and sees nothing twice', async t => {
  const store = await startStore(t, { dir: t.testdir() })
  const before = await openTail(t, store.url, { query })
  await push(store, 'one', 'two')
  t.same(await before.waitForLines(2), ['one', 'two'])
  await store.kill()
  t.equal((await before.waitForClose()).code, 1006)
  await store.start()
  await push(store, 'three')
  // Tails that are not resumed start as new ones.
  const limited = await openTail(t, store.url, { query, limit: '2' })
  t.same(await limited.waitForLines(2), ['two', 'three'], 'who says a limit is given it')
  const other = await openTail(t, store.url, { query: `${query} != "one"` })
  t.same(
    await other.waitForLines(2),
    ['two', 'three'],
    'a query that was not open begins as a new one',
  )
  const after = await openTail(t, store.url, { query })
  await push(store, 'four')
  t.same(await after.waitForLines(2), ['three', 'four'])
  const another = await openTail(t, store.url, { query })
  t.same(await another.waitForLines(4), ['one', 'two', 'three', 'four'], 'there was but one')
  // An orderly stop behaves the same.
  another.socket.close()
  await another.waitForClose()
  await store.stop()
  await after.waitForClose()
  await store.start()
  await push(store, 'five')
  const last = await openTail(t, store.url, { query })
  await push(store, 'six')
  t.same(await last.waitForLines(2), ['five', 'six'])
})

test('a line pushed until accepted is sent once and in order, whenever the store is killed', async t => {
  const store = await startStore(t, { dir: t.testdir() })
  const labels = createLabelSet({ job: 'tail' })
  let isPushing = true
  const pushed: string[] = []
  const pushing = (async () => {
    for (let i = 0; isPushing; i++) {
      const entries = [{ timestampNs: nowNs(), line: `line ${i}` }]
      // Without an answer it is pushed again, whether it was stored or not.
      while ((await store.push([{ labels, entries }]).catch(() => undefined))?.status !== 204) {
        await sleep(5)
      }
      pushed.push(`line ${i}`)
    }
  })()
  const seen: string[] = []
  // If the store was killed between sending a line and recording that, this line is sent again, and
  // no other.
  const take = (lines: readonly string[]) => {
    seen.push(...lines.slice(lines[0] === seen.at(-1) ? 1 : 0))
  }
  for (let kill = 0; kill < 4; kill++) {
    const tail = await openTail(t, store.url, { query })
    // The first tail begins with what is already there.
    await tail.waitForLines(20)
    await sleep(300 + 7 * kill)
    await store.kill()
    await tail.waitForClose()
    take(tail.lines())
    await store.start()
    await sleep(200)
  }
  isPushing = false
  await pushing
  const tail = await openTail(t, store.url, { query })
  await push(store, 'end')
  while (!tail.lines().includes('end')) await sleep(10)
  take(tail.lines())
  t.same(seen, [...pushed, 'end'], `${pushed.length} lines`)
})
