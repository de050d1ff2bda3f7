import { test } from 'tap'
import { PushRejectedError } from '../../src/errors.ts'
import { PushBudget } from '../../src/ingest/push-budget.ts'
import { pendingPushBytesMax } from '../../src/limits.ts'

const mib = 1024 * 1024
const least = 16 * 1024
const a = { tenant: 'a', address: '10.0.0.1' }
const b = { tenant: 'b', address: '10.0.0.2' }

function createClock() {
  const clock = { ms: 1000, now: () => clock.ms }
  return clock
}

test('a push counts by what has arrived, and returns its share once', async t => {
  const budget = new PushBudget()
  const share = budget.enter(a)
  t.equal(budget.bytes, least, 'the announced length does not count')
  share.received(1000)
  t.equal(budget.bytes, least)
  share.received(1_000_000)
  t.equal(budget.bytes, 1_000_000)
  share.release()
  share.release()
  share.received(1_000_000)
  t.equal(budget.bytes, 0)
  t.equal(budget.arriving, 0)
})

test('a body that is stored while it arrives holds less again', async t => {
  const budget = new PushBudget()
  const share = budget.enter(a)
  share.holds(3 * mib)
  t.equal(budget.bytes, 3 * mib)
  share.holds(0)
  t.equal(budget.bytes, least)
  share.release()
  share.holds(mib)
  t.equal(budget.bytes, 0)
})

test('a push that does not fit is rejected with 503 until there is room', async t => {
  const budget = new PushBudget()
  const owners = Array.from({ length: 100 }, (_, i) => ({
    tenant: `t${i}`,
    address: `10.0.0.${i}`,
  }))
  const shares = owners.map(owner => budget.enter(owner))
  let refused: Error | undefined
  for (let bytes = 100_000; !refused; bytes += 100_000) {
    for (const share of shares) {
      try {
        share.received(bytes)
      } catch (error) {
        refused ??= error as Error
      }
    }
  }
  t.ok(refused instanceof PushRejectedError)
  t.match(refused, {
    code: 'PUSH_NO_ROOM',
    retryAfterSeconds: 1,
    message: /^too many pushes in progress: /,
  })
  t.ok(budget.bytes <= pendingPushBytesMax, `${budget.bytes}`)
  t.ok(budget.bytes > pendingPushBytesMax * 0.9, `${budget.bytes}`)
  for (const share of shares.slice(0, 50)) share.release()
  t.doesNotThrow(() => budget.enter({ tenant: 'new', address: '10.0.1.1' }))
})

test('one push is admitted whatever its size, next to small ones', async t => {
  const budget = new PushBudget()
  for (let i = 0; i < 500; i++) budget.enter(b)
  const share = budget.enter(a)
  t.doesNotThrow(() => share.received(16 * mib))
  t.doesNotThrow(() => share.unpacked(2 * pendingPushBytesMax))
  t.throws(() => budget.enter(b), PushRejectedError)
  share.release()
  t.doesNotThrow(() => budget.enter(b))
})

test('no address and no tenant can take everything: others have room next to the greediest', async t => {
  const fill = (budget: PushBudget, owner: typeof a) => {
    const startBytes = budget.bytes
    try {
      for (;;) budget.enter(owner).received(256 * 1024)
    } catch (error) {
      t.ok(error instanceof PushRejectedError)
    }
    return (budget.bytes - startBytes) / pendingPushBytesMax
  }
  const budget = new PushBudget()
  const first = fill(budget, a)
  t.ok(first > 0.45 && first <= 0.5, `an address has half of it: ${first}`)
  const second = fill(budget, { ...a, address: '10.0.0.9' })
  t.ok(second > 0.2 && second <= 0.25, `its tenant has room for another: ${second}`)
  t.ok(fill(budget, { ...a, address: '10.0.0.10' }) < 0.02, 'and then no more')
  t.ok(fill(budget, b) > 0.1, 'another tenant gets half of the rest')
  const alone = new PushBudget()
  fill(alone, { tenant: '', address: '10.0.0.1' })
  t.ok(fill(alone, { tenant: '', address: '10.0.0.2' }) > 0.2, 'without tenants by address')
})

test('a body that grew larger than expected counts with its real size', async t => {
  const budget = new PushBudget()
  const share = budget.enter(a)
  share.received(1_000_000)
  share.unpacked(3_000_000)
  t.equal(budget.bytes, 3_000_000)
  share.unpacked(50_000_000)
  t.equal(budget.bytes, 50_000_000)
  const other = budget.enter(b)
  t.throws(() => other.unpacked(20_000_000), PushRejectedError)
  t.equal(budget.bytes, 50_000_000 + least, 'the refused push keeps its share')
  share.release()
  other.unpacked(pendingPushBytesMax * 2)
  t.equal(budget.bytes, pendingPushBytesMax * 2)
  other.release()
  t.equal(budget.bytes, 0)
})

test('a commit waits for bodies that arrive fast, and for no others', async t => {
  const clock = createClock()
  const budget = new PushBudget(pendingPushBytesMax, clock)
  const fast = budget.enter(a)
  const slow = budget.enter(b)
  t.equal(budget.arriving, 2, 'both have just begun')
  clock.ms += 15
  fast.received(100_000)
  clock.ms += 15
  t.equal(budget.arriving, 1, 'the slow one has sent nothing')
  clock.ms += 10_000
  t.equal(budget.arriving, 0)
  slow.received(1_000)
  t.equal(budget.arriving, 0, 'a kilobyte every ten seconds is never there in a moment')
  fast.received(16 * mib)
  t.equal(budget.arriving, 1)
  fast.decoded()
  t.equal(budget.arriving, 0)
  t.ok(budget.bytes >= 16 * mib, 'it holds its share until it is answered')
})

test('a small store has a smaller budget', async t => {
  const budget = new PushBudget(8 * mib)
  budget.enter(a).received(6 * mib)
  const share = budget.enter(b)
  t.throws(() => share.received(3 * mib), {
    code: 'PUSH_NO_ROOM',
    message: /bytes of 8388608 in use/,
  })
  share.received(mib)
})
