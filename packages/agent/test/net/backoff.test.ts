import { test } from 'tap'
import { backoffMs, parseRetryAfterMs } from '../../src/net/backoff.ts'

test('backoffMs doubles up to the limit and respects Retry-After', async t => {
  const config = { minMs: 500, maxMs: 3000, attemptsMax: 0 }
  const at = (attempt: number, random: number, retryAfterMs?: number) =>
    backoffMs(config, attempt, {
      random: () => random,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    })
  t.equal(at(0, 0), 500)
  t.equal(at(0, 1), 1000)
  t.equal(at(2, 0), 2000)
  t.equal(at(90, 1), 3000)
  t.equal(at(0, 0, 7000), 7000)
  t.equal(at(0, 0, 1e9), 60_000)
})

test('parseRetryAfterMs reads seconds and dates', async t => {
  t.equal(parseRetryAfterMs('5', 0), 5000)
  t.equal(parseRetryAfterMs('Thu, 01 Jan 1970 00:00:10 GMT', 4000), 6000)
  t.equal(parseRetryAfterMs('soon', 0), undefined)
  t.equal(parseRetryAfterMs(undefined, 0), undefined)
})
