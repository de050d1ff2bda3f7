import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { footerCacheBytes } from '../src/limits.ts'
import { segmentName } from '../src/segment/name.ts'
import { SegmentIndex } from '../src/segment-index.ts'
import { acceptedStream, createTestLogger, midnightNs, openStorage } from './harness.ts'
import { readSegment, segmentNames } from './segment-rows.ts'

async function open(t: Test, count: number) {
  const storage = await openStorage(t)
  for (let i = 0; i < count; i++) {
    await storage.push('a', acceptedStream({ app: 'x' }, [[midnightNs + BigInt(i), `${i}`]]))
  }
  const names = await segmentNames(storage.segmentsDir)
  const sizes = new Map(
    (await storage.catalog.listSegments()).map(({ name, sizeBytes }) => [name, sizeBytes]),
  )
  const { objects, catalog, segmentsDir } = storage
  const index = new SegmentIndex(objects, catalog, createTestLogger().logger)
  /** Like a replacement: removes the segments from the catalog first. */
  const drop = async (dropped: readonly string[]) => {
    await catalog.addSegments([], dropped)
    await index.drop(dropped)
  }
  const files = () => segmentNames(segmentsDir)
  return { index, catalog, segmentsDir, names, sizes, drop, files }
}

test('a footer is read once and then cached', async t => {
  const { index, names, sizes, segmentsDir } = await open(t, 1)
  const name = names[0]!
  const { footer } = await readSegment(segmentsDir, name)
  const reads: number[] = []
  const read = () => index.footer(name, sizes.get(name)!, bytes => reads.push(bytes))
  const [first, second] = await Promise.all([read(), read()])
  t.same(first, footer)
  t.equal(first, second)
  const bytes = reads.reduce((sum, count) => sum + count, 0)
  t.ok(bytes > 0 && bytes < sizes.get(name)!, 'the reader learns how much was read')
  await rm(join(segmentsDir, name))
  t.equal(await read(), first)
  t.equal(reads.length, 3, 'header, trailer and footer, once')
})

test('a damaged footer is reported each time, until it can be read', async t => {
  const { index, names, sizes, segmentsDir } = await open(t, 1)
  const name = names[0]!
  const { bytes, footer } = await readSegment(segmentsDir, name)
  await writeFile(join(segmentsDir, name), Buffer.alloc(bytes.length))
  for (const _ of [1, 2]) {
    await t.rejects(index.footer(name, sizes.get(name)!), { code: 'CORRUPTION' })
  }
  await writeFile(join(segmentsDir, name), bytes)
  t.same(await index.footer(name, sizes.get(name)!), footer)
})

test('the least recently used footers make room for others', async t => {
  const { index, names, sizes, segmentsDir } = await open(t, 2)
  const [kept, evicted] = [names[0]!, names[1]!]
  const first = await index.footer(kept, sizes.get(kept)!)
  const { footer } = await readSegment(segmentsDir, evicted)
  await index.footer(evicted, sizes.get(evicted)!)
  await index.footer(kept, sizes.get(kept)!)
  const [part] = footer.parts
  const blocks = Array.from({ length: Math.floor(footerCacheBytes / 600) }, () => part!.blocks[0]!)
  index.put('large', { ...footer, parts: [{ ...part!, blocks: blocks.slice(1) }] })
  await rm(join(segmentsDir, evicted))
  t.equal(await index.footer(kept, sizes.get(kept)!), first)
  await t.rejects(index.footer(evicted, sizes.get(evicted)!), { code: 'ENOENT' })
})

test('a fresh footer is kept in memory, unless it has very many blocks', async t => {
  const { index, names, sizes, segmentsDir } = await open(t, 2)
  const footers = await Promise.all(
    names.map(async name => (await readSegment(segmentsDir, name)).footer),
  )
  const [part] = footers[1]!.parts
  const blocks = Array.from({ length: 4000 }, () => part!.blocks[0]!)
  index.commit(names[0]!, footers[0]!)
  index.commit(names[1]!, { ...footers[1]!, parts: [{ ...part!, blocks }] })
  t.equal(index.version, 2)
  t.equal(await index.footer(names[0]!, sizes.get(names[0]!)!), footers[0])
  t.same(await index.footer(names[1]!, sizes.get(names[1]!)!), footers[1], 'that of the file')
})

test('a dropped segment that nobody reads is deleted and forgotten', async t => {
  const { catalog, names, drop, files } = await open(t, 3)
  await drop(names.slice(0, 2))
  t.same(await files(), [names[2]])
  t.same(await catalog.listDropped(), [])
})

test('a dropped segment stays until its last reader is done', async t => {
  const { index, catalog, names, drop, files } = await open(t, 2)
  const releaseBoth = index.acquire(names)
  const releaseFirst = index.acquire([names[0]!])
  await drop(names)
  t.same(await files(), names)
  t.same((await catalog.listDropped()).sort(), names, 'a crash now would not lose track of them')
  await releaseBoth()
  t.same(await files(), [names[0]])
  t.same(await catalog.listDropped(), [names[0]])
  await releaseBoth()
  t.same(await files(), [names[0]], 'releasing again does nothing')
  await releaseFirst()
  t.same(await files(), [])
  t.same(await catalog.listDropped(), [])
})

test('a reader of a segment that stays deletes nothing', async t => {
  const { index, names, files } = await open(t, 1)
  await index.acquire(names)()
  t.same(await files(), [segmentName(1, 0)])
})

test('segments that cannot be deleted stay on the list and cause no error', async t => {
  const storage = await openStorage(t)
  await storage.push('a', acceptedStream({ app: 'x' }, [[midnightNs, '1']]))
  const { objects, catalog, segmentsDir } = storage
  const { logger, messages } = createTestLogger()
  const index = new SegmentIndex(objects, catalog, logger)
  const names = await segmentNames(segmentsDir)
  const release = index.acquire(names)
  await catalog.addSegments([], names)
  await index.drop(names)
  // A directory in its place cannot be unlinked.
  const path = join(segmentsDir, names[0]!)
  await rm(path)
  await mkdir(path)
  await release()
  t.same(messages(), ['cannot delete replaced segments yet'])
  t.same(await catalog.listDropped(), names)
})
