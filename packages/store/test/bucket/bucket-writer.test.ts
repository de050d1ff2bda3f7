import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { openBucketWriter } from '../../src/bucket/bucket-writer.ts'
import { MemoryBucket } from './memory-bucket.ts'

function openAll(t: Test) {
  const dir = t.testdir()
  const bucket = new MemoryBucket()
  let nowMs = 0
  const open = (name: string) => {
    mkdirSync(join(dir, name), { recursive: true })
    return openBucketWriter({ bucket, dataDir: join(dir, name), clock: { now: () => nowMs } })
  }
  const pass = (ms: number) => {
    nowMs += ms
  }
  return { bucket, open, pass }
}

test('the directory that came last writes, and those before notice', async t => {
  const { bucket, open, pass } = openAll(t)
  const first = await open('first')
  t.equal(await first.enter(false), false, 'nobody wrote before')
  await first.settle(0)
  await first.check()
  const second = await open('second')
  t.equal(await second.enter(false), true)
  await second.settle(1e9)
  t.equal(second.sequence, 1e9)
  await first.check()
  t.notOk(first.isSuperseded, 'it was sure a moment ago')
  pass(10_000)
  await t.rejects(first.check(), { code: 'BUCKET_UNAVAILABLE', message: /taken over s3:/ })
  t.ok(first.isSuperseded)
  bucket.isAway = true
  await t.rejects(first.check(), { message: /taken over/ })
  pass(10_000)
  await t.rejects(second.check(), { message: /it is away/ })
})

test('a directory enters once, also after a restart', async t => {
  const { bucket, open } = openAll(t)
  const first = await open('a')
  await first.enter(false)
  await first.settle(7)
  const again = await open('a')
  t.ok(again.isSettled)
  t.equal(again.sequence, 7)
  t.equal(await again.enter(true), false)
  t.equal((await bucket.list('writers/')).length, 1)
})

test('a directory with segments takes no bucket of another, and comes back to none', async t => {
  const { open } = openAll(t)
  const first = await open('first')
  await first.enter(true)
  await first.settle(0)
  const full = await open('full')
  await t.rejects(full.enter(true), {
    message: /full must not write to s3:.*belongs to another data/,
  })
  const empty = await open('empty')
  await empty.enter(false)
  const again = await open('first')
  await t.rejects(again.enter(true), { message: /another data directory has taken over since/ })
})

test('of two that start at once, one enters', async t => {
  const { open } = openAll(t)
  const [one, other] = [await open('one'), await open('other')]
  const results = await Promise.allSettled([one.enter(false), other.enter(false)])
  t.same(results.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
})

test('a directory belongs to one bucket', async t => {
  const { bucket, open } = openAll(t)
  await open('a')
  Object.assign(bucket, { place: 's3://other/skald/' })
  await t.rejects(open('a'), { message: /belongs to the bucket s3:\/\/memory\/skald\/, not to/ })
})
