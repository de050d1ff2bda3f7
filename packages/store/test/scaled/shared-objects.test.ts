import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { openSegmentCache } from '../../src/bucket/segment-cache.ts'
import { openDiskObjectStore } from '../../src/objects/disk.ts'
import { SharedObjects, sharedSegmentKey } from '../../src/scaled/shared-objects.ts'
import { WorkSlots } from '../../src/work-slots.ts'
import { MemoryBucket } from '../bucket/memory-bucket.ts'
import { createTestLogger } from '../harness.ts'

test('a segment whose entry nobody confirmed is read from the bucket, if it was entered', async t => {
  const dir = t.testdir()
  mkdirSync(join(dir, 'segments'))
  const disk = await openDiskObjectStore(join(dir, 'segments'))
  t.teardown(() => disk.close())
  const bucket = new MemoryBucket()
  const cache = await openSegmentCache({
    ...{ directory: disk.directory, cacheDir: join(dir, 'cache') },
    slots: new WorkSlots({ countMax: 2, bytesMax: 1000 }),
    read: (name, { start, end }) => bucket.read(sharedSegmentKey(name), start, end - start),
    bound: async () => 1e9,
  })
  const entered = new Set<string>()
  const { logger } = createTestLogger()
  const isEntered = (name: string) => entered.has(name)
  const objects = new SharedObjects({ disk, bucket, cache, logger, isEntered })
  const [kept, lost] = ['1-0.seg', '2-0.seg']
  for (const name of [kept!, lost!]) await objects.put(name, [Buffer.from(name)])
  // The answer of its transaction was lost, and then the change came.
  entered.add(kept!)
  await objects.delete([kept!, lost!])
  t.same(readdirSync(disk.directory), [])
  t.equal(String(await objects.read(kept!, 0, 7)), kept)
  await t.rejects(objects.read(lost!, 0, 7), { code: 'ENOENT' })
  // A merge has replaced it.
  entered.delete(kept!)
  await objects.delete([kept!])
  await t.rejects(objects.read(kept!, 0, 7), { code: 'ENOENT' })
  t.same(
    (await objects.list()).map(({ name }) => name),
    [],
  )
})
