// Replicas whose connections to the bucket and to PostgreSQL are reset, swallowed, delayed and cut, each direction:
// nothing that was acknowledged is lost, and nothing is there twice.

import { setTimeout as sleep } from 'node:timers/promises'
import { t as root, test } from 'tap'
import { Random } from '../bench/random.ts'
import { createPostgres, noPostgres } from '../test/postgres-server.ts'
import type { TestStore } from './harness.ts'
import { disturb } from './network-faults.ts'
import { startReplica } from './replicas.ts'
import {
  checkLedger,
  clientNames,
  ledgerMs,
  ledgerSeed,
  ledgerTimeoutMs,
  pushNumbered,
} from './scaled-ledger.ts'
import { noProxies, startProxies, type TestProxy } from './toxiproxy-process.ts'
import { noBucket, startBucket } from './versitygw-process.ts'

root.setTimeout(ledgerTimeoutMs)

const skip = noBucket || noPostgres || noProxies

test('faults of the network lose nothing and double nothing', { skip }, async t => {
  t.setTimeout(ledgerTimeoutMs)
  t.comment(`seed ${ledgerSeed}`)
  const random = new Random(ledgerSeed)
  const dir = t.testdir()
  const [bucket, postgres] = [await startBucket(t, dir), await createPostgres(t)]
  const server = await startProxies(t, dir)
  const proxies: TestProxy[] = []
  const replicas: TestStore[] = []
  for (const number of [0, 1, 2]) {
    const toBucket = await server.open(`bucket-${number}`, new URL(bucket.url).host)
    const toPostgres = await server.open(`postgres-${number}`, `127.0.0.1:${postgres.port}`)
    proxies.push(toBucket, toPostgres)
    const ways = {
      bucketUrl: `http://${toBucket.host}`,
      postgresUrl: postgres.url.replace(`127.0.0.1:${postgres.port}`, toPostgres.host),
      // A request that nobody answers ends soon.
      answerTimeout: '3s',
    }
    replicas.push(await startReplica(t, { dir, bucket, postgres, number, ways }))
  }
  const untilMs = Date.now() + ledgerMs
  const isOver = () => Date.now() >= untilMs
  const pushing = clientNames.map(app => pushNumbered(t, replicas, { app, random, isOver }))
  const counts = new Map<string, number>()
  const note = (what: string) => counts.set(what, (counts.get(what) ?? 0) + 1)
  // Two at a time, so that a replica may lose both servers. Merges go on meanwhile.
  const disturbing = [0, 1].map(async half => {
    const own = proxies.filter((_, i) => i % 2 === half)
    while (!isOver()) {
      note((await disturb(own, random)).replace(/-\d$/, ''))
      await sleep(random.between(50, 600))
    }
  })
  const killing = async () => {
    while (!isOver()) {
      const flush = { method: 'POST', signal: AbortSignal.timeout(3000) }
      await random
        .pick(replicas)
        .request('/flush', flush)
        .catch(() => undefined)
      await sleep(random.between(500, 3000))
      if (!random.chance(0.1)) continue
      const victim = random.pick(replicas)
      await victim.kill()
      // A start waits for its servers, however long they are away.
      victim.spawn()
      note('kill')
    }
  }
  const killer = killing()
  const pushed = await Promise.all(pushing)
  await Promise.all([...disturbing, killer])
  for (const replica of replicas) await replica.waitUntilReady()
  for (const replica of replicas) {
    for (let tries = 0; tries < 300; tries++) {
      const { body } = await replica.request('/metrics')
      if (/^skald_catalog_reachable 1$/m.test(body)) break
      await sleep(100)
    }
    await replica.request('/flush', { method: 'POST' })
  }
  const total = await checkLedger(t, replicas, pushed)
  const retries = pushed.reduce((sum, one) => sum + one.retries, 0)
  const faults = [...counts].map(([what, count]) => `${count} ${what}`).sort()
  const merges = 'SELECT count(DISTINCT removed) FROM skald.segments WHERE removed IS NOT NULL'
  t.comment(`${faults.join(', ')}; ${await postgres.sql(merges)} merges`)
  t.ok(faults.length > 0)
  for (const replica of replicas) t.notMatch(replica.output(), /segment is (missing|damaged)/)
  t.comment(`${total} lines acknowledged, ${retries} tries repeated: lost 0, doubled 0`)
})
