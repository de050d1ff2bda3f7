// A data directory and its bucket: how a store with local files moves into one, what a new directory finds, and
// which directories do not belong to a bucket.

import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, t as root, type Test, test } from 'tap'
import { loadStoreConfig } from '../src/config.ts'
import { openStorage } from '../src/storage.ts'
import { findDataPlace } from '../src/upkeep/data-place.ts'
import { MemoryBucket } from './bucket/memory-bucket.ts'
import { createTestLogger, midnightNs, startTestStore } from './harness.ts'

const { bucket: config } = loadStoreConfig('storage_config: {aws: {bucketnames: b}}', 'x').config

/** Opens the storage of a directory with a bucket in memory. */
async function openWith(t: Test, dataDir: string, bucket: MemoryBucket) {
  const opened: { close(): Promise<void> }[] = []
  const { logger, messages } = createTestLogger()
  mkdirSync(dataDir, { recursive: true })
  const close = async () => {
    for (const part of opened.splice(0).toReversed()) await part.close()
  }
  t.teardown(close)
  const storage = await openStorage({
    ...{ dataDir, logger },
    own: part => {
      opened.push(part)
      return part
    },
    bucket: {
      ...{ config: config!, clock: Date, minFreeBytes: undefined },
      onWait: () => undefined,
      onRequest: () => undefined,
      openBucket: async () => Object.assign(bucket, { isAway: false }),
    },
  })
  return { ...storage, messages, close }
}

/** A directory with two merged segments of a store with local files. */
const localDir = root.testdir()
before(async () => {
  const store = await startTestStore(root, { dir: localDir })
  for (const app of ['a', 'b']) {
    await store.push([{ stream: { app }, values: [[String(midnightNs), `of ${app}`]] }])
    await store.app.inject({ method: 'POST', url: '/flush' })
  }
  await store.stop()
})

/** Makes such a directory. */
function makeLocal(t: Test): string {
  const dir = t.testdir()
  cpSync(localDir, dir, { recursive: true })
  return dir
}

const until = async (isTrue: () => boolean) => {
  while (!isTrue()) await new Promise(resolve => setTimeout(resolve, 5))
}
const segmentsOf = ({ objects }: MemoryBucket) =>
  [...objects.keys()].filter(key => key.startsWith('segments/'))

test('a store with local files moves into a bucket, and a new directory goes on from it', async t => {
  const dir = makeLocal(t)
  const bucket = new MemoryBucket()
  const first = await openWith(t, dir, bucket)
  await until(() => segmentsOf(bucket).length === 2)
  const names = (await first.catalog.listSegments()).map(({ name }) => name)
  t.same(
    segmentsOf(bucket),
    names.map(name => `segments/${name}`),
  )
  const last = first.nextSequence()
  await first.close()
  t.ok([...bucket.objects.keys()].some(key => key.startsWith('catalog/')))

  const second = await openWith(t, join(dir, 'other'), bucket)
  t.same(
    (await second.catalog.listSegments()).map(({ name }) => name),
    names,
  )
  t.ok(second.nextSequence() > last + 1e8, 'numbers that the lost machine cannot have used')
  t.equal((await second.catalog.findStreams('fake', [], { startNs: 0n, endNs: 2n ** 62n })).size, 2)
  await second.close()

  const again = await openWith(t, join(dir, 'other'), bucket)
  t.notOk(again.messages().some(text => /missing|damaged/.test(text)))
  await again.close()
  await t.rejects(openWith(t, dir, bucket), { code: 'BUCKET_OWNER', message: /taken over since/ })
})

test('what an older copy of the catalog names and nobody has is no damage', async t => {
  const dir = t.testdir()
  const bucket = new MemoryBucket()
  const first = await openWith(t, join(dir, 'first'), bucket)
  const head = { level: 0, sequence: 1, version: 1, sizeBytes: 1, createdMs: 1, parts: [] }
  await first.catalog.addSegments([{ ...head, name: '0000000000000001-0.seg' }], [])
  await first.keepRequests!()
  await first.close()
  const second = await openWith(t, join(dir, 'second'), bucket)
  t.match(second.messages().join(), /segments that an older catalog names are not here: they were/)
  t.same(await second.catalog.listSegments(), [])
  t.notMatch(second.messages().join(), /are lost/)
})

test('without a copy of the catalog, or with damaged ones, it is made from the segments', async t => {
  const dir = makeLocal(t)
  const bucket = new MemoryBucket()
  const first = await openWith(t, dir, bucket)
  await until(() => segmentsOf(bucket).length === 2)
  await first.close()
  for (const key of bucket.objects.keys())
    if (key.startsWith('catalog/')) bucket.objects.set(key, Buffer.from('damaged'))
  const second = await openWith(t, join(dir, 'other'), bucket)
  t.equal((await second.catalog.listSegments()).length, 2)
  t.ok(second.messages().includes('a copy of the catalog is damaged'))
})

test('objects that the catalog has dropped are deleted later, and missing ones are named', async t => {
  const dir = makeLocal(t)
  const bucket = new MemoryBucket()
  const first = await openWith(t, dir, bucket)
  await until(() => segmentsOf(bucket).length === 2)
  const [dropped, lost] = (await first.catalog.listSegments()).map(({ name }) => name)
  await first.catalog.addSegments([], [dropped!])
  await first.close()
  rmSync(join(dir, 'segments', lost!))
  bucket.objects.delete(`segments/${lost}`)
  const second = await openWith(t, dir, bucket)
  t.same(await second.catalog.listSegments(), [])
  t.same(await second.objects.list(), [])
  t.ok(second.messages().includes('segments are missing, their entries are lost'))
  t.same(segmentsOf(bucket), [`segments/${dropped}`], 'it stays for a while')
})

test('a directory of a bucket is refused without it, and by tools that read local files', async t => {
  const dir = t.testdir({ segments: {} })
  writeFileSync(join(dir, 'bucket.json'), '{"id":"1","place":"s3://logs/skald/","sequence":0}')
  const { logger } = createTestLogger()
  await t.rejects(openStorage({ dataDir: dir, logger, own: part => part }), {
    code: 'BUCKET_OWNER',
    message: /are in a bucket, and the configuration names none/,
  })
  t.throws(() => findDataPlace(dir), {
    code: 'UPKEEP_PATH',
    message: /most segments of .* are in s3:\/\/logs\/skald\//,
  })
})
