import fc from 'fast-check'
import { test } from 'tap'
import {
  formatDurationMs,
  formatGoDuration,
  formatPrometheusDuration,
  formatRfc3339,
  parseGoDuration,
  parsePrometheusDuration,
  parseRfc3339,
} from '../../src/time/time.ts'

test('a duration survives formatting and parsing', async t => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(1n << 62n), max: 1n << 62n }), ns => {
      t.equal(parseGoDuration(formatGoDuration(ns)), ns)
    }),
  )
  t.pass()
})

test('parseGoDuration', async t => {
  const parse = (text: string, want: bigint) => t.equal(parseGoDuration(text), want, text)
  parse('0', 0n)
  parse('1h30m', 5_400_000_000_000n)
  parse('1.5h', 5_400_000_000_000n)
  parse('-250ms', -250_000_000n)
  parse('1us', 1_000n)
  parse('1µs', 1_000n)
  parse('.5s', 500_000_000n)
  parse('3000ns', 3_000n)
  for (const text of ['', '5', 'h', '1d', '1.s.', '1 h', '300y', '9999999h']) {
    t.throws(() => parseGoDuration(text), SyntaxError, text)
  }
})

test('formatDurationMs', async t => {
  t.equal(formatDurationMs(90_000), '1m30s')
  t.equal(formatDurationMs(250), '250ms')
  t.equal(formatDurationMs(1500.4), '1.5s')
})

test('formatGoDuration', async t => {
  const format = (ns: bigint, want: string) => t.equal(formatGoDuration(ns), want)
  format(0n, '0s')
  format(1n, '1ns')
  format(1_500n, '1.5µs')
  format(12_657_000n, '12.657ms')
  format(1_500_000_000n, '1.5s')
  format(300_000_000_000n, '5m0s')
  format(-5_187_600_000_000_000n, '-1441h0m0s')
})

test('Prometheus durations', async t => {
  const parse = (text: string, want: bigint) => t.equal(parsePrometheusDuration(text), want, text)
  parse('5m', 300_000_000_000n)
  parse('1h30m', 5_400_000_000_000n)
  parse('7d', 604_800_000_000_000n)
  parse('1y2w3d4h5m6s7ms', 33_019_506_007_000_000n)
  const refuse = (text: string, message: string) =>
    t.throws(() => parsePrometheusDuration(text), { message }, text)
  refuse('', 'empty duration string')
  refuse('5', 'not a valid duration string: "5"')
  refuse('abc', 'not a valid duration string: "abc"')
  refuse('5minutes', 'unknown unit "minutes" in duration "5minutes"')
  refuse('1.5h', 'unknown unit "." in duration "1.5h"')
  refuse('5m1h', 'not a valid duration string: "5m1h"')
  t.equal(formatPrometheusDuration(2_595_600_000_000_000n), '30d1h')
  t.equal(formatPrometheusDuration(0n), '0s')
  t.equal(formatPrometheusDuration(1_209_600_000_000_000n), '2w')
})

test('RFC 3339 times keep nanoseconds and zones', async t => {
  const parse = (text: string, want: bigint | undefined) => t.equal(parseRfc3339(text), want, text)
  parse('2026-01-15T00:00:00Z', 1_768_435_200_000_000_000n)
  parse('2026-01-15T09:00:00+09:00', 1_768_435_200_000_000_000n)
  parse('2026-01-15T00:00:00.000000001Z', 1_768_435_200_000_000_001n)
  parse('2026-02-30T00:00:00Z', undefined)
  parse('2026-01-15T24:00:00Z', undefined)
  parse('2026-01-15', undefined)
  parse('yesterday', undefined)
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 4_000_000_000_000_000_000n }), ns => {
      t.equal(parseRfc3339(formatRfc3339(ns)), ns)
    }),
  )
})

test('an invalid duration is quoted byte by byte, like in Go', async t => {
  const message = (text: string) => {
    try {
      parseGoDuration(text)
      return 'no error'
    } catch (error) {
      return (error as Error).message
    }
  }
  t.equal(message('é "x" \\ \t'), 'time: invalid duration "\\xc3\\xa9 \\"x\\" \\\\ \\x09"')
  t.equal(message('1日'), 'time: unknown unit "\\xe6\\x97\\xa5" in duration "1\\xe6\\x97\\xa5"')
  t.equal(message('plain'), 'time: invalid duration "plain"')
})

test('a unit of a duration extends to the next digit or dot, like in Go', async t => {
  const refuse = (text: string, message: string) =>
    t.throws(() => parseGoDuration(text), { message })
  refuse('72s--   22', 'time: unknown unit "s--   " in duration "72s--   22"')
  refuse('1h-5m', 'time: unknown unit "h-" in duration "1h-5m"')
  refuse('5msx', 'time: unknown unit "msx" in duration "5msx"')
  t.equal(parseGoDuration('1h30m1.5s'), 5_401_500_000_000n)
  t.equal(parseGoDuration('2µs3ns'), 2_003n)
})
