import { test } from 'tap'
import type { DaySize } from '../../src/catalog/catalog.ts'
import {
  fairBytes,
  planSpace,
  type SpaceLimits,
  type SpaceState,
  spaceUnits,
} from '../../src/compaction/space-plan.ts'

const gib = 1024 ** 3
const day = (number: number, tenant: string, size: number, level0 = 0): DaySize => ({
  ...{ day: number, tenant, compactedBytes: size * gib, level0Bytes: level0 * gib },
})
const noLimits: SpaceLimits = { maxBytes: 0, minFreeBytes: 0, tenantMaxBytes: () => 0 }

/** A disk of 1000 GiB. Whatever is neither free nor the store's belongs to other files. */
function stateOf(
  days: readonly DaySize[],
  limits: Partial<SpaceLimits>,
  { free = 500, taken = 500, firstKeptDay = 100, lingering = 0 } = {},
): SpaceState {
  return {
    days,
    units: spaceUnits(days, { firstKeptDay, segments: [], newestMs: 0 }),
    usage: { totalBytes: 1000 * gib, freeBytes: free * gib, takenBytes: taken * gib },
    lingeringBytes: lingering * gib,
    limits: { ...noLimits, ...limits },
  }
}

const plan = (state: SpaceState) => {
  const { drops, obstacle } = planSpace(state)
  return { drops: drops.map(drop => `${drop.day} ${drop.tenant} ${drop.reason}`), obstacle }
}

const days = [day(1, 'a', 10), day(1, 'b', 30), day(2, 'a', 10), day(3, 'b', 20), day(4, 'a', 5, 5)]

test('nothing goes as long as nothing is short', t => {
  t.same(plan(stateOf(days, {})), { drops: [], obstacle: undefined })
  t.same(plan(stateOf(days, { maxBytes: 80 * gib, minFreeBytes: 500 * gib })).drops, [])
  t.end()
})

test('the oldest day goes first, and of one day the largest tenant', t => {
  t.same(plan(stateOf(days, { maxBytes: 79 * gib })).drops, ['1 b size'])
  t.same(plan(stateOf(days, { maxBytes: 45 * gib })).drops, ['1 b size', '1 a size'])
  t.same(plan(stateOf(days, { maxBytes: 25 * gib })), {
    drops: ['1 b size', '1 a size', '2 a size', '3 b size'],
    obstacle: undefined,
  })
  t.end()
})

test('a tenant above its own limit loses only its own days', t => {
  const tenantMaxBytes = (tenant: string) => (tenant === 'a' ? 20 * gib : 0)
  t.same(plan(stateOf(days, { tenantMaxBytes })).drops, ['1 a tenant_size'])
  t.same(plan(stateOf(days, { tenantMaxBytes, maxBytes: 45 * gib })).drops, [
    ...['1 a tenant_size', '1 b size'],
  ])
  t.end()
})

test('what is too young stays, and the plan says so', t => {
  t.same(plan(stateOf(days, { maxBytes: 1 }, { firstKeptDay: 2 })), {
    drops: ['1 b size', '1 a size'],
    obstacle: 'age',
  })
  t.same(plan(stateOf(days, { minFreeBytes: 400 * gib }, { free: 300, firstKeptDay: 0 })), {
    drops: [],
    obstacle: 'age',
  })
  t.same(plan(stateOf([day(1, 'a', 0, 5)], { maxBytes: 1 })), { drops: [], obstacle: 'age' })
  t.end()
})

test('free space counts what was deleted and is still read', t => {
  const limits = { minFreeBytes: 100 * gib }
  const of = (lingering: number) =>
    plan(stateOf(days, limits, { free: 60, taken: 90, lingering })).drops
  t.same(of(0), ['1 b free_space', '1 a free_space'])
  t.same(of(20), ['1 b free_space'])
  t.same(of(40), [])
  t.end()
})

test('other files may fill the disk, but do not push out the last of the logs', t => {
  // 80 GiB of logs, the fair part of a disk of 1000 GiB is 20 GiB.
  const state = (taken: number) =>
    stateOf(days, { minFreeBytes: 100 * gib }, { free: 20, taken: 80 + taken })
  t.same(plan(state(900)), {
    drops: ['1 b free_space', '1 a free_space', '2 a free_space'],
    obstacle: 'others',
  })
  t.same(plan(state(0)).drops.length, 5, 'on a disk of its own, the store has nobody to share with')
  t.same(plan(stateOf([day(1, 'a', 10)], { minFreeBytes: 100 * gib }, { free: 1, taken: 990 })), {
    drops: [],
    obstacle: 'others',
  })
  t.end()
})

test('the fair part is a twentieth of the disk, at most 20 GiB, and no more than others take', t => {
  const usage = (total: number, taken: number) => ({
    ...{ totalBytes: total * gib, takenBytes: taken * gib, freeBytes: 0 },
  })
  t.equal(fairBytes(usage(100, 90), 10 * gib), 5 * gib)
  t.equal(fairBytes(usage(10_000, 9000), 10 * gib), 20 * gib)
  t.equal(fairBytes(usage(100, 12), 10 * gib), 2 * gib)
  t.equal(fairBytes(usage(100, 5), 10 * gib), 0)
  t.end()
})

test('after the whole days, single segments of later days may go', t => {
  const segment = (name: string, number: number, maxMs: number) => ({
    ...{ name, tenant: 'a', day: number, sizeBytes: 1, maxMs },
  })
  const units = spaceUnits([day(4, 'a', 1), day(5, 'a', 1)], {
    firstKeptDay: 5,
    segments: [segment('one', 5, 10), segment('two', 5, 30), segment('three', 6, 20)],
    newestMs: 20,
  })
  t.same(
    units.map(unit => unit.segment ?? unit.day),
    [4, 'one', 'three'],
  )
  t.end()
})
