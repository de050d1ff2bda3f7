// Several replicas over one bucket and one PostgreSQL, all of them real: what one has acknowledged, every other one
// finds at once, in the order of arrival, through kills and outages. Starts cost the most, so tests are long stories.

import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createLabelSet } from '@skald/wire'
import { t as root, test } from 'tap'
import { createPostgres, noPostgres, postgresUser } from '../test/postgres-server.ts'
import { startStore, type TestStore } from './harness.ts'
import { judgeRecorded, recordedConfig, runRecorded } from './recorded-cases.ts'
import { flushAll, linesOf, nowNs, pushLines, rangeParams, until } from './replica-lines.ts'
import { replicaConfig, startReplicas } from './replicas.ts'
import { bucketKeys, noBucket, startBucket } from './versitygw-process.ts'

root.setTimeout(180_000)

const skip = noBucket || noPostgres
async function metricOf(store: TestStore, name: string): Promise<number> {
  const { body } = await store.request('/metrics')
  const line = body.split('\n').find(one => one.startsWith(`${name} `))
  return Number(line?.split(' ').at(-1) ?? 0)
}

test('recorded requests, pushed to one replica and asked of another', { skip }, async t => {
  const dir = t.testdir()
  const [bucket, postgres] = [await startBucket(t, dir), await createPostgres(t)]
  const config = `${recordedConfig}`
  const [first, second] = await startReplicas(t, { dir, bucket, postgres, count: 2, config })
  const push = ['--url', first!.url, '--push', '--flush', '--only', 'labels-series']
  judgeRecorded(t, await runRecorded({ runner: 'store', args: push, dir }))
  const ask = ['--url', second!.url, '--skip-fresh']
  const results = await runRecorded({ runner: 'store', args: ask, dir })
  t.ok(results.length >= 1800, `${results.length} requests`)
  judgeRecorded(t, results)
  const { body } = await second!.request('/config')
  t.match(body, /commit_interval: 50ms/)
  for (const text of [body, first!.output(), second!.output()]) {
    t.notMatch(text, postgresUser.password)
    t.notMatch(text, bucketKeys.secret)
  }
})

test('several tenants, pushed to one replica and asked of another', { skip }, async t => {
  const dir = t.testdir()
  const [bucket, postgres] = [await startBucket(t, dir), await createPostgres(t)]
  const config = 'querier: {multi_tenant_queries_enabled: true}\n'
  const options = { dir, bucket, postgres, count: 2, config, tenants: true }
  const [first, second] = await startReplicas(t, options)
  const request = (store: TestStore, path: string, tenant: string, body?: string) =>
    store.request(path, {
      ...(body !== undefined && { method: 'POST', body }),
      headers: { 'content-type': 'application/json', 'x-scope-orgid': tenant },
    })
  for (const [i, tenant] of ['a', 'b', 'c'].entries()) {
    const values = [[String(nowNs + BigInt(i)), `of ${tenant}`]]
    const streams = [{ stream: { app: 'x' }, values }]
    const body = JSON.stringify({ streams })
    t.equal((await request(first!, '/loki/api/v1/push', tenant, body)).status, 204)
  }
  const asked = async (path: string) => {
    const params = new URLSearchParams(rangeParams('{app="x"}'))
    const answer = await request(second!, `/loki/api/v1/${path}?${params}`, 'a|c')
    return (JSON.parse(answer.body) as { data: { result: unknown } }).data
  }
  const { result } = await asked('query_range')
  t.match(
    (result as { stream: { __tenant_id__: string } }[]).map(one => one.stream.__tenant_id__).sort(),
    ['a', 'c'],
  )
  t.match(await asked('label/__tenant_id__/values'), ['a', 'c'])
})

test('what one replica acknowledges, every other one finds at once', { skip }, async t => {
  const dir = t.testdir()
  const bucket = await startBucket(t, dir)
  const postgres = await createPostgres(t, { isStarted: false })
  const passwordFile = join(dir, 'password')
  writeFileSync(passwordFile, `${postgresUser.password}\n`)
  const deletes = `compactor:
  retention_enabled: true
  delete_request_store: s3
  delete_request_cancel_period: 0s
limits_config:
  retention_period: 240h
  ingestion_rate_mb: 3
  ingestion_burst_size_mb: 1
  max_global_streams_per_user: 100
`

  const withFile = replicaConfig(bucket, postgres).replace(
    `'${postgres.url}'`,
    `'${postgres.openUrl}', postgres_password_file: '${passwordFile}'`,
  )

  t.comment('a start without PostgreSQL waits, and comes up when it is there')
  const waiting = startStore(t, {
    dir: join(dir, 'replica-0'),
    config: `${withFile}${deletes}`,
  })
  const log = join(dir, 'replica-0', 'store.log')
  await until(
    'it waits',
    () => existsSync(log) && /waiting for PostgreSQL/.test(readFileSync(log, 'utf8')),
  )
  await postgres.start()
  const replicas = [
    await waiting,
    ...(await startReplicas(t, {
      dir: join(dir, 'more'),
      bucket,
      postgres,
      count: 2,
      config: deletes,
    })),
  ]

  t.comment('reads see every answered push, also with merges in between')
  const order: string[] = []
  for (let round = 0; round < 9; round++) {
    const line = `line ${round}`
    order.push(line)
    // All have the same time, so only the order of arrival tells them apart.
    t.equal(await pushLines(replicas[round % 3]!, 'order', [line]), 204)
    for (const replica of replicas) t.same(await linesOf(replica, 'order'), order)
    if (round % 4 === 3) await flushAll(replicas)
  }
  const merged = bucket.keys('skald/scaled/segments/').filter(key => key.endsWith('-1.seg'))
  t.ok(merged.length >= 2, 'level 0 was merged')
  for (const replica of replicas) {
    const labels = await replica.request('/loki/api/v1/label/app/values')
    t.match(labels.body, /order/)
  }

  t.comment('a tail on one replica shows what another one takes')
  const tailed: string[] = []
  const query = encodeURIComponent('{app="tailed"}')
  const tail = new WebSocket(
    `${replicas[1]!.url.replace('http', 'ws')}/loki/api/v1/tail?query=${query}`,
  )
  t.teardown(() => tail.close())
  tail.addEventListener('message', ({ data }) => {
    const { streams } = JSON.parse(String(data)) as { streams: { values: [string, string][] }[] }
    for (const { values } of streams) for (const [, line] of values) tailed.push(line)
  })
  await new Promise(resolve => tail.addEventListener('open', resolve, { once: true }))
  for (const [i, replica] of replicas.entries()) await pushLines(replica, 'tailed', [`tailed ${i}`])
  await until('the tail has them', () => tailed.length >= 3)
  t.same(tailed, ['tailed 0', 'tailed 1', 'tailed 2'])
  tail.close()

  t.comment('a pushed line again counts once')
  t.equal(await pushLines(replicas[1]!, 'order', ['line 0']), 204)
  await flushAll(replicas)
  for (const replica of replicas) t.same((await linesOf(replica, 'order')).toSorted(), order)

  t.comment('deleted lines are hidden everywhere at once, and gone after merges')
  await pushLines(replicas[0]!, 'secret', ['keep 1', 'remove 2', 'keep 3'])
  const params = new URLSearchParams({
    query: '{app="secret"} |= "remove"',
    start: String(nowNs / 1_000_000_000n - 7200n),
    end: String(nowNs / 1_000_000_000n),
  })
  const answer = await replicas[1]!.request(`/loki/api/v1/delete?${params}`, { method: 'POST' })
  t.equal(answer.status, 204)
  for (const replica of replicas) t.same(await linesOf(replica, 'secret'), ['keep 1', 'keep 3'])
  await until('it is processed', async () => {
    await flushAll(replicas)
    return /"status":"processed"/.test((await replicas[2]!.request('/loki/api/v1/delete')).body)
  })
  for (const replica of replicas) t.same(await linesOf(replica, 'secret'), ['keep 1', 'keep 3'])

  t.comment('without PostgreSQL, pushes are refused and reads go on')
  await postgres.stop({ isImmediate: true })
  const refused = await pushAnswer(replicas[0]!)
  t.equal(refused.status, 503)
  t.ok(refused.headers.get('retry-after'))
  const asked = await replicas[1]!.request(
    `/loki/api/v1/query_range?${new URLSearchParams(rangeParams('{app="order"}'))}`,
  )
  t.equal(asked.status, 200)
  t.match(asked.body, /the catalog cannot be reached/)
  t.equal(await metricOf(replicas[1]!, 'skald_catalog_reachable'), 0)
  await postgres.start()
  await until(
    'it takes pushes again',
    async () => (await pushLines(replicas[0]!, 'after', ['a'])) === 204,
  )
  t.same(await linesOf(replicas[2]!, 'after'), ['a'])
  t.equal(await metricOf(replicas[2]!, 'skald_catalog_reachable'), 1)

  t.comment('a replica that lost its disk has everything')
  await replicas[2]!.kill()
  rmSync(join(dir, 'more', 'replica-1', 'store-data'), { recursive: true })
  await replicas[2]!.start()
  t.same((await linesOf(replicas[2]!, 'order')).toSorted(), order)
  t.same(await linesOf(replicas[2]!, 'secret'), ['keep 1', 'keep 3'])

  t.comment('replicas divide the rate of a tenant, and count its streams together')
  await until(
    'all know that they are three',
    async () =>
      (await Promise.all(replicas.map(one => metricOf(one, 'skald_live_replicas')))).join() ===
      '3,3,3',
  )
  const labels = createLabelSet({ app: 'order' })
  const line = 'x'.repeat(200_000)
  const entries = Array.from({ length: 6 }, (_, i) => {
    return { timestampNs: nowNs + BigInt(i), line, structuredMetadata: [] }
  })
  const tooMuch = await replicas[0]!.push([{ labels, entries }])
  t.equal(tooMuch.status, 429)
  t.match(tooMuch.body, /limit: 1048576 bytes\/sec/)
  const many = Array.from({ length: 100 }, (_, i) => {
    const timestampNs = nowNs + BigInt(i)
    const entry = { timestampNs, line: 'x', structuredMetadata: [] }
    return { labels: createLabelSet({ app: `many-${i}` }), entries: [entry] }
  })
  t.equal((await replicas[0]!.push(many)).status, 429)
  let tries = 0
  await until(
    'another replica refuses one more stream',
    async () => (await pushLines(replicas[1]!, `more-${tries++}`, ['x'])) === 429,
  )
  t.ok(tries < 50, `${tries} of them were taken before`)
  t.equal(await pushLines(replicas[1]!, 'many-0', ['known']), 204)

  t.comment('a single store refuses the directory and the bucket of replicas')
  await replicas[0]!.stop()
  const single = startStore(t, { dir: join(dir, 'replica-0'), config: bucket.config })
  await t.rejects(single, /belongs to a replica/)
  await t.rejects(startStore(t, { dir: join(dir, 'single'), config: bucket.config }), /replicas/)
})

function pushAnswer(store: TestStore) {
  const labels = createLabelSet({ app: 'refused' })
  return store.push([
    { labels, entries: [{ timestampNs: nowNs, line: 'x', structuredMetadata: [] }] },
  ])
}
