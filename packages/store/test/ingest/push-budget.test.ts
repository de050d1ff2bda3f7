import { test } from 'tap'
import { PushRejectedError } from '../../src/errors.ts'
import { PushBudget } from '../../src/ingest/push-budget.ts'
import { pendingPushBytesMax } from '../../src/limits.ts'

test('a push takes a share and gives it back once', async t => {
  const budget = new PushBudget()
  const release = budget.enter(1_000_000)
  t.equal(budget.bytes, 4_000_000)
  t.equal(budget.arriving, 1)
  release()
  release()
  t.equal(budget.bytes, 0)
  t.equal(budget.arriving, 0)
})

test('a push of unknown length takes a share as well', async t => {
  const budget = new PushBudget()
  budget.enter(0)
  t.equal(budget.bytes, 4 * 16 * 1024)
})

test('what does not fit is refused with 503 until there is room', async t => {
  const budget = new PushBudget()
  const quarter = pendingPushBytesMax / 16
  const releases = Array.from({ length: 4 }, () => budget.enter(quarter))
  t.equal(budget.bytes, pendingPushBytesMax)
  try {
    budget.enter(1)
    t.fail('there was no room')
  } catch (error) {
    t.ok(error instanceof PushRejectedError)
    t.match(error, { status: 503, retryAfterSeconds: 1, message: /^too many pushes under way/ })
  }
  t.equal(budget.bytes, pendingPushBytesMax, 'the refused push holds nothing')
  t.equal(budget.arriving, 4)
  releases[0]!()
  t.doesNotThrow(() => budget.enter(1))
})

test('one push is let in whatever its size', async t => {
  const budget = new PushBudget()
  const release = budget.enter(pendingPushBytesMax)
  t.throws(() => budget.enter(1), PushRejectedError)
  release()
  t.doesNotThrow(() => budget.enter(1))
})

test('a decoded push is no longer arriving, but holds its share', async t => {
  const budget = new PushBudget()
  const holder = { releaseBudget: budget.enter(1_000_000) }
  budget.enter(1_000_000)
  budget.decoded(holder)
  budget.decoded({})
  t.equal(budget.arriving, 1)
  t.equal(budget.bytes, 8_000_000)
  holder.releaseBudget()
  t.equal(budget.bytes, 4_000_000)
})

test('a body that became larger than assumed counts for what it is', async t => {
  const budget = new PushBudget()
  const holder = { releaseBudget: budget.enter(1_000_000) }
  budget.unpacked(holder, 3_000_000)
  t.equal(budget.bytes, 4_000_000, 'less is as assumed')
  budget.unpacked(holder, 50_000_000)
  t.equal(budget.bytes, 50_000_000)
  budget.unpacked({}, 1)
  const other = { releaseBudget: budget.enter(1_000_000) }
  t.throws(() => budget.unpacked(other, 20_000_000), PushRejectedError)
  t.equal(budget.bytes, 54_000_000, 'the refused push keeps its share')
  holder.releaseBudget()
  t.equal(budget.bytes, 4_000_000)
  budget.unpacked(other, pendingPushBytesMax * 2)
  t.equal(budget.bytes, pendingPushBytesMax * 2, 'one push alone always has room')
  other.releaseBudget()
  other.releaseBudget()
  budget.unpacked(other, 5)
  t.equal(budget.bytes, 0)
})
