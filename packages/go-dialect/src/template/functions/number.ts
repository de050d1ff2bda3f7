// Functions of numbers: one row each. They take values of any type, see cast.ts.

import { FunctionError } from '../../errors.ts'
import { maxBigint, minBigint } from '../../number/bigint.ts'
import { fn, variadic } from '../function.ts'
import { integerCharsMax } from '../number-literal.ts'
import { checkItemCount, printValue } from '../print.ts'
import { GoList, int64, type Value } from '../values.ts'
import { cutToInt64, toFloat64, toInt64 } from './cast.ts'
import {
  addDecimals,
  type Decimal,
  decimalOf,
  divideDecimals,
  floatOf,
  multiplyDecimals,
  subtractDecimals,
} from './decimal.ts'

/** Functions of integers, given how a value becomes one. */
function integerFunctions(toInt: (value: Value) => bigint) {
  const divisor = (value: Value): bigint => {
    const number = toInt(value)
    if (number === 0n) throw new FunctionError('runtime error: integer divide by zero')
    return number
  }
  return {
    int: fn(['any'], value => toInt(value)),
    add: variadic([], 'any', values =>
      int64(values.reduce<bigint>((sum, value) => sum + toInt(value), 0n)),
    ),
    sub: fn(['any', 'any'], (a, b) => int64(toInt(a) - toInt(b))),
    mul: variadic(['any'], 'any', (first, others) => {
      const product = (a: bigint, b: Value) => BigInt.asIntN(64, a * toInt(b))
      return int64(others.reduce<bigint>(product, toInt(first)))
    }),
    div: fn(['any', 'any'], (a, b) => int64(toInt(a) / divisor(b))),
    mod: fn(['any', 'any'], (a, b) => int64(toInt(a) % divisor(b))),
    max: variadic(['any'], 'any', (first, others) =>
      int64([first, ...others].map(toInt).reduce(maxBigint)),
    ),
    min: variadic(['any'], 'any', (first, others) =>
      int64([first, ...others].map(toInt).reduce(minBigint)),
    ),
  }
}

/** Functions that queries and the agent have. */
export const numberFunctions = {
  ...integerFunctions(toInt64),
  float64: fn(['any'], value => toFloat64(value)),
  addf: variadic([], 'any', values => foldDecimals(0, values, addDecimals)),
  subf: variadic(['any'], 'any', (first, others) => foldDecimals(first, others, subtractDecimals)),
  mulf: variadic(['any'], 'any', (first, others) => foldDecimals(first, others, multiplyDecimals)),
  divf: variadic(['any'], 'any', (first, others) => foldDecimals(first, others, divideDecimals)),
  maxf: variadic(['any'], 'any', (first, others) =>
    [first, ...others].map(toFloat64).reduce((a, b) => Math.max(a, b)),
  ),
  minf: variadic(['any'], 'any', (first, others) =>
    [first, ...others].map(toFloat64).reduce((a, b) => Math.min(a, b)),
  ),
  ceil: fn(['any'], value => Math.ceil(toFloat64(value))),
  floor: fn(['any'], value => Math.floor(toFloat64(value))),
  round: variadic(['any', 'int'], 'float64', (value, places, [roundOn = 0.5]) =>
    roundAt(toFloat64(value), places, roundOn),
  ),
}

/** Functions that work otherwise in queries: they cut a fraction off, `int "4.9"` is 4. */
export const queryNumberFunctions = integerFunctions(cutToInt64)

/** Functions that only the agent has. */
export const moreNumberFunctions = {
  atoi: fn(['string'], text => {
    const isInteger = text.length <= integerCharsMax && /^[+-]?\d+$/.test(text)
    return isInteger ? fitInt64(BigInt(text)) : 0n
  }),
  int64: fn(['any'], value => int64(toInt64(value))),
  toDecimal: fn(['any'], value => int64(octal(printValue(value)))),
  add1: fn(['any'], value => int64(toInt64(value) + 1n)),
  add1f: fn(['any'], value => foldDecimals(value, [1n], addDecimals)),
  biggest: numberFunctions.max,
  until: fn(['int'], count => untilStep(0, count, count < 0 ? -1 : 1)),
  untilStep: fn(['int', 'int', 'int'], untilStep),
  seq: variadic([], 'int', numbers => sequence(numbers)),
}

function foldDecimals(
  first: Value,
  others: readonly Value[],
  operate: (a: Decimal, b: Decimal) => Decimal,
): number {
  let result = decimalOf(toFloat64(first))
  for (const other of others) result = operate(result, decimalOf(toFloat64(other)))
  return floatOf(result)
}

function roundAt(value: number, places: number, roundOn: number): number {
  const power = places >= -400 && places <= 400 ? Number(`1e${places}`) : 10 ** places
  const scaled = power * value
  const fraction = scaled - Math.trunc(scaled)
  return (fraction >= roundOn ? Math.ceil(scaled) : Math.floor(scaled)) / power
}

function fitInt64(value: bigint): bigint {
  return BigInt.asIntN(64, value) === value ? value : value < 0n ? -(2n ** 63n) : 2n ** 63n - 1n
}

function octal(text: string): bigint {
  const match = /^([+-]?)([0-7]{1,64})$/.exec(text)
  if (!match) return 0n
  const value = BigInt(`0o${match[2]}`) * (match[1] === '-' ? -1n : 1n)
  return BigInt.asIntN(64, value) === value ? value : 0n
}

function untilStep(start: number, stop: number, step: number): GoList {
  return new GoList(numbersBetween(start, stop, step).map(BigInt), 'int')
}

function numbersBetween(start: number, stop: number, step: number): number[] {
  const isDown = stop < start
  if (isDown ? step >= 0 : step <= 0) return []
  const count = Math.ceil((stop - start) / step)
  checkItemCount(count)
  return Array.from({ length: count }, (_, index) => start + index * step)
}

function sequence(numbers: readonly number[]): string {
  const [first = 0, second = 0, third = 0] = numbers
  if (numbers.length === 0 || numbers.length > 3) return ''
  const start = numbers.length === 1 ? 1 : first
  const end = numbers.length === 1 ? first : numbers.length === 2 ? second : third
  const direction = end < start ? -1 : 1
  const step = numbers.length === 3 ? second : direction
  if (numbers.length === 3 && direction < 0 && step > 0) return ''
  return numbersBetween(start, end + direction, step).join(' ')
}
