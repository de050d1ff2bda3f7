import fc from 'fast-check'
import { test } from 'tap'
import { civilTime, civilToNs } from '../../src/time/civil-time.ts'

test('civilTime agrees with Date', async t => {
  const isSame = (ms: number) => {
    const date = new Date(ms)
    const time = civilTime(BigInt(ms) * 1_000_000n, 'UTC')
    return (
      time.year === date.getUTCFullYear() &&
      time.month === date.getUTCMonth() + 1 &&
      time.day === date.getUTCDate() &&
      time.hour === date.getUTCHours() &&
      time.minute === date.getUTCMinutes() &&
      time.second === date.getUTCSeconds() &&
      time.nanosecond === date.getUTCMilliseconds() * 1_000_000 &&
      time.weekday === date.getUTCDay()
    )
  }
  const moment = fc.integer({ min: -8.64e15, max: 8.64e15 })
  t.doesNotThrow(() => fc.assert(fc.property(moment, isSame), { numRuns: 1000 }))
})

test('civilToNs reverses civilTime', async t => {
  const location = fc.constantFrom('UTC', 'Asia/Kolkata', 'Asia/Tokyo')
  const isSame = (ns: bigint, zone: string) => civilToNs(civilTime(ns, zone), zone) === ns
  const moment = fc.bigInt(2n ** 57n, 2n ** 61n)
  t.doesNotThrow(() => fc.assert(fc.property(moment, location, isSame)))
})

test('civilToNs carries over fields that are out of range', async t => {
  const clock = { hour: 0, minute: 0, second: 0, nanosecond: 0 }
  const f = (year: number, month: number, day: number, want: string) => {
    const ns = civilToNs({ year, month, day, ...clock }, 'UTC')
    t.equal(new Date(Number(ns / 1_000_000n)).toISOString().slice(0, 10), want)
  }

  f(2024, 2, 30, '2024-03-01')
  f(2024, 14, 1, '2025-02-01')
  f(2024, 0, 1, '2023-12-01')
  f(2024, -11, 1, '2023-01-01')
  f(2024, 3, 0, '2024-02-29')
})

test('civilTime knows years before Christ', async t => {
  const { year, month, day, yearDay } = civilTime(-62_167_219_200_000_000_000n, 'UTC')
  t.strictSame({ year, month, day, yearDay }, { year: 0, month: 1, day: 1, yearDay: 1 })
})
