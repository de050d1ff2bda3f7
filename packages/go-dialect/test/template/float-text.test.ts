import fc from 'fast-check'
import { test } from 'tap'
import {
  formatExponent,
  formatFixed,
  formatFloat,
  formatGeneral,
} from '../../src/template/float-text.ts'

test('formatFloat writes the shortest digits, with an exponent from a million on', async t => {
  const f = (value: number, want: string) => t.equal(formatFloat(value), want)

  f(0, '0')
  f(-0, '-0')
  f(1.5, '1.5')
  f(123456, '123456')
  f(123456.75, '123456.75')
  f(1234567, '1.234567e+06')
  f(1e6, '1e+06')
  f(1e100, '1e+100')
  f(0.0001, '0.0001')
  f(0.00001, '1e-05')
  f(Number.POSITIVE_INFINITY, '+Inf')
  f(Number.NaN, 'NaN')
})

test('Every form with enough digits parses to the same number', async t => {
  const number = fc.double({ noNaN: true, noDefaultInfinity: true })
  const isSame = (value: number) =>
    Number(formatFloat(value)) === value &&
    Number(formatExponent(value, 17)) === value &&
    Number(formatGeneral(value, 17)) === value
  t.doesNotThrow(() => fc.assert(fc.property(number, isSame)))
})

test('Fixed forms round half to even from the exact value', async t => {
  const f = (value: number, decimals: number, want: string) =>
    t.equal(formatFixed(value, decimals), want, `${value} with ${decimals}`)

  f(0.5, 0, '0')
  f(1.5, 0, '2')
  f(2.5, 0, '2')
  f(0.125, 2, '0.12')
  f(0.375, 2, '0.38')
  f(1.005, 2, '1.00')
  f(1e21, 1, '1000000000000000000000.0')
  f(-0.01, 1, '-0.0')
  f(5e-324, 1100, `0.${'0'.repeat(323)}4${formatFixed(5e-324, 1100).slice(326)}`)
  t.equal(formatFixed(0.1, 5000).length, 5002)
})
