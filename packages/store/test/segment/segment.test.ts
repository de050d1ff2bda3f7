// A whole segment in memory: written, read back, cut, and damaged at every byte.

import { readFileSync } from 'node:fs'
import { createLabelSet } from '@skald/wire'
import { type Test, test } from 'tap'
import { CorruptionError } from '../../src/errors.ts'
import { type BlockColumns, BlockReader, type Compression } from '../../src/segment/block.ts'
import type { SegmentFooter } from '../../src/segment/format.ts'
import { readFooter } from '../../src/segment/reader.ts'
import { SegmentWriter } from '../../src/segment/writer.ts'
import { encodeFooter } from '../segment-rows.ts'

const dayNs = 86_400_000_000_000n

function columns(lines: readonly string[], minNs: bigint): BlockColumns {
  const timestamps = Float64Array.from(lines, (_, i) => i * 1_000)
  return {
    flags: 1,
    sequence: 5,
    minNs,
    maxNs: minNs + BigInt((lines.length - 1) * 1_000),
    timestamps,
    lengths: Uint32Array.from(lines, line => Buffer.byteLength(line)),
    lines: Buffer.from(lines.map(line => `${line}\n`).join('')),
    metadata: {
      sets: [[], createLabelSet({ trace_id: 'abc' })],
      rowSets: Uint32Array.from(lines, (_, i) => i % 2),
    },
  }
}

function build(compression: Compression): Buffer {
  const writer = new SegmentWriter(compression)
  const pieces = [
    writer.header,
    ...writer.add(
      { tenant: 'one', day: 20_000, labelsText: '{app="a"}' },
      columns(['hello', '', 'two\nlines'], 20_000n * dayNs),
    ),
    ...writer.add(
      { tenant: 'one', day: 20_000, labelsText: '{app="a"}' },
      columns(['later'], 20_000n * dayNs + 9_000n),
    ),
    ...writer.add(
      { tenant: 'one', day: 20_000, labelsText: '{app="b"}' },
      columns(['x'.repeat(300)], 20_000n * dayNs),
    ),
    ...writer.add(
      { tenant: 'two', day: 20_001, labelsText: '{app="a"}' },
      columns(['값'], 20_001n * dayNs),
    ),
  ]
  pieces.push(...writer.finish({ level: 0, sequence: 5, replaces: ['old'] }).pieces)
  return Buffer.concat(pieces)
}

const readerOf = (bytes: Buffer) => async (offset: number, length: number) =>
  bytes.subarray(offset, offset + length)
const open = (bytes: Buffer): Promise<SegmentFooter> =>
  readFooter('s', bytes.length, readerOf(bytes))

/** Reads every column of every block. */
async function readAll(bytes: Buffer) {
  const footer = await open(bytes)
  return footer.parts.flatMap(part =>
    part.blocks.map(record => {
      const block = new BlockReader('s', record, (offset, length) =>
        bytes.subarray(offset, offset + length),
      )
      const metadata = block.metadata()
      return {
        tenant: part.tenant,
        day: part.day,
        labels: part.streams[record.stream],
        minNs: record.minNs,
        maxNs: record.maxNs,
        lineBytes: record.lineBytes,
        timestamps: [...block.timestamps()],
        lengths: [...block.lengths()],
        lines: block.lines().toString(),
        metadata: [...metadata.rowSets].map(set => metadata.sets[set]),
      }
    }),
  )
}

for (const compression of ['none', 'zstd', 'split'] as const) {
  test(`a segment is the same after writing and reading, compression ${compression}`, async t => {
    const bytes = build(compression)
    const { level, sequence, replaces, parts } = await open(bytes)
    t.same({ level, sequence, replaces }, { level: 0, sequence: 5, replaces: ['old'] })
    t.same(
      parts.map(({ tenant, day, streams }) => ({ tenant, day, streams })),
      [
        { tenant: 'one', day: 20_000, streams: ['{app="a"}', '{app="b"}'] },
        { tenant: 'two', day: 20_001, streams: ['{app="a"}'] },
      ],
    )
    const blocks = await readAll(bytes)
    t.same(blocks[0], {
      tenant: 'one',
      day: 20_000,
      labels: '{app="a"}',
      minNs: 20_000n * dayNs,
      maxNs: 20_000n * dayNs + 2_000n,
      lineBytes: 14,
      timestamps: [0, 1_000, 2_000],
      lengths: [5, 0, 9],
      lines: 'hello\n\ntwo\nlines\n',
      metadata: [[], createLabelSet({ trace_id: 'abc' }), []],
    })
    t.same(
      blocks.map(({ labels, lines }) => [labels, lines]),
      [
        ['{app="a"}', 'hello\n\ntwo\nlines\n'],
        ['{app="a"}', 'later\n'],
        ['{app="b"}', `${'x'.repeat(300)}\n`],
        ['{app="a"}', '값\n'],
      ],
    )
  })

  test(`a segment cut anywhere has no valid footer, compression ${compression}`, async t => {
    const bytes = build(compression)
    for (let length = 0; length < bytes.length; length++) {
      await t.rejects(open(bytes.subarray(0, length)), CorruptionError, `cut at ${length}`)
    }
  })

  test(`any flipped bit is detected, compression ${compression}`, async t => {
    const bytes = build(compression)
    for (let at = 0; at < bytes.length; at++) {
      const damaged = Buffer.from(bytes)
      damaged[at]! ^= 1 << (at % 8)
      await expectDamage(t, damaged, at)
    }
  })
}

async function expectDamage(t: Test, damaged: Buffer, at: number): Promise<void> {
  try {
    await readAll(damaged)
    t.fail(`the flip at byte ${at} was not noticed`)
  } catch (error) {
    t.ok(error instanceof CorruptionError, `flip at byte ${at}: ${(error as Error).message}`)
  }
}

test('the bytes of a segment are those of format version 1', async t => {
  const writer = new SegmentWriter('none')
  const block = { ...columns(['hi'], 20_000n * dayNs), metadata: undefined }
  const bytes = Buffer.concat([
    writer.header,
    ...writer.add({ tenant: 't', day: 20_000, labelsText: '{a="b"}' }, block),
    ...writer.finish({ level: 0, sequence: 5, replaces: [] }).pieces,
  ])
  const golden = readFileSync(new URL('../fixtures/segment-v1.hex', import.meta.url), 'utf8')
  t.equal(bytes.toString('hex'), golden.replaceAll(/\s/g, ''))
})

test('records count the pairs of metadata, and files without that count are read too', async t => {
  const plain = { ...columns(['a'], 20_000n * dayNs), metadata: undefined }
  const recordsOf = async (pairs: (counted: number) => number | undefined) => {
    const writer = new SegmentWriter('none')
    const block = columns(['a', 'b', 'c', 'd'], 20_000n * dayNs)
    const owner = { tenant: 't', day: 20_000, labelsText: '{a="b"}' }
    const pieces = [writer.header, ...writer.add(owner, block)]
    pieces.push(...writer.add(owner, plain))
    const end = writer.finish({ level: 0, sequence: 5, replaces: [] })
    const footer = await open(Buffer.concat([...pieces, ...end.pieces]))
    const parts = footer.parts.map(part => ({
      ...part,
      blocks: part.blocks.map(record => ({
        ...record,
        metadataPairs: pairs(record.metadataPairs!),
      })),
    }))
    pieces.push(encodeFooter({ ...footer, parts }))
    const read = await open(Buffer.concat(pieces))
    return read.parts[0]!.blocks.map(({ flags, metadataPairs }) => [flags, metadataPairs])
  }
  t.same(await recordsOf(counted => counted), [
    [1, 2],
    [1, 0],
  ])
  t.same(await recordsOf(() => undefined), [
    [1, undefined],
    [1, 0],
  ])
})
