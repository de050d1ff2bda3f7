// A PostgreSQL that goes back in time, as after a failover to a standby that lacked commits: replicas enter again what
// it has lost, and nobody loses a line or sees one twice.

import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { t as root, type Test, test } from 'tap'
import { Random } from '../bench/random.ts'
import { createPostgres, noPostgres, type PostgresServer } from '../test/postgres-server.ts'
import type { TestStore } from './harness.ts'
import {
  allLinesOf,
  countLines,
  flushAll,
  hourNs,
  linesOf,
  nowNs,
  pushLines,
  until,
} from './replica-lines.ts'
import { startReplicas } from './replicas.ts'
import { pushNumbered } from './scaled-ledger.ts'
import { noBucket, startBucket } from './versitygw-process.ts'

root.setTimeout(300_000)

const skip = noBucket || noPostgres
const deletes = `compactor:
  retention_enabled: true
  delete_request_store: s3
  delete_request_cancel_period: 1h
limits_config: {retention_period: 240h}
`

async function requestDelete(store: TestStore, query: string): Promise<void> {
  const params = new URLSearchParams({
    query,
    start: String((nowNs - 2n * hourNs) / 1_000_000_000n),
    end: String(nowNs / 1_000_000_000n),
  })
  const { status } = await store.request(`/loki/api/v1/delete?${params}`, { method: 'POST' })
  if (status !== 204) throw new Error(`the delete request was answered ${status}`)
}

async function deletesOf(store: TestStore): Promise<{ request_id: string; query: string }[]> {
  return JSON.parse((await store.request('/loki/api/v1/delete')).body)
}

/** Asks again and again. Returns a function that ends this and returns the longest time without an answer. */
function watchQueries(store: TestStore): () => Promise<number> {
  let isOver = false
  let worstMs = 0
  const watching = (async () => {
    let goodMs = Date.now()
    while (!isOver) {
      const isGood = await linesOf(store, 'a').then(
        () => true,
        () => false,
      )
      if (isGood) goodMs = Date.now()
      worstMs = Math.max(worstMs, Date.now() - goodMs)
      await sleep(100)
    }
  })()
  return async () => {
    isOver = true
    await watching
    return worstMs
  }
}

async function untilRepaired(t: Test, replicas: readonly TestStore[], postgres: PostgresServer) {
  await until('PostgreSQL answers', async () => (await postgres.sql('SELECT 1')) === '1')
  for (const [i, replica] of replicas.entries())
    await until(
      'it takes pushes again',
      async () => (await pushLines(replica, 'after', [`after ${i}`])) === 204,
    )
  const logs = replicas.map(replica => replica.output()).join('')
  t.match(logs, /entered again what the database has lost/)
}

test('what PostgreSQL has lost comes back', { skip }, async t => {
  const dir = t.testdir()
  const bucket = await startBucket(t, dir)
  const postgres = await createPostgres(t)
  const parts = { dir, bucket, postgres, config: deletes }
  const replicas = await startReplicas(t, { ...parts, count: 2 })
  const [first, second] = replicas as [TestStore, TestStore]

  const order: string[] = []
  const pushOrder = async (count: number) => {
    for (let i = 0; i < count; i++) {
      const line = `line ${order.length}`
      order.push(line)
      // All have the same time, so only the order of arrival tells them apart.
      t.equal(await pushLines(replicas[i % 2]!, 'order', [line]), 204)
    }
  }
  await pushOrder(4)
  await flushAll(replicas)
  await pushOrder(2)
  await pushLines(first, 'secret', ['keep 1', 'remove 2'])
  await pushLines(first, 'wanted', ['wanted 1'])
  await requestDelete(first, '{app="wanted"}')
  t.same(await linesOf(second, 'wanted'), [])
  await postgres.keep()

  t.comment('what happens from now on is lost')
  for (const replica of replicas)
    await until('it takes pushes', async () => (await pushLines(replica, 'a', ['a 0'])) === 204)
  await pushOrder(3)
  await flushAll(replicas)
  await pushOrder(3)
  await flushAll(replicas)
  await pushOrder(2)
  await requestDelete(second, '{app="secret"} |= "remove"')
  const [request] = await deletesOf(first)
  t.match(request?.query, 'wanted')
  const path = `/loki/api/v1/delete?request_id=${request!.request_id}`
  t.equal((await first.request(path, { method: 'DELETE' })).status, 204)
  for (const replica of replicas) {
    t.same(await linesOf(replica, 'order'), order)
    t.same(await linesOf(replica, 'wanted'), ['wanted 1'])
    t.same(await linesOf(replica, 'secret'), ['keep 1'])
  }

  const random = new Random(1)
  let isOver = false
  const pushing = pushNumbered(t, replicas, { app: 'a', random, isOver: () => isOver })
  await sleep(1500)
  const watches = replicas.map(watchQueries)
  await postgres.goBack()
  await untilRepaired(t, replicas, postgres)
  await sleep(1500)
  isOver = true
  const { lines } = await pushing
  for (const watch of watches) {
    const worstMs = await watch()
    t.ok(worstMs < 10_000, `no answer for ${worstMs} ms`)
  }

  const expected = Array.from({ length: lines }, (_, i) => `a ${i}`)
  const check = async (stores: readonly TestStore[]) => {
    for (const replica of stores) {
      t.same(await linesOf(replica, 'order'), order)
      t.same(await linesOf(replica, 'wanted'), ['wanted 1'], 'its delete request was cancelled')
      t.same(await linesOf(replica, 'secret'), ['keep 1'], 'its delete request is known')
      t.same(await allLinesOf(replica, 'a'), expected)
      t.equal(await countLines(replica), order.length + expected.length + 4)
    }
  }
  await check(replicas)
  await flushAll(replicas)
  await check(replicas)
  const [fresh] = await startReplicas(t, { ...parts, dir: join(dir, 'fresh'), count: 1 })
  await check([fresh!])
  const waiting = await deletesOf(fresh!)
  t.same(
    waiting.map(({ query }) => query),
    ['{app="secret"} |= "remove"'],
  )
  const present = await postgres.sql('SELECT count(*) FROM skald.segments WHERE removed IS NULL')
  const known = await postgres.sql('SELECT count(*) FROM skald.segments')
  t.equal(bucket.keys('skald/scaled/segments/').length, Number(known), 'all objects are known')
  t.ok(Number(present) < Number(known), 'outputs of lost merges are to be deleted')
})

test('going back again and again, with kills in between', { skip }, async t => {
  const seed = Number(process.env.SKALD_CRASH_SEED ?? Date.now() % 1_000_000)
  const durationMs = Number(process.env.SKALD_SCALED_MS ?? 6_000)
  t.setTimeout(Math.max(300_000, 3 * durationMs))
  t.comment(`seed ${seed}`)
  const random = new Random(seed)
  const dir = t.testdir()
  const [bucket, postgres] = [await startBucket(t, dir), await createPostgres(t)]
  const replicas = await startReplicas(t, { dir, bucket, postgres, config: deletes, count: 3 })
  const untilMs = Date.now() + durationMs
  const isOver = () => Date.now() >= untilMs
  const apps = ['a', 'b', 'c']
  const pushing = apps.map(app => pushNumbered(t, replicas, { app, random, isOver }))
  const counts = { kept: 0, back: 0, kills: 0, merges: 0 }
  while (!isOver()) {
    await sleep(random.between(300, 1500))
    const what = random.between(0, 4)
    if (what === 0 || counts.kept === 0) {
      counts.kept++
      await postgres.keep()
    } else if (what === 1) {
      counts.back++
      await postgres.goBack()
    } else if (what === 2) {
      counts.kills++
      const victim = replicas[random.between(0, replicas.length - 1)]!
      await victim.kill()
      await victim.start()
    } else {
      counts.merges++
      // It ends when no more pushes come.
      flushAll(replicas).catch(() => undefined)
    }
  }
  const pushed = await Promise.all(pushing)
  if (counts.back === 0) await postgres.goBack()
  for (const replica of replicas) await replica.waitUntilReady()
  await until('PostgreSQL answers', async () => (await postgres.sql('SELECT 1')) === '1')
  for (const replica of replicas)
    await until('it takes pushes', async () => (await pushLines(replica, 'end', ['end'])) === 204)
  await flushAll(replicas)
  const total = pushed.reduce((sum, { lines }) => sum + lines, 0)
  for (const [number, replica] of replicas.entries()) {
    for (const [i, app] of apps.entries()) {
      const expected = Array.from({ length: pushed[i]!.lines }, (_, line) => `${app} ${line}`)
      t.same(await allLinesOf(replica, app), expected, `replica ${number} has the lines of ${app}`)
    }
    t.equal(await countLines(replica), total + 1, 'and counts them')
  }
  t.comment(`${total} lines acknowledged, ${JSON.stringify(counts)}: lost 0, doubled 0`)
})
