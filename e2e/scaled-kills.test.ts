// Three replicas that are killed while clients push to any of them, and whose PostgreSQL stops: nothing that was
// acknowledged is lost, and nothing is there twice.

import { setTimeout as sleep } from 'node:timers/promises'
import { t as root, test } from 'tap'
import { Random } from '../bench/random.ts'
import { createPostgres, noPostgres } from '../test/postgres-server.ts'
import { flushAll, until } from './replica-lines.ts'
import { startReplicas } from './replicas.ts'
import {
  checkLedger,
  clientNames,
  ledgerMs,
  ledgerSeed,
  ledgerTimeoutMs,
  pushNumbered,
} from './scaled-ledger.ts'
import { noBucket, startBucket } from './versitygw-process.ts'

root.setTimeout(ledgerTimeoutMs)

const skip = noBucket || noPostgres

test('kills and outages of PostgreSQL lose nothing and double nothing', { skip }, async t => {
  t.setTimeout(ledgerTimeoutMs)
  t.comment(`seed ${ledgerSeed}`)
  const random = new Random(ledgerSeed)
  const dir = t.testdir()
  const [bucket, postgres] = [await startBucket(t, dir), await createPostgres(t)]
  const replicas = await startReplicas(t, { dir, bucket, postgres, count: 3 })
  const untilMs = Date.now() + ledgerMs
  const isOver = () => Date.now() >= untilMs
  const pushing = clientNames.map(app => pushNumbered(t, replicas, { app, random, isOver }))
  let kills = 0
  let outages = 0
  while (!isOver()) {
    await sleep(random.between(200, 1500))
    if (random.between(0, 2) === 0) {
      outages++
      await postgres.stop({ isImmediate: random.between(0, 1) === 0 })
      await sleep(random.between(50, 1000))
      await postgres.start()
      continue
    }
    kills++
    const victim = replicas[random.between(0, replicas.length - 1)]!
    await victim.kill()
    await victim.start()
  }
  const pushed = await Promise.all(pushing)
  const retries = pushed.reduce((sum, one) => sum + one.retries, 0)
  const level0 = "FROM skald.segments WHERE removed IS NULL AND name LIKE '%-0.seg'"
  for (const replica of replicas) await replica.waitUntilReady()
  await until('PostgreSQL answers', async () => (await postgres.sql('SELECT 1')) === '1')
  const left = await postgres.sql(`SELECT count(*) ${level0}`)
  await flushAll(replicas)
  const total = await checkLedger(t, replicas, pushed)
  t.ok(kills > 0 || outages > 0)
  t.comment(
    `${total} lines acknowledged, ${retries} tries repeated, ${kills} kills, ${outages} outages, ${left} segments of level 0 left: lost 0, doubled 0`,
  )
})
