import { test } from 'tap'
import { TokenBucket } from '../../src/ingest/token-bucket.ts'

const rate = { perSecond: 10, burst: 20 }

test('TokenBucket allows a burst at once and then its rate', async t => {
  const bucket = new TokenBucket(rate, 0)
  t.equal(bucket.take(20, rate, 0), true)
  t.equal(bucket.take(1, rate, 0), false)
  t.equal(bucket.take(5, rate, 500), true)
  t.equal(bucket.take(1, rate, 500), false)
  t.equal(bucket.take(0, rate, 500), true)
})

test('TokenBucket saves no more than its burst', async t => {
  const bucket = new TokenBucket(rate, 0)
  t.equal(bucket.take(21, rate, 60_000), false)
  t.equal(bucket.take(20, rate, 60_000), true)
})

test('TokenBucket takes nothing when it refuses, and follows a changed rate', async t => {
  const bucket = new TokenBucket(rate, 0)
  t.equal(bucket.take(30, rate, 0), false)
  t.equal(bucket.take(20, rate, 0), true)
  const faster = { perSecond: 1000, burst: 500 }
  t.equal(bucket.take(500, faster, 500), true)
})

test('TokenBucket is not affected by a clock that is set back', async t => {
  const bucket = new TokenBucket(rate, 10_000)
  t.equal(bucket.take(20, rate, 10_000), true)
  t.equal(bucket.take(1, rate, 5_000), false)
  t.equal(bucket.take(10, rate, 6_000), true)
})

test('TokenBucket reports when there will be enough', async t => {
  const bucket = new TokenBucket(rate, 0)
  bucket.take(20, rate, 0)
  t.equal(bucket.secondsUntil(1, rate), 1)
  t.equal(bucket.secondsUntil(15, rate), 2)
  t.equal(bucket.secondsUntil(1_000_000, rate), 2)
})
