import { crc32 } from 'node:zlib'
import { test } from 'tap'
import { footerWindowBytes, heldFooterBytesMax } from '../../src/limits.ts'
import { decodeFooter, trailerBytes } from '../../src/segment/format.ts'
import { readPackedParts } from '../../src/segment/packed-footer.ts'
import { readFooter } from '../../src/segment/reader.ts'
import { SegmentWriter } from '../../src/segment/writer.ts'
import { encodeFooter } from '../segment-rows.ts'

const dayNs = 86_400_000_000_000n
/** Not in order, and one of them sorts differently as UTF-8. */
const someTexts = ['{a="m"}', '{a="\u{1f600}"}', '{a="\uffee"}', '{a="b"}', '{a="값"}']

/** Makes a segment of two tenants in which stream `i` has `i + 1` blocks. */
function build(texts = someTexts): Buffer {
  const writer = new SegmentWriter('split')
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

const readerOf = (bytes: Buffer) => (offset: number, length: number) =>
  bytes.subarray(offset, offset + length)
const readWhole = (bytes: Buffer) =>
  readFooter('s', bytes.length, async (offset, length) => readerOf(bytes)(offset, length))

test('packed parts have the streams and records of the whole footer', async t => {
  const bytes = build()
  const whole = await readWhole(bytes)
  const parts = await readPackedParts('s', bytes.length, readerOf(bytes))
  t.equal(parts.length, 2)
  for (const [p, part] of parts.entries()) {
    const { tenant, day, streams, blocks, filters, counts } = whole.parts[p]!
    t.same([part.tenant, part.day], [tenant, day])
    t.same(part.groups, { filters, counts })
    t.same(
      streams.map((_, i) => part.labelsText(i)),
      someTexts,
    )
    t.same([...part.allRecords()], blocks)
    for (const stream of streams.keys()) {
      const first = blocks.findIndex(record => record.stream === stream)
      t.equal(part.firstBlock(stream), first)
      t.same(part.records(stream), blocks.slice(first, first + stream + 1))
    }
    const sorted = Array.from(part.sortedStreams(), stream => part.labelsText(stream))
    t.same(sorted, [...someTexts].sort(), 'in the order of the code, not of the bytes')
  }
})

test('a record that lies outside its file is an error about the footer', async t => {
  const bytes = build()
  const whole = await readWhole(bytes)
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

/** Names of streams that make a footer of several windows; each tenth is longer than a window. */
const longTexts = Array.from(
  { length: 40 },
  (_, i) => `{a="${i} ${'x'.repeat(i % 10 === 0 ? 2 * footerWindowBytes : 9_000)}"}`,
)

test('a large footer is not kept, but read again in windows', async t => {
  const bytes = build(longTexts)
  const whole = await readWhole(bytes)
  const reads: number[] = []
  const parts = await readPackedParts('s', bytes.length, (offset, length) => {
    reads.push(length)
    return readerOf(bytes)(offset, length)
  })
  t.ok(reads.at(-1)! > heldFooterBytesMax, 'once to check it')
  reads.length = 0
  for (const [p, part] of parts.entries()) {
    const { streams, blocks } = whole.parts[p]!
    t.ok(
      streams.every((text, i) => part.labelsText(i) === text),
      'front to back',
    )
    t.ok(
      streams.every((_, i) => part.labelsText(streams.length - 1 - i) === streams.at(-1 - i)),
      'back to front',
    )
    t.same([...part.allRecords()], blocks)
  }
  t.ok(reads.length > 0 && Math.max(...reads) <= 4 * footerWindowBytes)
})

test('a large footer that changes after it was checked is damaged', async t => {
  const bytes = build(longTexts)
  const footerOffset = bytes.length - encodeFooter(await readWhole(bytes)).length
  const [part] = await readPackedParts('s', bytes.length, readerOf(bytes))
  const place = { code: 'CORRUPTION', segment: 's', offsetBytes: footerOffset }
  t.equal(part!.labelsText(3), longTexts[3])
  const at = bytes.indexOf('{a="30 ')
  bytes[at + 4] = 0x39
  t.throws(() => part!.labelsText(30), place)
  bytes[at + 4] = 0x33
  t.equal(part!.labelsText(30), longTexts[30])
  const [cut] = await readPackedParts('s', bytes.length, (offset, length) =>
    readerOf(bytes)(offset, length === footerWindowBytes ? 100 : length),
  )
  t.throws(() => cut!.labelsText(3), place, 'a file that ends early')
})
