import { createLabelSet } from '@skald/wire'
import { test } from 'tap'
import type { Allocate } from '../../src/buffers.ts'
import { LevelFields } from '../../src/levels/line-level.ts'
import { encodeBlock } from '../../src/segment/block.ts'
import { sectionNames } from '../../src/segment/format.ts'
import { StoredBlock } from '../../src/segment/stored-block.ts'

/** Encodes a block, opens it, and records the names of the sections read. */
function openEncoded(
  columns: Parameters<typeof encodeBlock>[0],
  compression: Parameters<typeof encodeBlock>[1],
  allocate?: Allocate,
) {
  const { record, bytes } = encodeBlock(columns, compression)
  const file = Buffer.concat(bytes)
  const place = {
    segment: 's',
    record: { ...record, stream: 0, offsetBytes: 0 },
    labels: createLabelSet({ a: 'b' }),
  }
  const ends: number[] = []
  for (const { storedBytes } of record.sections) ends.push((ends.at(-1) ?? 0) + storedBytes)
  const read: string[] = []
  const readBytes = (offset: number, length: number) => {
    read.push(sectionNames[ends.findIndex(end => offset < end)]!)
    return file.subarray(offset, offset + length)
  }
  const block = new StoredBlock(place, readBytes, new LevelFields(['level']), allocate)
  return { block, read, file }
}

/** Opens a block of two rows, the second with a pair of metadata. */
function open({ flags, withMetadata }: { flags: number; withMetadata: boolean }) {
  const metadata = {
    sets: [[], createLabelSet({ trace_id: 'abc' })],
    rowSets: Uint32Array.of(0, 1),
  }
  const columns = {
    flags,
    sequence: 1,
    minNs: 0n,
    maxNs: 5n,
    timestamps: Float64Array.of(0, 5),
    lengths: Uint32Array.of(1, 1),
    lines: Buffer.from('a\nb\n'),
    metadata: withMetadata ? metadata : undefined,
  }
  return openEncoded(columns, 'none')
}

test('pairs of metadata are counted without reading lines, including pending levels', async t => {
  const pairs = (flags: number, withMetadata: boolean) => {
    const { block, read } = open({ flags, withMetadata })
    return { pairs: [...block.metadataPairs()], read }
  }
  t.same(pairs(0, false), { pairs: [0, 0], read: [] })
  t.same(pairs(1, false), { pairs: [1, 1], read: [] })
  t.same(pairs(0, true), { pairs: [0, 1], read: ['metadataSets', 'rowSets'] })
  t.same(pairs(1, true), { pairs: [1, 2], read: ['metadataSets', 'rowSets'] })
})

test('decompressed memory is freed, memory that was only read is not', async t => {
  const lines = Buffer.from('the same words again and again\n'.repeat(10_000))
  const lengths = new Uint32Array(10_000).fill(30)
  const columns = {
    flags: 0,
    sequence: 1,
    minNs: 0n,
    maxNs: 0n,
    timestamps: new Float64Array(10_000),
    lengths,
    lines,
    metadata: {
      sets: [[], createLabelSet({ trace_id: 'abc' })],
      rowSets: lengths.map((_, row) => row % 2),
    },
  }
  for (const compression of ['split', 'zstd', 'none'] as const) {
    const { block, file } = openEncoded(columns, compression)
    const column = block.lines()
    t.ok(column.bytes.equals(lines))
    const { offsets } = column
    const numbers = [offsets, block.timestamps(), block.lineLengths(), block.metadata().rowSets]
    t.same(
      numbers.map(values => values.length),
      [10_001, 10_000, 10_000, 10_000],
    )
    block.release()
    t.equal(column.bytes.length, compression === 'none' ? lines.length : 0)
    t.same(
      numbers.map(values => values.length),
      [0, 0, 0, 0],
    )
    t.ok(file.length > 0)
  }
})

test('a text is found, and the lines are joined, with one read', t => {
  const texts = Array.from({ length: 5_000 }, (_, i) => `order ${i} was ${i % 2 ? 'paid' : 'sent'}`)
  const lines = Buffer.from(`${texts.join('\n')}\n`)
  const columns = {
    ...{ flags: 0, sequence: 1, minNs: 0n, maxNs: 0n, metadata: undefined, lines },
    timestamps: new Float64Array(texts.length),
    lengths: Uint32Array.from(texts, text => text.length),
  }
  const { block, read } = openEncoded(columns, 'split')
  const paid = block.lines().rowsWith!(Buffer.from('was paid'))!
  t.same([...paid.subarray(0, 4)], [0, 1, 0, 1])
  t.ok(block.lines().bytes.equals(lines))
  t.equal(block.lines().rowsWith!(Buffer.from('was paid')), undefined)
  t.same(read, ['lines'])
  block.release()
  t.ok(block.lines().bytes.equals(lines), 'a released block reads again')

  const memory = Buffer.allocUnsafeSlow(lines.length)
  const { block: inMemory } = openEncoded(columns, 'split', () => memory)
  t.equal(inMemory.lines().bytes, memory)
  inMemory.release()
  t.ok(memory.equals(lines), 'memory of others is not freed')
  t.end()
})
