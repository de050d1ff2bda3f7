import { test } from 'tap'
import { TokenBucket } from '../src/token-bucket.ts'

const rate = { perSecond: 10, burst: 20 }

test('TokenBucket allows a burst at once and then its rate', async t => {
  const bucket = new TokenBucket(rate)
  t.equal(bucket.take(20, rate, 0), true)
  t.equal(bucket.take(1, rate, 0), false)
  t.equal(bucket.take(5, rate, 500), true)
  t.equal(bucket.take(1, rate, 500), false)
  t.equal(bucket.take(0, rate, 500), true)
})

test('TokenBucket saves no more than its burst', async t => {
  const bucket = new TokenBucket(rate)
  t.equal(bucket.take(21, rate, 60_000), false)
  t.equal(bucket.take(20, rate, 60_000), true)
})

test('TokenBucket takes nothing when it refuses, and follows a changed rate', async t => {
  const bucket = new TokenBucket(rate)
  t.equal(bucket.take(30, rate, 0), false)
  t.equal(bucket.take(20, rate, 0), true)
  const faster = { perSecond: 1000, burst: 500 }
  t.equal(bucket.take(500, faster, 500), true)
})

test('TokenBucket is not affected by a clock that is set back', async t => {
  const bucket = new TokenBucket(rate)
  t.equal(bucket.take(20, rate, 10_000), true)
  t.equal(bucket.take(1, rate, 5_000), false)
  t.equal(bucket.take(10, rate, 6_000), true)
})

test('TokenBucket reports when there will be enough', async t => {
  const bucket = new TokenBucket(rate)
  bucket.take(20, rate, 0)
  t.equal(bucket.msUntil(1, rate, 0), 100)
  t.equal(bucket.msUntil(15, rate, 0), 1500)
  t.equal(bucket.msUntil(1_000_000, rate, 0), 2000, 'no longer than until it is full')
  t.equal(bucket.msUntil(1, rate, 60), 40)
  t.equal(bucket.msUntil(1, rate, 100), 0)
})

test('TokenBucket gives on credit where it is told to', async t => {
  const bucket = new TokenBucket(rate)
  bucket.take(20, rate, 0)
  bucket.takeAnyway(5, rate, 0)
  t.equal(bucket.msUntil(1, rate, 0), 600)
  t.equal(bucket.take(1, rate, 500), false)
  t.equal(bucket.take(1, rate, 600), true)
})
