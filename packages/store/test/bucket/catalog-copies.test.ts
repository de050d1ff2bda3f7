import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { bringCatalog, CatalogCopies } from '../../src/bucket/catalog-copies.ts'
import { createTestLogger } from '../harness.ts'
import { MemoryBucket } from './memory-bucket.ts'

function open(t: Test) {
  const dataDir = t.testdir()
  const bucket = new MemoryBucket()
  const state = { content: 'first', copied: 0 }
  const { logger, messages } = createTestLogger()
  const copies = new CatalogCopies({
    ...{ bucket, dataDir, logger, clock: { now: () => 0 } },
    check: async () => undefined,
    copyTo: async path => {
      state.copied++
      const { content } = state
      await new Promise(resolve => setTimeout(resolve, 5))
      writeFileSync(path, content)
    },
  })
  t.teardown(() => copies.close())
  return { bucket, dataDir, copies, state, messages, path: join(dataDir, 'catalog.sqlite') }
}

test('the newest copy comes back, and older ones are deleted', async t => {
  const { bucket, dataDir, copies, state, path } = open(t)
  for (const content of ['first', 'second', 'third']) {
    state.content = content
    await copies.copyNow()
  }
  t.same(
    [...bucket.objects.keys()],
    ['catalog/0000000000000002.sqlite.zst', 'catalog/0000000000000003.sqlite.zst'],
  )
  t.same(readdirSync(dataDir), [], 'no temporary file stays')
  const key = await bringCatalog({ bucket, dataDir }, path)
  t.equal(key, 'catalog/0000000000000003.sqlite.zst')
  t.equal(readFileSync(path, 'utf8'), 'third')
  await bringCatalog({ bucket, dataDir }, path, key)
  t.equal(readFileSync(path, 'utf8'), 'second')
})

test('a copy that is asked for has everything up to that moment', async t => {
  const { bucket, dataDir, copies, state, path } = open(t)
  const first = copies.copyNow()
  await new Promise(resolve => setTimeout(resolve, 1))
  state.content = 'changed'
  await Promise.all([first, copies.copyNow(), copies.copyNow()])
  t.equal(state.copied, 2, 'those who wait share a copy')
  await bringCatalog({ bucket, dataDir }, path)
  t.equal(readFileSync(path, 'utf8'), 'changed')
})

test('a damaged copy names itself and leaves nothing behind', async t => {
  const { bucket, dataDir, copies, path } = open(t)
  t.equal(await bringCatalog({ bucket, dataDir }, path), undefined, 'there is none')
  await copies.copyNow()
  bucket.objects.set('catalog/0000000000000009.sqlite.zst', Buffer.from('no zstd'))
  const key = 'catalog/0000000000000009.sqlite.zst'
  const error = await bringCatalog({ bucket, dataDir }, path).catch((found: unknown) => found)
  t.match(error, { key })
  t.notOk(existsSync(path))
  await bringCatalog({ bucket, dataDir }, path, key)
  t.equal(readFileSync(path, 'utf8'), 'first')
})

test('what changed is copied later, if the bucket is away', async t => {
  const { bucket, copies, messages } = open(t)
  bucket.isAway = true
  copies.touch()
  await copies.copyIfChanged()
  t.same(messages(), ['cannot copy the catalog to the bucket yet'])
  await t.rejects(copies.copyNow(), { code: 'BUCKET_UNAVAILABLE' })
  bucket.isAway = false
  await copies.copyIfChanged()
  t.equal(bucket.objects.size, 1)
  await copies.copyIfChanged()
  t.equal(bucket.objects.size, 1, 'nothing is new')
})
