import { test } from 'tap'
import type { SegmentPartInfo } from '../../src/catalog/catalog.ts'
import {
  chooseLevel0,
  chooseRun,
  isLevel0Due,
  mergeBoundsMax,
} from '../../src/compaction/choose.ts'
import { mergeInputsMax } from '../../src/limits.ts'

const mib = 1024 * 1024

function part(sequence: number, overrides: Partial<SegmentPartInfo> = {}): SegmentPartInfo {
  const { level = 0 } = overrides
  return {
    name: `${sequence}-${level}`,
    level,
    sequence,
    version: 2,
    sizeBytes: 1000,
    createdMs: 0,
    tenant: 'a',
    day: 1,
    rowCount: 1,
    lineBytes: 1,
    ...overrides,
  }
}
const many = (count: number, overrides: Partial<SegmentPartInfo>) =>
  Array.from({ length: count }, (_, i) => part(i + 1, overrides))

const level0 = (segments: number, sizeBytes: number, oldestMs: number) => ({
  segments,
  sizeBytes,
  oldestMs,
})

test('level 0 is due when it is old, large or has many segments', async t => {
  t.notOk(isLevel0Due(level0(0, 0, 0), 1e9), 'nothing is never due')
  t.notOk(isLevel0Due(level0(10, 1000, 1000), 2000), 'small, few and young')
  t.ok(isLevel0Due(level0(1, 1000, 1000), 61_000), 'old')
  t.ok(isLevel0Due(level0(2, 64 * mib, 1000), 1001), 'large')
  t.ok(isLevel0Due(level0(256, 1000, 1000), 1001), 'many')
})

test('a merge of level 0 produces one segment per tenant and day', async t => {
  t.equal(chooseLevel0([]), undefined)
  const choice = chooseLevel0([part(1), part(1, { tenant: 'b' }), part(2, { day: 2 }), part(2)])
  t.same(choice, {
    inputs: ['1-0', '2-0'],
    outputs: [
      { tenant: 'a', day: 1 },
      { tenant: 'b', day: 1 },
      { tenant: 'a', day: 2 },
    ],
    level: 1,
    sequence: 2,
  })
})

test('a long backlog of level 0 is merged in portions, oldest first', async t => {
  t.same(chooseLevel0(many(10, { sizeBytes: 40 * mib }))?.inputs, ['1-0', '2-0', '3-0'])
})

test('a merge takes a bounded number of segments, however small they are', async t => {
  t.equal(chooseLevel0(many(20_000, {}))?.inputs.length, mergeInputsMax)
  t.equal(chooseRun(many(20_000, { level: 1 }))?.inputs.length, mergeInputsMax)
  const few = { ...mergeBoundsMax, inputs: 64 }
  t.equal(chooseLevel0(many(20_000, {}), few)?.inputs.at(-1), '64-0')
  t.equal(chooseRun(many(20_000, { level: 1 }), few)?.inputs.at(-1), '64-1')
  const small = { ...mergeBoundsMax, runBytes: 8000 }
  t.equal(chooseRun(many(20, { level: 1 }), small)?.inputs.length, 8)
  t.equal(chooseRun(many(20, { level: 1, sizeBytes: 1001 }), small), undefined, 'seven are too few')
})

test('eight neighbours of similar size are merged, whatever other days hold', async t => {
  const small = many(8, { level: 1 })
  t.equal(chooseRun(small.slice(1)), undefined, 'seven are too few')
  t.same(chooseRun([...small, part(9, { level: 1, day: 2 })]), {
    inputs: small.map(({ name }) => name),
    outputs: [{ tenant: 'a', day: 1 }],
    level: 2,
    sequence: 8,
  })
})

test('only neighbours in sequence are merged', async t => {
  const large = { level: 1, sizeBytes: 300 * mib }
  const parts = [
    ...many(5, { level: 1 }),
    part(6, large),
    ...many(5, { level: 1 }).map(p => ({
      ...p,
      sequence: p.sequence + 6,
      name: `${p.sequence + 6}-1`,
    })),
  ]
  t.equal(chooseRun(parts), undefined)
})

test('segments of full size are not merged', async t => {
  t.equal(chooseRun(many(20, { level: 3, sizeBytes: 600 * mib })), undefined)
})
