// Decimal arithmetic: floats are taken for the decimal numbers they print as, so that 0.1 + 0.2 is 0.3.

import { FunctionError } from '../../errors.ts'
import { formatFloat } from '../float-text.ts'

/** coefficient * 10^exponent */
export interface Decimal {
  readonly coefficient: bigint
  readonly exponent: number
}

/** Decimals behind the point that a division gives at most. */
const divisionDecimals = 16

/** Takes a float for the shortest decimal that prints it. */
export function decimalOf(value: number): Decimal {
  if (!Number.isFinite(value)) {
    throw new FunctionError(`Cannot create a Decimal from ${formatFloat(value)}`)
  }
  const [mantissa = '0', exponent = '0'] = value.toExponential().split('e')
  const [whole = '0', fraction = ''] = mantissa.split('.')
  return { coefficient: BigInt(whole + fraction), exponent: Number(exponent) - fraction.length }
}

/** Gives the nearest float. */
export function floatOf({ coefficient, exponent }: Decimal): number {
  return Number(`${coefficient}e${exponent}`)
}

export function addDecimals(a: Decimal, b: Decimal): Decimal {
  const exponent = Math.min(a.exponent, b.exponent)
  return { coefficient: shifted(a, exponent) + shifted(b, exponent), exponent }
}

export function subtractDecimals(a: Decimal, b: Decimal): Decimal {
  return addDecimals(a, { ...b, coefficient: -b.coefficient })
}

export function multiplyDecimals(a: Decimal, b: Decimal): Decimal {
  return { coefficient: a.coefficient * b.coefficient, exponent: a.exponent + b.exponent }
}

/** Divides, rounded half away from zero. */
export function divideDecimals(a: Decimal, b: Decimal): Decimal {
  if (b.coefficient === 0n) throw new FunctionError('decimal division by 0')
  const power = a.exponent - b.exponent + divisionDecimals
  const numerator = abs(a.coefficient) * (power > 0 ? 10n ** BigInt(power) : 1n)
  const denominator = abs(b.coefficient) * (power < 0 ? 10n ** BigInt(-power) : 1n)
  const rounded = (2n * numerator + denominator) / (2n * denominator)
  const isNegative = a.coefficient < 0n !== b.coefficient < 0n
  return { coefficient: isNegative ? -rounded : rounded, exponent: -divisionDecimals }
}

function shifted({ coefficient, exponent }: Decimal, to: number): bigint {
  return coefficient * 10n ** BigInt(exponent - to)
}

function abs(value: bigint): bigint {
  return value < 0n ? -value : value
}
