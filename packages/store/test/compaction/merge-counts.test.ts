// Counts of merged segments agree with their rows: of new blocks, of those that are taken over, and of what
// deletes and retention leave.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseLogQuery } from '@skald/query'
import { type Test, test } from 'tap'
import { createDeleteRule } from '../../src/deletes/delete-rule.ts'
import { CountGroupReader } from '../../src/segment/counts/count-group.ts'
import { segmentName } from '../../src/segment/name.ts'
import { acceptedStream, midnightNs, openStorage, type Row, type StorageParts } from '../harness.ts'
import { mergeFiles } from '../merge-files.ts'
import { createRandom } from '../segment/filter/random-lines.ts'
import { type ReadSegment, readSegment } from '../segment-rows.ts'

const secondNs = 1_000_000_000n
const random = createRandom(8)

/** A stream of ten minutes with a line each second, which makes a block that is taken over. */
function large(app: string, fromSecond = 0) {
  const rows = Array.from({ length: 600 }, (_, i): Row => {
    const level = random.pick(['info', 'error'])
    const text = random.hex(400)
    return [midnightNs + BigInt(fromSecond + i) * secondNs, `level=${level} ${text}`]
  })
  return acceptedStream({ app }, rows)
}

/** Totals by stream and level, from counts and from rows. */
function totals({ footer, bytes, rows }: ReadSegment) {
  const fromCounts = new Map<string, number>()
  const fromRows = new Map<string, number>()
  const add = (totals: Map<string, number>, key: string, count: number) =>
    totals.set(key, (totals.get(key) ?? 0) + count)
  const [part] = footer.parts
  for (const record of part?.counts ?? []) {
    const { firstBlock, blockCount, offsetBytes, storedBytes } = record
    const group = new CountGroupReader(
      record,
      bytes.subarray(offsetBytes, offsetBytes + storedBytes),
    )
    for (let block = 0; block < blockCount; block++) {
      const stream = part!.streams[part!.blocks[firstBlock + block]!.stream]!
      for (const { level, cells, rows: counts, bytes: sizes } of group.countsOf(block)!.levels) {
        for (const [i, cell] of cells.entries()) {
          add(fromCounts, `${stream} ${level} ${cell}`, counts[i]!)
          add(fromCounts, `${stream} ${level} ${cell} bytes`, sizes[i]!)
        }
      }
    }
  }
  for (const { labels, timeNs, line, metadata } of rows) {
    const cell = (timeNs - midnightNs + 60n * secondNs - 1n) / (60n * secondNs)
    const key = `${labels} ${metadata.detected_level} ${cell}`
    add(fromRows, key, 1)
    add(fromRows, `${key} bytes`, Buffer.byteLength(line))
  }
  return { fromCounts: [...fromCounts].sort(), fromRows: [...fromRows].sort() }
}

async function expectTrueCounts(t: Test, storage: StorageParts, name: string) {
  const read = await readSegment(storage.segmentsDir, name)
  const { fromCounts, fromRows } = totals(read)
  t.ok(fromRows.length > 0)
  t.same(fromCounts, fromRows)
  return read
}

/** Opens a store with a merged segment of two large streams. */
async function openMerged(t: Test) {
  const storage = await openStorage(t)
  await storage.push('a', large('x'), large('y'))
  const first = segmentName(10, 1)
  await mergeFiles(storage, [segmentName(1, 0)], { name: first, sequence: 1 })
  return { storage, first }
}

test('counts of new blocks and of those that are taken over', async t => {
  const { storage, first } = await openMerged(t)
  const source = await expectTrueCounts(t, storage, first)
  await storage.push('a', large('y', 700), large('z'))
  const second = segmentName(11, 2)
  const inputs = [first, segmentName(2, 0)]
  await mergeFiles(storage, inputs, { name: second, level: 2, sequence: 2 })
  const target = await expectTrueCounts(t, storage, second)
  t.equal(target.footer.parts[0]!.blocks.length, source.footer.parts[0]!.blocks.length + 2)
})

test('damaged counts are counted again when a block is taken over', async t => {
  const { storage, first } = await openMerged(t)
  const path = join(storage.segmentsDir, first)
  const { footer } = await readSegment(storage.segmentsDir, first)
  const bytes = readFileSync(path)
  bytes[footer.parts[0]!.counts[0]!.offsetBytes + 5]! ^= 1
  writeFileSync(path, bytes)
  const second = segmentName(11, 2)
  await mergeFiles(storage, [first], { name: second, level: 2 })
  await expectTrueCounts(t, storage, second)
})

test('counts leave out deleted lines and expired streams', async t => {
  const { storage, first } = await openMerged(t)
  const startMs = Number(midnightNs / 1_000_000n) + 30_500
  const log = parseLogQuery('{app="x"} |= "level=error"')
  const rule = createDeleteRule({ id: 'a', log }, { startMs, endMs: startMs + 95_000 })
  const second = segmentName(11, 2)
  await mergeFiles(storage, [first], {
    ...{ name: second, level: 2, deletes: [rule], expired: ['{app="y"}'] },
  })
  const { rows } = await expectTrueCounts(t, storage, second)
  t.ok(rows.length > 500 && rows.length < 600, `${rows.length} lines are left`)
})
