import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { BucketObjects } from '../../src/bucket/bucket-objects.ts'
import { openBucketWriter } from '../../src/bucket/bucket-writer.ts'
import { openGarbage } from '../../src/bucket/garbage.ts'
import { openSegmentCache } from '../../src/bucket/segment-cache.ts'
import { openDiskObjectStore } from '../../src/objects/disk.ts'
import { WorkSlots } from '../../src/work-slots.ts'
import { createTestLogger } from '../harness.ts'
import { MemoryBucket } from './memory-bucket.ts'

const level0 = '0000000000000001-0.seg'
const merged = '0000000000000002-1.seg'
const bytes = Buffer.from('the bytes of a segment')

async function open(t: Test) {
  const dataDir = t.testdir()
  const segmentsDir = join(dataDir, 'segments')
  mkdirSync(segmentsDir)
  const bucket = new MemoryBucket()
  let nowMs = 0
  const clock = { now: () => nowMs }
  const { logger, messages } = createTestLogger()
  const disk = await openDiskObjectStore(segmentsDir)
  const writer = await openBucketWriter({ bucket, dataDir, clock })
  await writer.enter(false)
  const garbage = await openGarbage({
    ...{ dataDir, clock, logger, delayMs: 1000 },
    remove: name => bucket.delete(`segments/${name}`),
    check: async () => undefined,
  })
  const cache = await openSegmentCache({
    directory: segmentsDir,
    cacheDir: join(dataDir, 'cache'),
    slots: new WorkSlots({ countMax: 4, bytesMax: 1e6 }),
    read: (name, { start, end }) => bucket.read(`segments/${name}`, start, end - start),
    bound: async () => 1e6,
  })
  let changes = 0
  const onChange = () => {
    changes++
  }
  const parts = { disk, bucket, cache, garbage, writer, logger, onChange }
  const objects = new BucketObjects(parts)
  t.teardown(async () => {
    await garbage.close()
    await objects.close()
  })
  const { signal } = new AbortController()
  return {
    ...{ objects, bucket, cache, garbage, writer, messages, signal, segmentsDir },
    changes: () => changes,
    pass: (ms: number) => {
      nowMs += ms
    },
    /** A file as a merge leaves it. */
    write: (name: string) => writeFileSync(join(segmentsDir, name), bytes),
  }
}

test('a merge is published when its outputs are in the bucket, also after a failure', async t => {
  const { objects, bucket, cache, messages, write, signal, changes } = await open(t)
  write(merged)
  bucket.isAway = true
  setTimeout(() => {
    bucket.isAway = false
  }, 500)
  await objects.publish([{ name: merged, sizeBytes: bytes.length }], signal)
  t.same(bucket.objects.get(`segments/${merged}`), bytes)
  t.notOk(cache.isOnly(merged))
  t.match(messages(), [/^cannot upload a segment/, 'uploading segments works again'])
  t.equal(changes(), 1)
})

test('a stop ends the wait for the bucket', async t => {
  const { objects, bucket, write } = await open(t)
  write(merged)
  bucket.isAway = true
  const stop = new AbortController()
  const publishing = objects.publish([{ name: merged, sizeBytes: bytes.length }], stop.signal)
  setTimeout(() => stop.abort(new Error('the store stops')), 20)
  await t.rejects(publishing)
})

test('another object under a name is an error, and is never deleted', async t => {
  const { objects, bucket, garbage, write, signal, pass } = await open(t)
  write(merged)
  bucket.objects.set(`segments/${merged}`, Buffer.from('of somebody else'))
  await t.rejects(objects.publish([{ name: merged, sizeBytes: bytes.length }], signal), {
    code: 'BUCKET_UNAVAILABLE',
    isTaken: true,
  })
  await objects.delete([merged])
  pass(1000)
  await garbage.sweep()
  t.ok(bucket.objects.has(`segments/${merged}`))
})

test('deleting removes the local file at once and the object later', async t => {
  const { objects, bucket, garbage, segmentsDir, write, signal, pass } = await open(t)
  write(merged)
  write(level0)
  await objects.publish([{ name: merged, sizeBytes: bytes.length }], signal)
  t.same((await objects.list()).map(({ name }) => name).sort(), [level0, merged])
  await objects.delete([level0, merged])
  t.notOk(existsSync(join(segmentsDir, merged)))
  t.notOk(existsSync(join(segmentsDir, level0)))
  t.same(await objects.list(), [])
  t.ok(bucket.objects.has(`segments/${merged}`))
  pass(1000)
  await garbage.sweep()
  t.notOk(bucket.objects.has(`segments/${merged}`))
  t.notOk(
    bucket.requests.some(request => request.includes(level0)),
    'level 0 is local',
  )
})

test('a segment of the bucket is listed, read in ranges, and read again once if it is damaged', async t => {
  const { objects, bucket, cache, write } = await open(t)
  bucket.objects.set(`segments/${merged}`, bytes)
  objects.know([{ name: merged, sizeBytes: bytes.length }])
  write(level0)
  t.same(await objects.list(), [
    { name: level0, sizeBytes: bytes.length },
    { name: merged, sizeBytes: bytes.length },
  ])
  t.equal((await objects.read(merged, 4, 5)).toString(), 'bytes')
  t.equal((await objects.read(level0, 4, 5)).toString(), 'bytes')
  const reads = () => bucket.requests.filter(request => request.startsWith('read segments/')).length
  t.equal(reads(), 1, 'its end came with it')
  await objects.read(merged, 0, 3)
  t.equal(reads(), 1)
  t.equal(await objects.renew(merged), true)
  t.equal(cache.bytes, 0)
  await objects.read(merged, 0, 3)
  t.equal(reads(), 2)
  t.equal(await objects.renew(merged), false, 'the bucket has no other copy')
  t.equal(await objects.renew(level0), false)
  await objects.keepAside(merged)
  t.same(bucket.objects.get(`quarantine/${merged}`), bytes)
})

test('a store that lost its bucket takes no pushes', async t => {
  const { objects, bucket, writer, pass } = await open(t)
  bucket.objects.set('writers/0000000000000002.json', Buffer.from('{"id":"other"}'))
  await objects.put(level0, [bytes])
  pass(60_000)
  await t.rejects(writer.check())
  await t.rejects(objects.put('0000000000000003-0.seg', [bytes]), {
    code: 'STORAGE_UNAVAILABLE',
    message: /another store has taken over/,
  })
})
