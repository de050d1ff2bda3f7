// Makes a segment as large as merges make them in the course of weeks, out of a smaller one: each block several times,
// with its filter. Searches read it as any other. Counts are left out: queries that only count would read its blocks.

import { closeSync, openSync, readSync, statSync, writeSync } from 'node:fs'
import { StoredFilters } from '../../packages/store/src/segment/filter/stored-filters.ts'
import { storedBytes } from '../../packages/store/src/segment/format.ts'
import { readFooter } from '../../packages/store/src/segment/reader.ts'
import { SegmentWriter } from '../../packages/store/src/segment/writer.ts'

/** Writes a file that has each block of another one `times` times. Returns its size. */
export async function growSegment(from: string, to: string, times: number): Promise<number> {
  const source = openSync(from, 'r')
  const target = openSync(to, 'w')
  try {
    const read = (offset: number, length: number) => {
      const bytes = Buffer.alloc(length)
      readSync(source, bytes, 0, length, offset)
      return bytes
    }
    const footer = await readFooter(from, statSync(from).size, async (at, length) =>
      read(at, length),
    )
    const writer = new SegmentWriter('split')
    writeSync(target, writer.header)
    for (const { tenant, day, streams, blocks, filters } of footer.parts) {
      const stored = new StoredFilters(filters, read)
      for (const [i, record] of blocks.entries()) {
        const known = { filter: stored.of(i), counts: undefined }
        const owner = { tenant, day, labelsText: streams[record.stream]! }
        const bytes = read(record.offsetBytes, storedBytes(record))
        for (let n = 0; n < times; n++) {
          for (const before of writer.addEncoded(owner, record, known)) writeSync(target, before)
          writeSync(target, bytes)
        }
      }
    }
    const { pieces, sizeBytes } = writer.finish(footer)
    for (const piece of pieces) writeSync(target, piece)
    return sizeBytes
  } finally {
    closeSync(source)
    closeSync(target)
  }
}
