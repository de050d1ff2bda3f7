import { crc32 } from 'node:zlib'
import { test } from 'tap'
import { decodeFooter, trailerBytes } from '../../src/segment/format.ts'
import { readPackedParts } from '../../src/segment/packed-footer.ts'
import { readFooter } from '../../src/segment/reader.ts'
import { SegmentWriter } from '../../src/segment/writer.ts'
import { encodeFooter } from '../segment-rows.ts'

const dayNs = 86_400_000_000_000n
/** Not in order, and one of them sorts differently as UTF-8. */
const texts = ['{a="m"}', '{a="\u{1f600}"}', '{a="\uffee"}', '{a="b"}', '{a="값"}']

/** Makes a segment of two tenants in which stream `i` has `i + 1` blocks. */
function build(): Buffer {
  const writer = new SegmentWriter('zstd')
  const pieces = [writer.header]
  for (const tenant of ['one', 'two']) {
    for (const [i, labelsText] of texts.entries()) {
      for (let block = 0; block <= i; block++) {
        const line = Buffer.from(`${tenant} ${i} ${block}\n`)
        const minNs = 20_000n * dayNs + BigInt(block)
        pieces.push(
          ...writer.add(
            { tenant, day: 20_000, labelsText },
            {
              ...{ flags: 0, sequence: 3, rowCount: 1, minNs, maxNs: minNs },
              ...{ timestamps: new Float64Array(1), lengths: Uint32Array.of(line.length - 1) },
              ...{ lines: line, metadata: undefined },
            },
          ),
        )
      }
    }
  }
  return Buffer.concat([
    ...pieces,
    ...writer.finish({ level: 1, sequence: 3, replaces: ['old'] }).pieces,
  ])
}

const readerOf = (bytes: Buffer) => async (offset: number, length: number) =>
  bytes.subarray(offset, offset + length)

test('packed parts have the streams and records of the whole footer', async t => {
  const bytes = build()
  const whole = await readFooter('s', bytes.length, readerOf(bytes))
  const parts = await readPackedParts('s', bytes.length, readerOf(bytes))
  t.equal(parts.length, 2)
  for (const [p, part] of parts.entries()) {
    const { tenant, day, streams, blocks, filters, counts } = whole.parts[p]!
    t.same([part.tenant, part.day], [tenant, day])
    t.same(part.groups, { filters, counts })
    t.same(
      streams.map((_, i) => part.labelsText(i)),
      texts,
    )
    t.same([...part.allRecords()], blocks)
    for (const stream of streams.keys()) {
      const first = blocks.findIndex(record => record.stream === stream)
      t.equal(part.firstBlock(stream), first)
      t.same(part.records(stream), blocks.slice(first, first + stream + 1))
    }
    const sorted = Array.from(part.sortedStreams(), stream => part.labelsText(stream))
    t.same(sorted, [...texts].sort(), 'in the order of the code, not of the bytes')
  }
})

test('a record that lies outside its file is an error about the footer', async t => {
  const bytes = build()
  const whole = await readFooter('s', bytes.length, readerOf(bytes))
  const end = bytes.length - encodeFooter(whole).length
  const [first, ...others] = whole.parts[0]!.blocks
  const blocks = [{ ...first!, offsetBytes: 1_000_000 }, ...others]
  const footer = encodeFooter({
    ...whole,
    parts: [{ ...whole.parts[0]!, blocks }, whole.parts[1]!],
  })
  const changed = Buffer.concat([bytes.subarray(0, end), footer])
  const body = footer.subarray(0, -trailerBytes)
  const place = { version: 2, footerOffset: end, crc: crc32(body) } as const
  t.throws(() => decodeFooter('s', body, place), { code: 'CORRUPTION' }, 'as for the whole footer')
  const [part] = await readPackedParts('s', changed.length, readerOf(changed))
  t.throws(() => part!.records(0), { code: 'CORRUPTION', segment: 's', offsetBytes: end })
})
