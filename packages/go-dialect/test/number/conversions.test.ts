import fc from 'fast-check'
import { test } from 'tap'
import { parseBytes, parseDurationNs, parseFloatText } from '../../src/number/conversions.ts'
import { parseGoDuration } from '../../src/time/time.ts'

test('parseFloatText reads what Go reads as a float', async t => {
  const f = (text: string, want: number) => t.equal(parseFloatText(text), want, text)
  f('12', 12)
  f('-1.5', -1.5)
  f('+4', 4)
  f('.5', 0.5)
  f('5.', 5)
  f('1e3', 1000)
  f('1_000', 1000)
  f('0x1p4', 16)
  f('-Inf', Number.NEGATIVE_INFINITY)
  f('infinity', Number.POSITIVE_INFINITY)
  t.ok(Number.isNaN(parseFloatText('NaN')))
  for (const text of ['', 'x', '1,000', '0x1F', '1__0', '_1', '1_', ' 1', '--1', '1e']) {
    t.throws(() => parseFloatText(text), { name: 'SyntaxError', message: /invalid syntax/ }, text)
  }
  t.throws(() => parseFloatText('1e999'), { message: /value out of range/ })
})

test('parseDurationNs reads what Go reads as a duration', async t => {
  const parts = fc.record({
    whole: fc.nat(2_000_000),
    fraction: fc.option(fc.stringMatching(/^\d{1,9}$/), { nil: undefined }),
    unit: fc.constantFrom('ns', 'us', 'ms', 's', 'm', 'h'),
  })
  fc.assert(
    fc.property(parts, ({ whole, fraction, unit }) => {
      const text = `${whole}${fraction === undefined ? '' : `.${fraction}`}${unit}`
      return parseDurationNs(text) === Number(parseGoDuration(text))
    }),
    { numRuns: 2_000, seed: 1 },
  )
  t.equal(parseDurationNs('1h30m'), 5.4e12)
  t.equal(parseDurationNs('-1.5s'), -1.5e9)
  for (const text of ['', 's', '1', '1d', '.s', '1.2.3s']) {
    t.throws(() => parseDurationNs(text), { name: 'SyntaxError' }, text)
  }
})

test('parseBytes reads humanised sizes', async t => {
  t.equal(parseBytes('5 MB'), 5e6)
  t.equal(parseBytes('1KiB'), 1024)
  t.equal(parseBytes('10'), 10)
  t.throws(() => parseBytes('-1KB'), { name: 'SyntaxError' })
})
