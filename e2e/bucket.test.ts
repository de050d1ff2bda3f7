// A store with a bucket: what a new machine finds there, kills, a bucket that is away, the bound of the cache,
// and what is deleted. The bucket is a real server that checks signatures and conditions. Starts cost the most
// here, so that tests are long stories.

import { readdirSync, rmSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createLabelSet } from '@skald/wire'
import { t as root, test } from 'tap'
import { openAnswerGate } from './answer-gate.ts'
import { flattenStreams, startStore, type TestStore } from './harness.ts'
import { judgeRecorded, recordedConfig, runRecorded } from './recorded-cases.ts'
import { bucketKeys, noBucket, startBucket, type TestBucket } from './versitygw-process.ts'

root.setTimeout(180_000)

const nowNs = BigInt(Date.now()) * 1_000_000n
const hourNs = 3_600_000_000_000n
/** A range that ends before everything else that the tests push. */
const recentNs = (hourNs * 3n) / 4n

/** Pushes numbered lines of a stream. */
async function pushLines(
  store: TestStore,
  { app, from, to, ageNs = 0n }: { app: string; from: number; to: number; ageNs?: bigint },
): Promise<number> {
  const labels = createLabelSet({ app })
  const entries = Array.from({ length: to - from }, (_, i) => ({
    timestampNs: nowNs - hourNs - ageNs + BigInt(from + i) * 1_000_000n,
    line: `${app} line ${from + i} ${Math.sin(from + i)}`,
    structuredMetadata: [],
  }))
  return (await store.push([{ labels, entries }])).status
}

/** Returns the numbers of the lines of a stream since some time ago. */
async function numbersOf(
  store: TestStore,
  app: string,
  sinceNs = 480n * hourNs,
): Promise<number[]> {
  const data = await store.query('query_range', {
    query: `{app="${app}"}`,
    start: String(nowNs - sinceNs),
    end: String(nowNs + hourNs),
    limit: '5000',
    direction: 'forward',
  })
  return flattenStreams(data).map(({ line }) => Number(line.split(' ')[2]))
}

const flush = async (store: TestStore) => {
  const { status } = await store.request('/flush', { method: 'POST' })
  if (status >= 300) throw new Error(`/flush was answered ${status}`)
}

/** Names of the segments that the store's catalog has above level 0, and of those in the bucket. */
function segmentsOf(bucket: TestBucket): string[] {
  return bucket.keys('skald/segments/').map(key => key.slice('skald/segments/'.length))
}

/** Returns a value of /metrics. */
async function metricOf(store: TestStore, name: string): Promise<number> {
  const { body } = await store.request('/metrics')
  const line = body.split('\n').find(one => one.startsWith(`${name} `))
  return Number(line?.split(' ').at(-1) ?? 0)
}

/** Waits until something is true. */
async function until(what: string, isTrue: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    if (await isTrue()) return
    await sleep(100)
  }
  throw new Error(`never: ${what}`)
}

/** Bound of the cache: less than what the tests store. */
const boundBytes = 25_000

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)

test('a new machine answers recorded requests from the bucket alone', {
  skip: noBucket,
}, async t => {
  const dir = t.testdir()
  const bucket = await startBucket(t, dir)
  const store = await startStore(t, { dir, config: `${bucket.config}${recordedConfig}` })
  const push = ['--url', store.url, '--push', '--flush', '--only', 'labels']
  judgeRecorded(t, await runRecorded({ runner: 'store', args: push, dir }))
  await store.kill()
  rmSync(join(dir, 'store-data'), { recursive: true })
  await store.start()
  const args = ['--url', store.url, '--skip-fresh']
  const results = await runRecorded({ runner: 'store', args, dir })
  t.ok(results.length >= 1800, `${results.length} requests`)
  judgeRecorded(t, results)
  const config = await store.request('/config')
  t.match(config.body, /bucketnames: logs/)
  for (const text of [config.body, store.output()]) t.notMatch(text, bucketKeys.secret)
})

test('a store with a bucket through kills, lost answers and an outage', {
  skip: noBucket,
}, async t => {
  const dir = t.testdir()
  const bucket = await startBucket(t, dir)
  const gate = await openAnswerGate(t, bucket.url)
  const config = `${bucket.configAt(gate.url)}compactor:
  retention_enabled: true
  delete_request_store: s3
  retention_delete_delay: 1s
  delete_request_cancel_period: 0s
limits_config: {retention_period: 240h}
skald: {cache_max_bytes: ${boundBytes}}
`
  const store = await startStore(t, { dir, config })
  const isInBucket = async () => {
    const segments = await metricOf(store, 'skald_segments{level="1"}')
    return segments > 0 && segmentsOf(bucket).length === segments
  }

  t.comment('killed between an upload and its entry')
  await pushLines(store, { app: 'a', from: 0, to: 100 })
  gate.watched = 'PUT /logs/skald/segments/'
  gate.fate = 'keep'
  void flush(store).catch(() => undefined)
  await until('the object is in the bucket', () => segmentsOf(bucket).length > 0)
  const [unentered] = segmentsOf(bucket)
  await store.kill()
  gate.fate = 'pass'
  gate.cutAll()
  await store.start()
  t.same(await numbersOf(store, 'a'), range(0, 100))

  t.comment('an answer that got lost: the second try finds the object of the first')
  gate.fate = 'cut'
  gate.count = 0
  const flushing = flush(store)
  await until('a second try', () => gate.count > 1)
  gate.fate = 'pass'
  await flushing
  await until('the first object is deleted', () => !segmentsOf(bucket).includes(unentered!))
  t.ok(await isInBucket(), 'the bucket has what the catalog has')

  t.comment('the disk is lost after a delete request was answered')
  await pushLines(store, { app: 'old', from: 0, to: 100, ageNs: 15n * 24n * hourNs })
  for (const app of ['b', 'c', 'd']) {
    await pushLines(store, { app, from: 0, to: 2000, ageNs: 72n * hourNs })
    await flush(store)
  }
  const startS = Number((nowNs - 2n * hourNs) / 1_000_000_000n)
  const params = new URLSearchParams({ query: '{app="a"} |~ "line .[0-4] "', start: `${startS}` })
  const asked = await store.request(`/loki/api/v1/delete?${params}`, { method: 'POST' })
  t.equal(asked.status, 204)
  const kept = range(0, 100).filter(i => !/^.[0-4]$/.test(String(i)))
  await pushLines(store, { app: 'a', from: 500, to: 510 })
  await store.kill()
  rmSync(join(dir, 'store-data'), { recursive: true })
  await store.start()
  t.same(await numbersOf(store, 'a'), kept, 'all that was merged, without what was deleted')
  await until('the request is processed', async () => {
    await flush(store)
    return (await store.request('/loki/api/v1/delete')).body.includes('"processed"')
  })
  t.same(await numbersOf(store, 'a'), kept)
  t.same(await numbersOf(store, 'old'), [], 'past its retention')
  await until('the bucket has what the catalog has', isInBucket)
  t.equal(bucket.keys('skald/catalog/').length, 2)

  t.comment('the bound of the cache, and damage in it')
  for (const app of ['b', 'c', 'd', 'b']) t.equal((await numbersOf(store, app)).length, 2000)
  t.ok((await metricOf(store, 'skald_bucket_cache_bytes')) <= boundBytes)
  const cacheDir = join(dir, 'store-data', 'cache')
  const filesOf = () => readdirSync(cacheDir).map(name => statSync(join(cacheDir, name)))
  const onDisk = filesOf().reduce((sum, { blocks }) => sum + blocks * 512, 0)
  t.ok(onDisk <= boundBytes + 8192 * filesOf().length, `${onDisk} bytes on the disk`)
  for (const name of readdirSync(cacheDir)) {
    const { size } = statSync(join(cacheDir, name))
    truncateSync(join(cacheDir, name), 0)
    truncateSync(join(cacheDir, name), size)
  }
  await numbersOf(store, 'b')
  t.equal((await numbersOf(store, 'b')).length, 2000, 'read again from the bucket')

  t.comment('the bucket is away')
  await bucket.stop()
  t.equal(await pushLines(store, { app: 'fresh', from: 0, to: 100, ageNs: -hourNs / 2n }), 204)
  const waiting = flush(store).catch(() => undefined)
  t.same(await numbersOf(store, 'fresh', recentNs), range(0, 100))
  const cold = await store.request(
    `/loki/api/v1/query_range?${new URLSearchParams({ query: '{app="c"} |= "line"', since: '96h' })}`,
  )
  t.equal(cold.status, 503)
  t.match(cold.body, /^Cannot get s3:\/\/logs\/skald\/segments\//)
  t.equal(await pushLines(store, { app: 'fresh', from: 100, to: 200, ageNs: -hourNs / 2n }), 204)
  await store.kill()
  await waiting
  await store.start()
  t.match(store.output(), /the bucket does not answer: starting with what is on the local disk/)
  t.same(
    await numbersOf(store, 'fresh', recentNs),
    range(0, 200),
    'after a restart without the bucket',
  )
  await bucket.start()
  await flush(store)
  t.equal((await numbersOf(store, 'c')).length, 2000)
  t.same(await numbersOf(store, 'a'), kept)
  await until('the bucket has what the catalog has', isInBucket)
})
