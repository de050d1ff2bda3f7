import { test } from 'tap'
import { tailQueueBytesLeast, tailQueueBytesMax } from '../../src/limits.ts'
import { TailBudget } from '../../src/tail/tail-budget.ts'

const mib = 1024 * 1024

test('a client may let much wait, and all together no more than the bound', async t => {
  const budget = new TailBudget()
  t.ok(budget.take(tailQueueBytesMax, 0))
  t.notOk(budget.take(1, tailQueueBytesMax))
  for (let i = 0; i < 3; i++) t.ok(budget.take(tailQueueBytesMax, 0))
  t.notOk(budget.take(mib, mib), 'there is nothing left')
  t.ok(budget.take(tailQueueBytesLeast / 2, tailQueueBytesLeast / 2), 'but for the minimum')
  budget.give(tailQueueBytesMax)
  t.ok(budget.take(mib, mib))
})

test('in a small store, a client may let a quarter of a smaller bound wait', async t => {
  const budget = new TailBudget(8 * mib)
  t.ok(budget.take(mib, mib))
  t.notOk(budget.take(2 * mib, mib))
})

test('while memory is short, each client has only the minimum', async t => {
  let isShort = false
  const budget = new TailBudget(64 * mib, () => isShort)
  t.ok(budget.take(mib, mib))
  isShort = true
  t.notOk(budget.take(1, mib))
  t.ok(budget.take(tailQueueBytesLeast, 0))
  t.ok(budget.take(mib, 0), 'a single entry may wait, whatever its size')
  isShort = false
  t.ok(budget.take(mib, mib))
})
