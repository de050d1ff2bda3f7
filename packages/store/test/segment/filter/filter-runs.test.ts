// Groups of filters lie side by side in a segment, so that a search in a bucket has them all with few reads.

import { test } from 'tap'
import { joinRanges, readsOf } from '../../../src/bucket/byte-ranges.ts'
import { filterRowsMax, filterRunBytes } from '../../../src/limits.ts'
import { encodeBlock } from '../../../src/segment/block.ts'
import { FilterGroupReader } from '../../../src/segment/filter/filter-group.ts'
import type { SegmentFooter } from '../../../src/segment/format.ts'
import { readFooter } from '../../../src/segment/reader.ts'
import { SegmentWriter } from '../../../src/segment/writer.ts'

const owner = { tenant: 'a', day: 20_000, labelsText: '{app="x"}' }
const columns = {
  ...{ flags: 0, sequence: 1, minNs: 1n, maxNs: 1n, timestamps: Float64Array.of(0) },
  ...{ lines: Buffer.from('hi\n'), lengths: Uint32Array.of(2), metadata: undefined },
}

/** Writes a segment of so many blocks, each with a filter of full size. The bit of its number is set in each filter. */
async function segmentOf(blockCount: number): Promise<{ bytes: Buffer; footer: SegmentFooter }> {
  const writer = new SegmentWriter('split')
  const pieces: Buffer[] = [writer.header]
  for (let i = 0; i < blockCount; i++) {
    const bits = new Uint32Array(filterRowsMax / 32)
    bits[i >>> 5]! |= 1 << (i & 31)
    const { record, bytes } = encodeBlock(columns, 'split')
    const known = { filter: { rowCount: filterRowsMax, bits }, counts: undefined }
    const placeless = { ...record, stream: 0, offsetBytes: 0 }
    pieces.push(...writer.addEncoded(owner, placeless, known), ...bytes)
  }
  const end = writer.finish({ level: 1, sequence: 1, replaces: [] })
  const bytes = Buffer.concat([...pieces, ...end.pieces])
  const read = async (from: number, length: number) => bytes.subarray(from, from + length)
  return { bytes, footer: await readFooter('1-1.seg', bytes.length, read) }
}

test('All filters of a segment are in runs of up to 9 MB', async t => {
  const { bytes, footer } = await segmentOf(200)
  const { filters, blocks } = footer.parts[0]!
  t.ok(filters.length > 15, `${filters.length} groups`)
  const ranges = filters.map(({ offsetBytes, storedBytes }) => ({
    start: offsetBytes,
    end: offsetBytes + storedBytes,
  }))
  const storedBytes = ranges.reduce((sum, { start, end }) => sum + end - start, 0)
  const groupBytes = storedBytes / filters.length
  const groupsOfRun = Math.floor(filterRunBytes / groupBytes)
  t.equal(joinRanges(ranges).length, Math.ceil(filters.length / groupsOfRun))
  t.ok(readsOf(ranges).length <= joinRanges(ranges).length, 'a read for each run')
  t.equal(blocks.length, 200)
  for (const record of filters) {
    const group = new FilterGroupReader(record, (from, length) =>
      bytes.subarray(from, from + length),
    )
    const [table] = group.tables()
    for (const [column, block] of table!.blocks.entries()) {
      const { bits } = group.filterOf(table!, column)
      const number = record.firstBlock + block
      t.equal(bits[number >>> 5], (1 << (number & 31)) >>> 0, `filter of block ${number}`)
    }
  }
})
