// Counts of rows: what they say, how they are stored, and that they stay small.

import { createLabelSet, type LabelSet } from '@skald/wire'
import { test } from 'tap'
import { countsBytesLeast, countsShareMax } from '../../../src/limits.ts'
import {
  CountGroupReader,
  CountGroupWriter,
  countsBytes,
} from '../../../src/segment/counts/count-group.ts'
import { type CountedColumns, countRows } from '../../../src/segment/counts/count-rows.ts'
import { StoredCounts } from '../../../src/segment/counts/stored-counts.ts'
import { flagLevelsPending } from '../../../src/segment/format.ts'
import { day, midnightNs } from '../../harness.ts'
import { createRandom, type TestRandom } from '../filter/random-lines.ts'

const minuteNs = 60_000_000_000
/** So many bytes of lines that the counts of any test fit. */
const manyBytes = 1e9

interface CountedRow {
  /** Since midnight. */
  readonly ns: number
  readonly bytes: number
  readonly set: number
}

function columnsOf(rows: readonly CountedRow[], sets: readonly LabelSet[]): CountedColumns {
  const first = rows[0]!.ns
  return {
    flags: 0,
    minNs: midnightNs + BigInt(first),
    timestamps: Float64Array.from(rows, ({ ns }) => ns - first),
    lengths: Uint32Array.from(rows, ({ bytes }) => bytes),
    metadata: { sets, rowSets: Uint32Array.from(rows, ({ set }) => set) },
  }
}

const sets = [
  createLabelSet({ detected_level: 'info', pod: 'a' }),
  createLabelSet({ detected_level: 'error' }),
  createLabelSet({ pod: 'b' }),
  createLabelSet({ detected_level: 'info', trace: '1' }),
]
const levelOf = (set: number) => ['info', 'error', undefined, 'info'][set]

function randomRows(random: TestRandom): CountedRow[] {
  return Array.from({ length: 1 + random.below(200) }, () => ({
    ns: random.below(300) * minuteNs + random.pick([0, 1, -1, random.below(minuteNs)]),
    bytes: random.below(200),
    set: random.below(4),
  }))
    .map(row => ({ ...row, ns: Math.max(0, row.ns) }))
    .sort((a, b) => a.ns - b.ns)
}

test('counts say how many rows and bytes of a level each minute has', t => {
  const random = createRandom(3)
  for (let n = 0; n < 50; n++) {
    const rows = randomRows(random)
    const counts = countRows(columnsOf(rows, sets), day, manyBytes)!
    t.same(counts.names, ['pod', 'trace'])
    t.equal(counts.cellNs, minuteNs)
    const expected = new Map<string, [number, number]>()
    for (const { ns, bytes, set } of rows) {
      // A time on the minute belongs to the minute that ends there.
      const key = `${levelOf(set)} ${Math.ceil(ns / minuteNs)}`
      const [before, bytesBefore] = expected.get(key) ?? [0, 0]
      expected.set(key, [before + 1, bytesBefore + bytes])
    }
    const found = new Map<string, [number, number]>()
    for (const { level, cells, rows: inCells, bytes } of counts.levels) {
      for (const [i, cell] of cells.entries()) {
        found.set(`${level} ${cell}`, [inCells[i]!, bytes[i]!])
        if (i > 0 && cells[i - 1]! >= cell) t.fail('cells ascend')
      }
    }
    t.same([...found].sort(), [...expected].sort())
  }
  t.end()
})

test('cells get longer until the counts are small enough', t => {
  const rows = Array.from({ length: 1200 }, (_, i) => ({
    ns: (i + 1) * minuteNs,
    bytes: 100,
    set: i % 2,
  }))
  const columns = columnsOf(rows, sets.slice(0, 2))
  const cellsFor = (linesBytes: number) => {
    const counts = countRows(columns, day, linesBytes)!
    t.ok(countsBytes(counts) <= Math.max(countsBytesLeast, linesBytes * countsShareMax))
    const total = counts.levels.flatMap(level => level.rows).reduce((sum, count) => sum + count, 0)
    t.equal(total, rows.length)
    return counts.cellNs / 1e9
  }
  t.same([1e9, 1e6, 150_000, 60_000, 25_000, 1000].map(cellsFor), [60, 60, 300, 900, 3600, 86_400])
  t.end()
})

test('some blocks have no counts', t => {
  const rows = [{ ns: 5, bytes: 1, set: 0 }]
  const columns = columnsOf(rows, [sets[0]!])
  t.ok(countRows(columns, day, 1))
  t.notOk(countRows({ ...columns, flags: flagLevelsPending }, day, 1), 'levels are pending')
  const ids = Array.from({ length: 40 }, (_, i) => createLabelSet({ detected_level: `id-${i}` }))
  const odd = ids.map((_, set) => ({ ns: set, bytes: 1, set }))
  t.notOk(countRows(columnsOf(odd, ids), day, manyBytes), 'too many levels')
  const wide = Array.from({ length: 200 }, (_, i) => createLabelSet({ [`name_${i}`]: 'x' }))
  const named = wide.map((_, set) => ({ ns: set, bytes: 1, set }))
  t.notOk(countRows(columnsOf(named, wide), day, manyBytes), 'too many names')
  const plain = { ...columns, metadata: undefined }
  t.same(countRows(plain, day, 1), {
    ...{ names: [], cellNs: minuteNs },
    levels: [{ level: undefined, cells: [1], rows: [1], bytes: [1] }],
  })
  t.end()
})

test('groups return the counts of each block, and notice every flipped bit', t => {
  const random = createRandom(4)
  const blocks = Array.from({ length: 30 }, (_, i) =>
    i % 7 === 3 ? undefined : countRows(columnsOf(randomRows(random), sets), day, manyBytes),
  )
  const writer = new CountGroupWriter(5)
  for (const counts of blocks) writer.add(counts)
  const { record, bytes } = writer.finish(1000)!
  t.match(record, { firstBlock: 5, blockCount: 30, offsetBytes: 1000, storedBytes: bytes.length })
  const reader = new CountGroupReader(record, bytes)
  for (const [i, counts] of blocks.entries()) t.same(reader.countsOf(i), counts)
  const stored = new StoredCounts([record], () => bytes)
  t.same(stored.of(4), undefined, 'a block before the group')
  t.same(stored.of(6), blocks[1])
  for (let at = 0; at < bytes.length; at += 13) {
    const damaged = Buffer.from(bytes)
    damaged[at]! ^= 1 << (at % 8)
    t.throws(() => new CountGroupReader(record, damaged), RangeError)
    t.same(new StoredCounts([record], () => damaged).of(6), undefined)
  }
  t.notOk(new CountGroupWriter(0).finish(0), 'a group without counts')
  t.end()
})
