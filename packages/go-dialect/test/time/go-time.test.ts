import fc from 'fast-check'
import { test } from 'tap'
import { parseGoTime } from '../../src/time/go-time.ts'
import { formatGoTime } from '../../src/time/go-time-format.ts'
import { goTimeLayouts } from '../../src/time/go-time-layout.ts'

const secondsOf = (iso: string) => BigInt(Date.parse(iso)) * 1_000_000n

test('parseGoTime parses the named layouts', async t => {
  const f = (layout: string, text: string, iso: string) =>
    t.equal(parseGoTime(layout, text).timestampNs, secondsOf(iso), `${text} by ${layout}`)

  f(goTimeLayouts.ANSIC, 'Sat Feb  3 04:05:06 2018', '2018-02-03T04:05:06Z')
  f(goTimeLayouts.ANSIC, 'Sat Feb 3 04:05:06 2018', '2018-02-03T04:05:06Z')
  f(goTimeLayouts.UnixDate, 'Sat Feb  3 04:05:06 PST 2018', '2018-02-03T04:05:06Z')
  f(goTimeLayouts.RubyDate, 'Sat Feb 03 04:05:06 -0330 2018', '2018-02-03T07:35:06Z')
  f(goTimeLayouts.RFC822, '03 Feb 69 04:05 UTC', '1969-02-03T04:05:00Z')
  f(goTimeLayouts.RFC822, '03 Feb 68 04:05 UTC', '2068-02-03T04:05:00Z')
  f(goTimeLayouts.RFC822Z, '03 Feb 18 04:05 +0545', '2018-02-02T22:20:00Z')
  f(goTimeLayouts.RFC850, 'Saturday, 03-Feb-18 04:05:06 GMT', '2018-02-03T04:05:06Z')
  f(goTimeLayouts.RFC1123, 'sat, 03 FEB 2018 04:05:06 UTC', '2018-02-03T04:05:06Z')
  f(goTimeLayouts.RFC1123Z, 'Sat, 03 Feb 2018 04:05:06 +0000', '2018-02-03T04:05:06Z')
  f(goTimeLayouts.RFC3339, '2018-02-03T04:05:06+09:00', '2018-02-02T19:05:06Z')
  f(goTimeLayouts.RFC3339, '2018-02-03T04:05:06.250Z', '2018-02-03T04:05:06.250Z')
  f(goTimeLayouts.RFC3339Nano, '2018-02-03T04:05:06,5Z', '2018-02-03T04:05:06.500Z')
  f(goTimeLayouts.DateOnly, '2018-02-03', '2018-02-03T00:00:00Z')
})

test('parseGoTime parses layouts from real configurations', async t => {
  const f = (layout: string, text: string, iso: string) =>
    t.equal(parseGoTime(layout, text).timestampNs, secondsOf(iso), `${text} by ${layout}`)

  f('2006-01-02 15:04:05,000', '2018-02-03 04:05:06,789', '2018-02-03T04:05:06.789Z')
  f('2006-01-02 15:04:05,000', '2018-02-03 04:05:06.789', '2018-02-03T04:05:06.789Z')
  f('2006-01-02 15:04:05', '2018-02-03 04:05:06.789', '2018-02-03T04:05:06.789Z')
  f('02/Jan/2006:15:04:05 -0700', '03/feb/2018:04:05:06 -0100', '2018-02-03T05:05:06Z')
  f('2006.002 15h', '2016.366 7h', '2016-12-31T07:00:00Z')
  f('2006 __2', '2018  34', '2018-02-03T00:00:00Z')
  f('3:04 PM 2006', '12:30 AM 2018', '2018-01-01T00:30:00Z')
  f('3:04pm 2006', '1:30pm 2018', '2018-01-01T13:30:00Z')
  f('January 2, 2006', 'december 31, 1999', '1999-12-31T00:00:00Z')
  f('[2006] day 2', '[2018] day 12', '2018-01-12T00:00:00Z')
  f('2006-01-02 -07:00:00', '2018-02-03 +01:00:30', '2018-02-02T22:59:30Z')
  f('2006-01-02 MST', '2018-02-03 GMT+3', '2018-02-03T00:00:00Z')
  f('20060102T150405.000Z', '20180203T040506.250Z', '2018-02-03T04:05:06.250Z')
})

test('parseGoTime drops digits below a nanosecond', async t => {
  const { timestampNs } = parseGoTime(goTimeLayouts.RFC3339, '1970-01-01T00:00:00.1234567899Z')
  t.equal(timestampNs, 123456789n)
})

test('parseGoTime explains what it rejects', async t => {
  const f = (layout: string, text: string, message: string) =>
    t.throws(() => parseGoTime(layout, text), { name: 'SyntaxError', message })
  const day = '2006-01-02'

  f(day, '2018-02-30', 'parsing time "2018-02-30": day out of range')
  f(day, '2018-13-01', 'parsing time "2018-13-01": month out of range')
  f(day, '2018-2-01', 'parsing time "2018-2-01" as "2006-01-02": cannot parse "2-01" as "01"')
  f(day, '2018-02-01x', 'parsing time "2018-02-01x": extra text: "x"')
  f(day, '2018/02/01', 'parsing time "2018/02/01" as "2006-01-02": cannot parse "/02/01" as "-"')
  f('15:04', '24:00', 'parsing time "24:00": hour out of range')
  f('15:04:05', '23:59:60', 'parsing time "23:59:60": second out of range')
  f('05.000', '01.2', 'parsing time "01.2" as "05.000": cannot parse ".2" as ".000"')
  f(
    'Jan 2',
    'févr. 3',
    'parsing time "f\\xc3\\xa9vr. 3" as "Jan 2": cannot parse "f\\xc3\\xa9vr. 3" as "Jan"',
  )
  f('2006 002', '2018 366', 'parsing time "2018 366": day-of-year out of range')
  f('-0700', '+2500', 'parsing time "+2500": time zone offset hour out of range')
  f('MST', 'ABCDEF', 'parsing time "ABCDEF" as "MST": cannot parse "ABCDEF" as "MST"')
})

test('parseGoTime parses texts without a zone in a location', async t => {
  const layout = '2006-01-02 15:04:05'
  const f = (text: string, location: string, iso: string) =>
    t.equal(
      parseGoTime(layout, text, { location }).timestampNs,
      secondsOf(iso),
      `${text} ${location}`,
    )

  f('2025-01-15 12:00:00', 'Europe/Paris', '2025-01-15T11:00:00Z')
  f('2025-07-15 12:00:00', 'Europe/Paris', '2025-07-15T10:00:00Z')
  f('2025-07-15 12:00:00', 'Asia/Kolkata', '2025-07-15T06:30:00Z')
  // Clocks in Paris skip the first and show the second twice.
  f('2025-03-30 02:30:00', 'Europe/Paris', '2025-03-30T01:30:00Z')
  f('2025-10-26 02:30:00', 'Europe/Paris', '2025-10-26T01:30:00Z')
  t.throws(() => parseGoTime(layout, '2025-01-15 12:00:00', { location: 'Mars/Base' }), {
    name: 'RangeError',
    message: 'unknown time zone Mars/Base',
  })
})

test('parseGoTime knows only the abbreviations of its location', async t => {
  const f = (text: string, location: string, iso: string) =>
    t.equal(
      parseGoTime('2006-01-02 15:04 MST', text, { location }).timestampNs,
      secondsOf(iso),
      text,
    )

  f('2025-01-15 12:00 PST', 'America/Los_Angeles', '2025-01-15T20:00:00Z')
  f('2025-07-15 12:00 PDT', 'America/Los_Angeles', '2025-07-15T19:00:00Z')
  f('2025-07-15 12:00 PST', 'America/Los_Angeles', '2025-07-15T20:00:00Z')
  f('2025-01-15 12:00 JST', 'America/Los_Angeles', '2025-01-15T12:00:00Z')
})

test('parseGoTime uses the nearest year for texts without one', async t => {
  const f = (text: string, now: string, iso: string) => {
    const time = parseGoTime('Jan _2 15:04', text, { nearNs: secondsOf(now) })
    t.equal(time.timestampNs, secondsOf(iso), `${text} read at ${now}`)
    t.equal(time.hasYear, false)
  }

  f('Jun  5 10:00', '2025-02-01T00:00:00Z', '2025-06-05T10:00:00Z')
  f('Dec 31 23:59', '2025-01-01T00:00:05Z', '2024-12-31T23:59:00Z')
  f('Jan  1 00:00', '2024-12-31T23:59:58Z', '2025-01-01T00:00:00Z')
  f('Feb 29 00:00', '2025-03-01T00:00:00Z', '2025-03-01T00:00:00Z')
  t.equal(parseGoTime('2006', '2018').hasYear, true)
})

test('formatGoTime writes every part', async t => {
  const ns = secondsOf('2025-03-04T15:06:07Z') + 80_900_000n
  const f = (layout: string, text: string, location = 'UTC') =>
    t.equal(formatGoTime(layout, ns, { location }), text)

  f('Mon Monday Jan January 1 01 2 _2 02 __2 002', 'Tue Tuesday Mar March 3 03 4  4 04  63 063')
  f('15 3 03 PM pm 4 04 5 05', '15 3 03 PM pm 6 06 7 07')
  f('2006 06 .000 ,000000 .999 .99999999', '2025 25 .080 ,080900 .08 .0809')
  f('-07 -0700 -07:00 Z07:00 Z0700 MST', '+00 +0000 +00:00 Z Z UTC')
  f('-07 -0700 -07:00 Z07:00 Z0700 MST', '-05 -0500 -05:00 -05:00 -0500 EST', 'America/New_York')
  f('MST', '+0545', 'Asia/Kathmandu')
  f('Janet .5', 'Janet .7')
  t.equal(
    formatGoTime('2006 MST', 0n, { location: { name: '', offsetSeconds: 5400 } }),
    '1970 +0130',
  )
})

test('parseGoTime parses what formatGoTime wrote', async t => {
  const layout = '2006-01-02T15:04:05.999999999Z07:00'
  const zone = fc.constantFrom('UTC', 'Europe/Paris', 'Asia/Kolkata', 'America/St_Johns')
  // From 1974 on: before, some zones had offsets with seconds, which the layout cannot express.
  const moment = fc.bigInt(2n ** 57n, 2n ** 61n)
  const isSame = (ns: bigint, location: string) =>
    parseGoTime(layout, formatGoTime(layout, ns, { location })).timestampNs === ns
  t.doesNotThrow(() => fc.assert(fc.property(moment, zone, isSame), { numRuns: 500 }))
})
