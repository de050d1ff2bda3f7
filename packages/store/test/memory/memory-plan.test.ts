import { test } from 'tap'
import { pendingPushBytesMax, tailQueuesBytesMax } from '../../src/limits.ts'
import { defaultMaxMemory, planMemory } from '../../src/memory/memory-plan.ts'

const mib = 1024 * 1024
const gib = 1024 * mib

test('by default, a store takes most of its container, or a part of the machine', async t => {
  t.equal(defaultMaxMemory(512 * mib, 64 * gib), Math.round(512 * mib * 0.9))
  t.equal(defaultMaxMemory(0, 10 * gib), 6 * gib, 'no limit')
  t.equal(defaultMaxMemory(10 * gib, 10 * gib), 6 * gib, 'the machine is the limit')
  t.equal(defaultMaxMemory(2 ** 63, 10 * gib), 6 * gib, 'cgroup v1 without a limit')
})

test('queries never get as much as the heap of the main thread, where answers are made', async t => {
  t.equal(planMemory(64 * gib, 4 * gib).queryBytes, 2 * gib)
  t.equal(planMemory(500 * mib, 4 * gib).queryBytes, 200 * mib)
})

test('pushes and tails keep their bounds, and less of a small store', async t => {
  const large = planMemory(8 * gib, 4 * gib)
  t.equal(large.pushBytes, pendingPushBytesMax)
  t.equal(large.tailBytes, tailQueuesBytesMax)
  const small = planMemory(256 * mib, 4 * gib)
  t.equal(small.pushBytes, 32 * mib)
  t.equal(small.tailBytes, 16 * mib)
  t.ok(small.queryBytes + small.pushBytes + small.tailBytes < 0.7 * 256 * mib)
})
