import { test } from 'tap'
import { FairQueue } from '../../src/memory/fair-queue.ts'

test('owners take turns, and what one owner waits for comes in order', async t => {
  const queue = new FairQueue<string>()
  for (const one of ['a1', 'a2', 'a3', 'b1', 'c1', 'b2']) queue.push(one[0]!, one)
  t.equal(queue.size, 6)
  t.same(queue.all.toSorted(), ['a1', 'a2', 'a3', 'b1', 'b2', 'c1'])
  const order = Array.from({ length: 6 }, () => queue.shift())
  t.same(order, ['a1', 'b1', 'c1', 'a2', 'b2', 'a3'])
  t.equal(queue.shift(), undefined)
  t.equal(queue.size, 0)
})

test('one that left does not get a turn', async t => {
  const queue = new FairQueue<string>()
  for (const one of ['a1', 'b1', 'a2']) queue.push(one[0]!, one)
  queue.remove('a', 'a1')
  queue.remove('b', 'b1')
  queue.remove('b', 'b1')
  queue.remove('c', 'c1')
  t.equal(queue.size, 1)
  t.equal(queue.shift(), 'a2')
})
