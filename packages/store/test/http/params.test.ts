import { test } from 'tap'
import { BadRequestError } from '../../src/errors.ts'
import { Params } from '../../src/http/params.ts'

const second = 1_000_000_000n
const nowNs = 1_700_000_000n * second
const params = (values: Record<string, string>) =>
  new Params(new URLSearchParams(values).toString())

test('body and query string are one form, the body first', async t => {
  const both = new Params('query=url&limit=5&match=a', 'query=body&match=b&match=c')
  t.equal(both.get('query'), 'body')
  t.equal(both.get('limit'), '5')
  t.equal(both.get('none'), '')
  t.same(both.getAll('match'), ['b', 'c', 'a'])
  t.equal(new Params('query=%7Ba%3D%22b+c%22%7D').get('query'), '{a="b c"}')
})

test('times', async t => {
  const f = (text: string, want: bigint) =>
    t.equal(params({ time: text }).instant(nowNs), want, text)
  f('', nowNs)
  f('0', 0n)
  f('1700000000', nowNs)
  f('9999999999', 9_999_999_999n * second)
  f('10000000000', 10_000_000_000n)
  f('1700000000123456789', 1_700_000_000_123_456_789n)
  f('-1', -second)
  f('1700000000.5', nowNs + second / 2n)
  f('1700000000.1234', nowNs + 123_000_000n)
  f('1.7e9', nowNs)
  f('.5', second / 2n)
  f('2023-11-14T22:13:20Z', nowNs)
  f('2023-11-14T22:13:20.000000001Z', nowNs + 1n)
  f('2023-11-14T23:13:20+01:00', nowNs)
})

test('invalid times', async t => {
  const f = (text: string, why = 'invalid syntax') =>
    t.throws(() => params({ time: text }).instant(nowNs), {
      name: 'BadRequestError',
      message: `could not parse 'time' parameter: strconv.ParseInt: parsing ${JSON.stringify(text)}: ${why}`,
    })
  f('now')
  f('1h')
  f('2023-11-14')
  f('2023-13-14T22:13:20Z')
  f('1.2.3')
  f('NaN')
  f('1.0e400')
  f('9223372036854775808', 'value out of range')
})

test('the default range is the last hour', async t => {
  const f = (values: Record<string, string>, start: bigint, end: bigint) =>
    t.same(
      params(values).timeRange(nowNs),
      { startNs: nowNs + start * second, endNs: nowNs + end * second },
      JSON.stringify(values),
    )
  f({}, -3600n, 0n)
  f({ since: '10m' }, -600n, 0n)
  f({ since: '1d' }, -86_400n, 0n)
  f({ start: '1699999990' }, -10n, 0n)
  f({ end: '1699999990' }, -3610n, -10n)
  f({ end: '1700000010' }, -3600n, 10n)
  f({ end: '1699999990', since: '5s' }, -15n, -10n)
  f({ start: '1699999990', end: '1699999995', since: '5d' }, -10n, -5n)
  f({ start: '1700000010', end: '1700000000' }, 10n, 0n)
  t.throws(() => params({ since: 'x' }).timeRange(nowNs), { message: /^could not parse 'since'/ })
  t.throws(() => params({ start: 'x' }).timeRange(nowNs), { message: /^could not parse 'start'/ })
  t.throws(() => params({ end: 'x' }).timeRange(nowNs), { message: /^could not parse 'end'/ })
})

test('limit', async t => {
  const f = (text: string, want: number) => t.equal(params({ limit: text }).limit(), want, text)
  f('', 100)
  f('1', 1)
  f('+7', 7)
  f('5000', 5000)
  const bad = (text: string, message: string) =>
    t.throws(() => params({ limit: text }).limit(), { name: 'BadRequestError', message })
  bad('0', 'limit must be a positive value')
  bad('-1', 'limit must be a positive value')
  bad('ten', 'strconv.Atoi: parsing "ten": invalid syntax')
  bad('1.5', 'strconv.Atoi: parsing "1.5": invalid syntax')
  bad('99999999999999999999', 'strconv.Atoi: parsing "99999999999999999999": value out of range')
})

test('direction', async t => {
  const f = (text: string, want: string) => t.equal(params({ direction: text }).direction(), want)
  f('', 'backward')
  f('backward', 'backward')
  f('BACKWARD', 'backward')
  f('Forward', 'forward')
  t.throws(() => params({ direction: 'up' }).direction(), { message: "invalid direction 'up'" })
})

test('step', async t => {
  const range = (seconds: bigint) => ({ startNs: 0n, endNs: seconds * second })
  const f = (step: string, seconds: bigint, wantMs: bigint) =>
    t.equal(params({ step }).stepNs(range(seconds)), wantMs * 1_000_000n, `${step} ${seconds}`)
  f('', 60n, 1000n)
  f('', 500n, 2000n)
  f('', 3600n, 14_000n)
  f('15', 3600n, 15_000n)
  f('0.5', 60n, 500n)
  f('1m', 3600n, 60_000n)
  f('1h30m', 86_400n, 5_400_000n)
  f('1', 11_000n, 1000n)
  const bad = (step: string, message: string | RegExp) =>
    t.throws(() => params({ step }).stepNs(range(11_001n)), { name: 'BadRequestError', message })
  bad('0', /^zero or negative query resolution step widths are not accepted/)
  bad('-5', /^zero or negative query resolution step widths are not accepted/)
  bad('0.0001', /^zero or negative query resolution step widths are not accepted/)
  bad('1', /^exceeded maximum resolution of 11,000 points per time series/)
  bad('abc', 'cannot parse "abc" to a valid duration')
  bad('1e30', 'cannot parse "1e30" to a valid duration. It overflows int64')
})

test('interval', async t => {
  const f = (interval: string, want: bigint) => t.equal(params({ interval }).intervalNs(), want)
  f('', 0n)
  f('0', 0n)
  f('2', 2n * second)
  f('30s', 30n * second)
  t.throws(() => params({ interval: '-1' }).intervalNs(), BadRequestError)
  t.throws(() => params({ interval: 'x' }).intervalNs(), BadRequestError)
})
