// The tools for replicas: a single store moves up, and the catalog in PostgreSQL is made again from the bucket. Answers
// stay what they were.

import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { t as root, test } from 'tap'
import { Random } from '../bench/random.ts'
import { startReceiver } from '../packages/store/test/rules/receiver.ts'
import { samplesIn } from '../packages/store/test/rules/written-samples.ts'
import { createPostgres, noPostgres } from '../test/postgres-server.ts'
import { startStore, type TestStore } from './harness.ts'
import { judgeRecorded, recordedConfig, runRecorded } from './recorded-cases.ts'
import { flushAll, hourNs, linesOf, nowNs, pushLines, until } from './replica-lines.ts'
import { replicaConfig, startReplicas } from './replicas.ts'
import { killed, objectsOf, skald } from './upkeep-commands.ts'
import { noBucket, startBucket } from './versitygw-process.ts'

root.setTimeout(400_000)

const skip = noBucket || noPostgres
const config = `${recordedConfig}  retention_period: 0s
compactor:
  retention_enabled: true
  delete_request_store: filesystem
  delete_request_cancel_period: 1h
ruler: {evaluation_interval: 1m}
`
/** A group of rules made by API. */
const makeRules = (store: TestStore, expr: string) =>
  store.request('/loki/api/v1/rules/moved', {
    method: 'POST',
    headers: { 'content-type': 'application/yaml' },
    body: `{name: g, interval: 200ms, rules: [{alert: Lines, expr: '${expr}', for: 1h}, {record: 'a:b', expr: '${expr}'}]}`,
  })
const rulesOf = async (store: TestStore) => (await store.request('/loki/api/v1/rules')).body
/** Recorded requests that ask for a bit of everything. In a long run, all of them are asked once, at the end. */
const some = 'labels-series|index|streams-selectors|mixed-metrics'
const replicasConfig = config.replace('filesystem', 's3')

test('a single store moves up, and a lost PostgreSQL is made again', { skip }, async t => {
  const dir = t.testdir()
  const [bucket, postgres] = [await startBucket(t, dir), await createPostgres(t)]
  const single = await startStore(t, { dir, config })
  const push = ['--url', single.url, '--push', '--flush', '--only', 'labels-series']
  judgeRecorded(t, await runRecorded({ runner: 'store', args: push, dir }))
  const order: string[] = []
  const pushOrder = async (store: TestStore, count: number) => {
    for (let i = 0; i < count; i++) {
      const line = `line ${order.length}`
      order.push(line)
      // All have the same time, so only the order of arrival tells them apart.
      t.equal(await pushLines(store, 'order', [line]), 204)
    }
  }
  await pushOrder(single, 3)
  await flushAll([single])
  await pushOrder(single, 3)
  await pushLines(single, 'secret', ['keep 1', 'remove 2'])
  const params = new URLSearchParams({
    query: '{app="secret"} |= "remove"',
    start: String((nowNs - 2n * hourNs) / 1_000_000_000n),
    end: String(nowNs / 1_000_000_000n),
  })
  await single.request(`/loki/api/v1/delete?${params}`, { method: 'POST' })
  t.equal((await makeRules(single, 'vector(1)')).status, 202)

  t.comment('the move')
  const data = join(dir, 'store-data')
  const configFile = join(dir, 'replicas.yaml')
  const place = 's3://logs/skald/'
  writeFileSync(configFile, `${replicaConfig(bucket, postgres)}${replicasConfig}`)
  const move = ['move', `--config.file=${configFile}`, data]
  const early = await skald(move)
  t.equal(early.code, 1, 'the store runs')
  t.match(early.err, /process \d+ .* is using it/)
  await single.stop()
  const seed = Number(process.env.SKALD_CRASH_SEED ?? Date.now() % 1_000_000)
  t.comment(`seed ${seed}`)
  await killed(move, data, new Random(seed))
  const moved = await skald(move)
  t.equal(moved.code, 0, moved.err)
  t.match(
    moved.out,
    /moved to s3:\/\/logs\/skald\/: \d+ segments, .* 1 delete request, 1 rule group; \d+ uploaded/,
  )
  const again = await skald([...move, '--json'])
  t.equal(again.code, 0, again.err)
  t.match(objectsOf(again).at(-1), { kind: 'summary', place, uploaded: 0, deleteRequests: 1 })

  const check = async (stores: readonly TestStore[], only: string) => {
    for (const store of stores) {
      t.same(await linesOf(store, 'order'), order)
      t.same(await linesOf(store, 'secret'), ['keep 1'])
    }
    const args = ['--url', stores.at(-1)!.url, '--skip-fresh', '--only', only]
    const results = await runRecorded({ runner: 'store', args, dir })
    t.ok(results.length >= 200, `${results.length} requests`)
    judgeRecorded(t, results)
  }
  const parts = { bucket, postgres, config: replicasConfig, count: 2 }
  const replicas = await startReplicas(t, { ...parts, dir: join(dir, 'moved') })
  await check(replicas, some)
  await pushOrder(replicas[0]!, 2)
  await flushAll(replicas)
  t.same(await linesOf(replicas[1]!, 'order'), order)
  const other = join(dir, 'other')
  await (await startStore(t, { dir: other, config })).stop()
  const refused = await skald(['move', `--config.file=${configFile}`, join(other, 'store-data')])
  t.equal(refused.code, 2)
  t.match(refused.err, /replicas work with this database/)

  t.comment('the rebuild, with a copy of the catalog')
  await pushOrder(replicas[1]!, 2)
  for (const replica of replicas) await replica.stop()
  const full = await skald(['move', `--config.file=${configFile}`, join(other, 'store-data')])
  t.equal(full.code, 2)
  t.match(full.err, /the catalog in PostgreSQL is not empty/)
  await postgres.startOver()
  const command = `skald verify --rebuild --config.file=FILE ${place}`
  const lost = startReplicas(t, { ...parts, dir: join(dir, 'lost') })
  await t.rejects(lost, new RegExp(command.replaceAll('/', '\\/')))
  const args = command.replace('FILE', configFile).split(' ').slice(1)
  const wrong = await skald([...args.slice(0, -1), 's3://logs/other'])
  t.equal(wrong.code, 2)
  t.match(wrong.err, /names another bucket or prefix: s3:\/\/logs\/skald\//)
  const rebuilt = await skald(args)
  t.equal(rebuilt.code, 0, rebuilt.err)
  t.match(
    rebuilt.out,
    /new catalog with .* 1 delete request, 1 rule group, from a copy of version \d+ and/,
  )
  for (const name of ['replica-0', 'replica-1'])
    rmSync(join(dir, 'moved', name, 'store-data'), { recursive: true })
  for (const replica of replicas) await replica.start()
  await check(replicas, some)
  await pushOrder(replicas[0]!, 2)
  t.same(await linesOf(replicas[0]!, 'order'), order)
  t.match(await rulesOf(replicas[1]!), /name: g/)
  for (const replica of replicas) await replica.stop()

  t.comment('the rebuild without one')
  await postgres.startOver()
  for (const key of bucket.keys('skald/scaled/catalog/')) rmSync(bucket.pathOf(key))
  t.ok(existsSync(bucket.pathOf('skald/scaled/store.json')))
  const alone = await skald([...args, '--json'])
  t.equal(alone.code, 0, alone.err)
  t.match(objectsOf(alone).at(-1), { kind: 'summary', copy: 0, deleteRequests: 0, damaged: 0 })
  const twice = await skald(args)
  t.equal(twice.code, 0, twice.err)
  t.match(twice.out, /and 0 segments that it did not have/)
  for (const replica of replicas) await replica.start()
  t.same(await linesOf(replicas[0]!, 'order'), order)
  t.same(
    await linesOf(replicas[1]!, 'secret'),
    ['keep 1'],
    'the disk of a replica knew the request',
  )
  t.match(await rulesOf(replicas[1]!), /name: g/, 'and the rules')
  const isLong = process.env.SKALD_SCALED_MS !== undefined
  const ask = ['--url', replicas[1]!.url, '--skip-fresh', ...(isLong ? [] : ['--only', some])]
  const results = await runRecorded({ runner: 'store', args: ask, dir })
  t.ok(results.length >= (isLong ? 1800 : 200), `${results.length} requests`)
  judgeRecorded(t, results)
})

test('a single store with a bucket moves up within it', { skip }, async t => {
  const dir = t.testdir()
  const [bucket, postgres] = [await startBucket(t, dir), await createPostgres(t)]
  let isAway = true
  const receiver = await startReceiver(t, () => (isAway ? 503 : 200))
  const ruler = `ruler:
  remote_write:
    enabled: true
    clients: {prom: {url: "${receiver.url}/write", queue_config: {max_backoff: 100ms}}}
`
  const single = await startStore(t, { dir, config: `${bucket.config}${ruler}` })
  t.equal((await makeRules(single, 'vector(7)')).status, 202)
  const alertsOf = async (store: TestStore) =>
    JSON.parse((await store.request('/prometheus/api/v1/alerts')).body).data.alerts as readonly {
      readonly state: string
      readonly activeAt: string
    }[]
  await until('an alert is pending', async () => (await alertsOf(single)).length === 1)
  const pending = await alertsOf(single)
  await until('samples wait', () => receiver.received.length > 1)
  const order: string[] = []
  for (let i = 0; i < 6; i++) {
    const line = `line ${order.length}`
    order.push(line)
    t.equal(await pushLines(single, 'order', [line]), 204)
    if (i % 3 === 1) await flushAll([single])
  }
  await single.stop()
  const remote = bucket.keys('skald/segments/')
  t.ok(remote.length >= 1, 'merged segments are in the bucket')
  const configFile = join(dir, 'replicas.yaml')
  const data = join(dir, 'store-data')
  const waiting = samplesIn(receiver.received.at(-1)!.body)
  const elsewhere = replicaConfig(bucket, postgres).replace(
    'bucketnames: logs',
    'bucketnames: other',
  )
  writeFileSync(configFile, elsewhere)
  const wrong = await skald(['move', `--config.file=${configFile}`, data])
  t.not(wrong.code, 0)
  writeFileSync(configFile, `${replicaConfig(bucket, postgres)}${ruler}`)
  const moved = await skald(['move', `--config.file=${configFile}`, data])
  t.equal(moved.code, 0, moved.err)
  t.match(moved.out, /moved to s3:\/\/logs\/skald\/: .* 1 rule group; /)
  t.same(bucket.keys('skald/segments/'), remote, 'what was there stays')
  const again = await skald(['move', `--config.file=${configFile}`, data])
  t.equal(again.code, 0, again.err)
  isAway = false
  const known = receiver.received.length
  const parts = { bucket, postgres, dir: join(dir, 'moved'), config: ruler }
  const [replica] = await startReplicas(t, { ...parts, count: 1 })
  t.match(await rulesOf(replica!), /expr: vector\(7\)/)
  t.match(await alertsOf(replica!), pending, 'the alert is pending as it was')
  await until('what waited is sent', () => {
    const sent = receiver.received.slice(known).flatMap(({ body }) => samplesIn(body))
    return waiting.length > 0 && waiting.every(one => sent.includes(one))
  })
  t.same(await linesOf(replica!, 'order'), order)
  order.push('line 6')
  await pushLines(replica!, 'order', ['line 6'])
  await flushAll([replica!])
  t.same(await linesOf(replica!, 'order'), order)
  await t.rejects(single.start(), /belongs to replicas/)
})
