// Starts on catalogs with a flipped byte. `npm run torture -- --only damaged-catalog` flips every byte.

import { join } from 'node:path'
import { test } from 'tap'
import { openStorage } from '../harness.ts'
import { fillCatalog, readCatalog, startOnCatalog } from './damaged-catalog.ts'

/** A prime, and other bytes on every day. */
const stride = 1543
const first = (Math.floor(Date.now() / 86_400_000) * 13) % stride
/** The first page has the header and the schema, which SQLite does not check. */
const firstPageBytes = 4096
const firstPageStride = 97

test('no flipped byte of a catalog hides a segment or a stream', { timeout: 120_000 }, async t => {
  const dir = join(t.testdir({ store: {} }), 'store')
  await fillCatalog(await openStorage({ testdir: () => dir, teardown: () => undefined }))
  const whole = readCatalog(dir)
  const copy = join(t.testdirName, 'copy')
  t.same(await startOnCatalog(dir, copy, whole), { isNamed: false, problems: [] })
  const places: number[] = []
  for (let at = first % firstPageStride; at < firstPageBytes; at += firstPageStride) places.push(at)
  for (let at = firstPageBytes + first; at < whole.length; at += stride) places.push(at)
  for (const at of places) {
    const bytes = Buffer.from(whole)
    bytes[at]! ^= 1 << (at % 8)
    const { problems } = await startOnCatalog(dir, copy, bytes)
    t.same(problems, [], `byte ${at}`)
  }
})

test('a catalog may be of zeroes, doubled, of another store, or gone', async t => {
  const dir = join(t.testdir({ store: {}, other: {} }), 'store')
  const other = join(t.testdirName, 'other')
  await fillCatalog(await openStorage({ testdir: () => dir, teardown: () => undefined }))
  const foreign = { testdir: () => other, teardown: () => undefined }
  await fillCatalog(await openStorage(foreign), 50n)
  const whole = readCatalog(dir)
  const copy = join(t.testdirName, 'copy')
  const named = { isNamed: true, problems: [] }
  const unnamed = { isNamed: false, problems: [] }
  t.same(await startOnCatalog(dir, copy, Buffer.alloc(whole.length)), named)
  t.same(await startOnCatalog(dir, copy, readCatalog(other)), named)
  t.same(await startOnCatalog(dir, copy, Buffer.concat([whole, whole])), unnamed, 'doubled')
  t.same(await startOnCatalog(dir, copy), unnamed, 'gone')
  t.same(await startOnCatalog(dir, copy, Buffer.alloc(0)), unnamed, 'empty')
})

test('a catalog may be cut anywhere', { timeout: 120_000 }, async t => {
  const dir = join(t.testdir({ store: {} }), 'store')
  await fillCatalog(await openStorage({ testdir: () => dir, teardown: () => undefined }))
  const whole = readCatalog(dir)
  const copy = join(t.testdirName, 'copy')
  for (let length = 1 + first; length < whole.length; length += 7919) {
    const { isNamed, problems } = await startOnCatalog(dir, copy, whole.subarray(0, length))
    t.same(problems, [], `${length} bytes`)
    // The tables at the end are empty, and look the same without their last bytes.
    if (length < whole.length / 2) t.equal(isNamed, true)
  }
})
