import { isDeepStrictEqual } from 'node:util'
import { createLabelSet, type LabelSet } from '@skald/wire'
import fc from 'fast-check'
import { test } from 'tap'
import type { BlockColumns } from '../../src/segment/block.ts'
import { mergeRows, type RowSource } from '../../src/segment/merge-rows.ts'

type Row = readonly [time: number, line: string, metadata?: LabelSet]

/** Builds rows as in a push, with other bytes between the lines, or as in a block. */
function source(rows: readonly Row[], isPacked: boolean): RowSource {
  const lines = rows.map(([, line]) => Buffer.from(line))
  const before = isPacked ? '' : '##'
  const after = isPacked ? '\n' : '#'
  const offsets: number[] = []
  let at = 0
  for (const line of lines) {
    offsets.push(at + before.length)
    at += before.length + line.length + after.length
  }
  const sets = rows.map(([, , metadata]) => metadata ?? [])
  return {
    rowCount: rows.length,
    timestamps: Float64Array.from(rows, ([time]) => time),
    bytes: Buffer.concat(lines.flatMap(line => [Buffer.from(before), line, Buffer.from(after)])),
    offsets: Uint32Array.from(offsets),
    lengths: Uint32Array.from(lines, line => line.length),
    isPacked,
    metadata: sets.some(set => set.length > 0)
      ? { sets, rowSets: Uint32Array.from(sets, (_, i) => i) }
      : undefined,
  }
}

function rowsOf(block: BlockColumns): Row[] {
  let at = 0
  return [...block.lengths].map((length, i): Row => {
    const line = block.lines.toString('utf8', at, at + length)
    at += length + 1
    const set = block.metadata?.sets[block.metadata.rowSets[i]!]
    const time = Number(block.minNs) + block.timestamps[i]!
    return set && set.length > 0 ? [time, line, set] : [time, line]
  })
}

function merge(sources: readonly (readonly Row[])[], lineBytesMax = 1000): Row[][] {
  const allocate = Buffer.alloc
  const options = { dayStartNs: 0n, flags: 0, sequence: 7, lineBytesMax, allocate }
  const [packed, loose] = [true, false].map(isPacked => {
    const given = sources.map(rows => source(rows, isPacked))
    return [...mergeRows(given, options)].map(rowsOf)
  })
  if (!isDeepStrictEqual(packed, loose)) throw new Error('packed and loose rows differ')
  return packed!
}

test('mergeRows sorts by time, ties in order of arrival', async t => {
  t.same(
    merge([
      [
        [3, 'c'],
        [1, 'a'],
      ],
      [
        [2, 'b'],
        [1, 'z'],
        [1, 'b'],
      ],
    ]),
    [
      [
        [1, 'a'],
        [1, 'z'],
        [1, 'b'],
        [2, 'b'],
        [3, 'c'],
      ],
    ],
  )
})

test('mergeRows keeps equal lines at equal times if their metadata differs', async t => {
  const id = (value: string) => createLabelSet({ id: value })
  t.same(
    merge([
      [
        [1, 'a', id('1')],
        [1, 'b'],
      ],
      [
        [1, 'a', id('2')],
        [1, 'a', id('1')],
        [1, 'b', createLabelSet({ detected_level: 'info' })],
        [2, 'a'],
      ],
    ]),
    [
      [
        [1, 'a', id('1')],
        [1, 'b'],
        [1, 'a', id('2')],
        [2, 'a'],
      ],
    ],
  )
})

test('mergeRows ends a block before it exceeds the limit', async t => {
  const blocks = merge(
    [
      [
        [1, 'aaaa'],
        [2, 'bbbb'],
        [3, 'a line longer than the limit'],
        [4, 'c'],
      ],
    ],
    10,
  )
  t.same(
    blocks.map(rows => rows.map(([time]) => time)),
    [[1, 2], [3], [4]],
  )
})

test('mergeRows without rows yields nothing', async t => {
  t.same(merge([]), [])
  t.same(merge([[], []]), [])
})

test('mergeRows yields each distinct row once, sorted, from any sources', async t => {
  const row = fc.tuple(fc.integer({ min: 0, max: 6 }), fc.constantFrom('', 'a', 'b', 'a\nb'))
  fc.assert(
    fc.property(fc.array(fc.array(row)), fc.integer({ min: 1, max: 20 }), (sources, limit) => {
      const merged = merge(sources, limit).flat()
      const expected = new Map(sources.flat().map(r => [JSON.stringify(r), r]))
      t.equal(merged.length, expected.size)
      t.ok(merged.every(r => expected.has(JSON.stringify(r))))
      t.ok(merged.every(([time], i) => i === 0 || time >= merged[i - 1]![0]))
    }),
  )
  t.pass()
})

test('mergeRows yields each of very many lines with one time once', async t => {
  const ids = [createLabelSet({ id: '1' }), createLabelSet({ id: '2' })]
  const lines = (from: number): Row[] =>
    Array.from({ length: 100 }, (_, i) => [1, `line ${(from + i) >> 1}`, ids[(from + i) & 1]!])
  const merged = merge([lines(0), [[0, 'before']], lines(50), [[2, 'after']], lines(0)], 1e6).flat()
  t.same(
    merged.map(([, line]) => line),
    ['before', ...Array.from({ length: 150 }, (_, i) => `line ${i >> 1}`), 'after'],
  )
})
