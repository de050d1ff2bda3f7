import { test } from 'tap'
import type { SegmentPartInfo } from '../../src/catalog/catalog.ts'
import { chooseMerge } from '../../src/compaction/choose.ts'

const mib = 1024 * 1024

function part(sequence: number, overrides: Partial<SegmentPartInfo> = {}): SegmentPartInfo {
  const { level = 0 } = overrides
  return {
    name: `${sequence}-${level}`,
    level,
    sequence,
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

test('level 0 is left alone while it is small, few and young', async t => {
  t.equal(chooseMerge([], 1e9), undefined)
  t.equal(chooseMerge(many(10, { createdMs: 1000 }), 2000), undefined)
})

test('level 0 is merged when it is old, large, many or asked for', async t => {
  t.equal(chooseMerge(many(2, {}), 60_000)?.inputs.length, 2, 'old')
  t.equal(chooseMerge(many(2, { sizeBytes: 32 * mib }), 1)?.inputs.length, 2, 'large')
  t.equal(chooseMerge(many(256, {}), 1)?.inputs.length, 256, 'many')
  t.equal(chooseMerge(many(1, {}), 1, { force: true })?.inputs.length, 1, 'asked for')
})

test('a merge of level 0 makes one segment for each tenant and day', async t => {
  const choice = chooseMerge(
    [part(1), part(1, { tenant: 'b' }), part(2, { day: 2 }), part(2)],
    60_000,
  )
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

test('a long backlog of level 0 is taken in portions, oldest first', async t => {
  const choice = chooseMerge(many(10, { sizeBytes: 40 * mib }), 1)
  t.same(choice?.inputs, ['1-0', '2-0', '3-0'])
})

test('eight neighbours of similar size are merged, whatever lies in other days', async t => {
  const small = many(8, { level: 1 })
  t.equal(chooseMerge(small.slice(1), 1), undefined, 'seven are too few')
  t.same(chooseMerge([...small, part(9, { level: 1, day: 2 })], 1), {
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
  t.equal(chooseMerge(parts, 1), undefined)
})

test('segments of full size are left as they are', async t => {
  t.equal(chooseMerge(many(20, { level: 3, sizeBytes: 600 * mib }), 1), undefined)
})
