import { test } from 'tap'
import { parseMoment } from '../../src/asking/moment.ts'

/** A Monday. */
const now = new Date(2026, 10, 30, 15, 30, 20)
const nowMs = now.getTime()
const local = (...[year, month, day, hours = 0, minutes = 0, seconds = 0]: number[]) =>
  BigInt(new Date(year!, month! - 1, day, hours, minutes, seconds).getTime()) * 1_000_000n
const nowNs = BigInt(nowMs) * 1_000_000n
const second = 1_000_000_000n

test('times are read as people write them', async t => {
  const all: readonly (readonly [string, bigint])[] = [
    ['now', nowNs],
    ['2 hours ago', nowNs - 7200n * second],
    ['an hour ago', nowNs - 3600n * second],
    ['1 week ago', nowNs - 7n * 86_400n * second],
    ['90m', nowNs - 5400n * second],
    ['1h30m ago', nowNs - 5400n * second],
    ['now-15m', nowNs - 900n * second],
    ['Yesterday 14:00', local(2026, 11, 29, 14)],
    ['yesterday', local(2026, 11, 29)],
    ['today at 9:05', local(2026, 11, 30, 9, 5)],
    ['14:00', local(2026, 11, 30, 14)],
    ['14:00:09', local(2026, 11, 30, 14, 0, 9)],
    ['friday 9:00', local(2026, 11, 27, 9)],
    ['last monday', local(2026, 11, 23)],
    ['2026-11-02', local(2026, 11, 2)],
    ['2026-11-02 03:04', local(2026, 11, 2, 3, 4)],
    ['2026-11-02T03:04:05', local(2026, 11, 2, 3, 4, 5)],
    ['2026-11-02T03:04:05Z', 1_793_588_645n * second],
    ['2026-11-02T03:04:05.123456789+09:00', 1_793_556_245n * second + 123_456_789n],
    ['1793588645', 1_793_588_645n * second],
    ['1793588645.5', 1_793_588_645n * second + 500_000_000n],
    ['1793588645123', 1_793_588_645_123n * 1_000_000n],
    ['1793588645123456', 1_793_588_645_123_456n * 1000n],
    ['1793588645123456789', 1_793_588_645_123_456_789n],
  ]
  for (const [text, ns] of all) t.equal(parseMoment(text, nowMs), ns, text)
  const wrong = [
    '',
    'soon',
    '25:00',
    '14:60',
    '2026-02-30',
    '2026-13-01',
    'mon',
    '5',
    '5 ago',
    '14',
    '2 moons ago',
    'yesterday tomorrow',
    '9'.repeat(40),
  ]
  for (const text of wrong) t.equal(parseMoment(text, nowMs), undefined, text)
})
