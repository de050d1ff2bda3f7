import { test } from 'tap'
import { DelayQueue } from '../../src/tail/delay-queue.ts'

const entry = (timestampNs: bigint) => ({ timestampNs, labels: '{}', value: '[]', isLost: false })
const timesOf = (entries: readonly { timestampNs: bigint }[]) =>
  entries.map(({ timestampNs }) => timestampNs)

test('DelayQueue without a delay keeps the order of arrival', async t => {
  const queue = new DelayQueue(0)
  t.equal(queue.dueMs, undefined)
  for (const time of [3n, 1n, 2n]) queue.add(entry(time), 100)
  t.same(timesOf(queue.take(100)), [3n, 1n, 2n])
  t.same(queue.take(100), [])
})

test('DelayQueue sorts entries that arrive within its delay', async t => {
  const queue = new DelayQueue(1000)
  queue.add(entry(3n), 0)
  queue.add(entry(1n), 500)
  queue.add(entry(7n), 999)
  t.equal(queue.dueMs, 1000)
  t.same(queue.take(999), [])
  // Entries with earlier times leave together with the one that is due.
  t.same(timesOf(queue.take(1000)), [1n, 3n])
  t.equal(queue.dueMs, 1999)
  queue.add(entry(2n), 1500)
  t.same(timesOf(queue.take(3000)), [2n, 7n])
  t.equal(queue.dueMs, undefined)
})
