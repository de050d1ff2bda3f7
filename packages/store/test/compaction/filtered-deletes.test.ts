// Merges that carry out deletes ask the filters of blocks first: blocks without a deleted row are taken over, and
// not even opened to find that out.

import { parseLogQuery } from '@skald/query'
import { type Test, test } from 'tap'
import { losesRows } from '../../src/compaction/merge.ts'
import { createDeleteRule } from '../../src/deletes/delete-rule.ts'
import { LevelFields } from '../../src/levels/line-level.ts'
import { DiskReader } from '../../src/objects/disk.ts'
import { KeyFinder } from '../../src/segment/filter/key-finder.ts'
import { segmentName } from '../../src/segment/name.ts'
import { readPackedParts } from '../../src/segment/packed-footer.ts'
import { acceptedStream, day, midnightNs, openStorage, type Row } from '../harness.ts'
import { mergeFiles } from '../merge-files.ts'
import { createRandom } from '../segment/filter/random-lines.ts'
import { readSegment } from '../segment-rows.ts'

const startMs = Number(midnightNs / 1_000_000n)

function ruleOf(query: string) {
  return createDeleteRule(
    { id: query, log: parseLogQuery(query) },
    { startMs, endMs: startMs + 3_600_000 },
  )
}

/** Opens a store with a merged segment of four streams, in one block each. */
async function openMerged(t: Test) {
  const random = createRandom(9)
  const storage = await openStorage(t)
  const streams = [0, 1, 2, 3].map(stream => {
    const rows = Array.from({ length: 400 }, (_, i): Row => {
      const line = `${random.hex(400)} order ${stream}-${i}-shipped`
      return [midnightNs + BigInt(i), line, { trace: `trace-${stream}-${i}` }]
    })
    return acceptedStream({ app: `app-${stream}` }, rows)
  })
  await storage.push('a', ...streams)
  const name = segmentName(10, 1)
  await mergeFiles(storage, [segmentName(1, 0)], { name, sequence: 1 })
  const source = await readSegment(storage.segmentsDir, name)
  t.equal(source.footer.parts[0]!.blocks.length, 4)
  return { storage, name, source }
}

test('blocks without a deleted row are copied byte for byte', async t => {
  const { storage, name, source } = await openMerged(t)
  const deletes = [
    ruleOf('{app=~".+"} |= "order 2-17-shipped"'),
    ruleOf('{app=~".+"} | trace="trace-2-44"'),
    ruleOf('{app=~".+"} |~ "order 2-(51|52)-shipped"'),
    ruleOf('{app=~".+"} | trace=~"trace-2-60|x-never"'),
    ruleOf('{app=~".+"} |= "nowhere at all"'),
  ]
  const target = segmentName(11, 1)
  await mergeFiles(storage, [name], { name: target, deletes })
  const read = await readSegment(storage.segmentsDir, target)
  const blocks = read.footer.parts[0]!.blocks
  t.same(
    blocks.map(({ rowCount }) => rowCount),
    [400, 400, 395, 400],
  )
  for (const [i, block] of blocks.entries()) {
    const before = source.footer.parts[0]!.blocks[i]!
    t.equal(read.blockBytes(block).equals(source.blockBytes(before)), i !== 2)
  }
  const deleted = /order 2-(17|44|51|52|60)-shipped/
  t.same(
    read.rows.map(({ line }) => line),
    source.rows.map(({ line }) => line).filter(line => !deleted.test(line)),
  )
})

test('a sweep finds out without opening blocks that a segment has nothing to delete', async t => {
  const { storage, name, source } = await openMerged(t)
  const reader = new DiskReader(storage.segmentsDir)
  t.teardown(() => reader.close())
  const firstBlockEnd = source.footer.parts[0]!.filters[0]!.offsetBytes
  const parts = await readPackedParts(name, reader.sizeBytes(name), (offsetBytes, length) =>
    reader.read(name, { offsetBytes, length }),
  )
  let blocksRead = 0
  const context = {
    read: (...[segment, range, allocate]: Parameters<DiskReader['read']>) => {
      if (range.offsetBytes < firstBlockEnd) blocksRead++
      return reader.read(segment, range, allocate)
    },
    levelFields: new LevelFields(['level']),
    keys: new KeyFinder(),
  }
  const loses = (query: string) => {
    blocksRead = 0
    const target = { tenant: 'a', day, level: 1, sequence: 1, replaces: [name], expired: [] }
    const found = losesRows([{ name, parts }], { ...target, deletes: [ruleOf(query)] }, context)
    return [found, blocksRead]
  }
  t.same(loses('{app=~".+"} |= "nowhere at all"'), [false, 0])
  t.same(loses('{app=~".+"} |= "order 3-9-shipped"'), [true, 1])
  t.same(loses('{app=~".+"} | trace="trace-4-0"'), [false, 0])
  t.same(loses('{app=~".+"} |= "~"'), [false, 4], 'no filter knows such a short text')
})
