import { createLabelSet } from '@skald/wire'
import fc from 'fast-check'
import { test } from 'tap'
import { LevelFields } from '../../src/levels/line-level.ts'
import { skipDuplicates } from '../../src/scan/duplicates.ts'
import { encodeBlock } from '../../src/segment/block.ts'
import { mergeRows } from '../../src/segment/merge-rows.ts'
import { StoredBlock } from '../../src/segment/stored-block.ts'

type Row = readonly [time: number, line: string, id?: string]

/** Builds a stored block of these rows. */
const fields = new LevelFields([])

function block(rows: readonly Row[], sequence: number): StoredBlock {
  const lines = rows.map(([, line]) => Buffer.from(line))
  const lengths = Uint32Array.from(lines, line => line.length)
  let at = 0
  const offsets = lengths.map(length => {
    at += length
    return at - length
  })
  const source = {
    rowCount: rows.length,
    timestamps: Float64Array.from(rows, ([time]) => time),
    bytes: Buffer.concat(lines),
    offsets,
    lengths,
    isPacked: false,
    metadata: {
      sets: rows.map(([, , id]) => createLabelSet({ id: id ?? '' })),
      rowSets: Uint32Array.from(rows, (_, row) => row),
    },
  }
  const options = { dayStartNs: 0n, flags: 0, sequence, lineBytesMax: 1e9, allocate: Buffer.alloc }
  const [columns] = [...mergeRows([source], options)]
  const { record, bytes } = encodeBlock(columns!, 'none')
  const file = Buffer.concat(bytes)
  const place = {
    segment: 's',
    record: { ...record, stream: 0, offsetBytes: 0 },
    labels: createLabelSet({ a: 'b' }),
  }
  return new StoredBlock(place, (offset, length) => file.subarray(offset, offset + length), fields)
}

function rowsOf(stored: StoredBlock): Row[] {
  const { bytes, offsets } = stored.lines()
  const { sets, rowSets } = stored.metadata()
  return [...stored.timestamps()]
    .map((time, row): Row => {
      const line = bytes.toString('utf8', offsets[row], offsets[row + 1]! - 1)
      const [id] = sets[rowSets[row]!] ?? []
      return [Number(stored.minNs) + time, line, ...(id ? [id.value] : [])] as const as Row
    })
    .filter((_, row) => stored.skip?.[row] !== 1)
}

function kept(blocks: readonly (readonly Row[])[]): Row[][] {
  const stored = blocks.map((rows, sequence) => block(rows, sequence))
  skipDuplicates(stored)
  return stored.map(rowsOf)
}

test('a row of an earlier block does not count again', async t => {
  t.same(
    kept([
      [
        [1, 'a'],
        [2, 'b'],
      ],
      [
        [2, 'b'],
        [2, 'c'],
        [3, 'a'],
      ],
      [
        [1, 'a'],
        [3, 'a'],
        [4, 'd'],
      ],
    ]),
    [
      [
        [1, 'a'],
        [2, 'b'],
      ],
      [
        [2, 'c'],
        [3, 'a'],
      ],
      [[4, 'd']],
    ],
  )
})

test('equal lines at other times and other lines at equal times count', async t => {
  const blocks: Row[][] = [
    [
      [1, 'a'],
      [3, 'a'],
    ],
    [
      [1, 'b'],
      [2, 'a'],
      [3, 'aa'],
    ],
  ]
  t.same(kept(blocks), blocks)
})

test('equal lines with one time count if their metadata differs', async t => {
  t.same(kept([[[1, 'a', 'x']], [[1, 'a', 'y']], [[1, 'a']], [[1, 'a', 'x']], [[1, 'a', 'y']]]), [
    [[1, 'a', 'x']],
    [[1, 'a', 'y']],
    [[1, 'a']],
    [],
    [],
  ])
})

test('blocks that only touch are compared at the shared time', async t => {
  t.same(
    kept([
      [
        [1, 'a'],
        [5, 'x'],
      ],
      [
        [5, 'x'],
        [9, 'z'],
      ],
    ]),
    [
      [
        [1, 'a'],
        [5, 'x'],
      ],
      [[9, 'z']],
    ],
  )
})

test('a block without duplicates has no skip column', async t => {
  const blocks = [block([[1, 'a']], 0), block([[1, 'b']], 1)]
  skipDuplicates(blocks)
  t.same(
    blocks.map(({ skip }) => skip),
    [undefined, undefined],
  )
})

test('very many lines with one time are compared', async t => {
  const lines = (from: number) =>
    Array.from({ length: 20_000 }, (_, i): Row => {
      const number = 100_000 + from + i
      return [7, `line ${number >> 1}`, String(number & 1)]
    })
  const found = kept([lines(0), lines(10_000), lines(0)])
  t.same(
    found.map(rows => rows.length),
    [20_000, 10_000, 0],
  )
})

test('each distinct row counts once, whatever the blocks', async t => {
  const row = fc.tuple(
    fc.integer({ min: 0, max: 4 }),
    fc.stringMatching(/^[ab]{0,6}$/),
    fc.constantFrom('x', 'y'),
  )
  const blocks = fc.array(fc.array(row, { minLength: 1, maxLength: 60 }), {
    minLength: 1,
    maxLength: 5,
  })
  fc.assert(
    fc.property(blocks, inputs => {
      const found = kept(inputs)
        .flat()
        .map(r => r.join(' '))
        .sort()
      const wanted = [...new Set(inputs.flat().map(r => r.join(' ')))].sort()
      t.same(found, wanted)
    }),
  )
})
