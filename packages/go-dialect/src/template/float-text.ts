// Writes floats like Go: the shortest form of %v, and the fixed forms of %e, %f and %g. Fixed forms round
// the exact binary value half to even, which toFixed does not do.

import { exactDecimalsMax } from '../limits.ts'

/** Writes a float like `%v`: shortest digits, with an exponent below 1e-4 and from 1e+06 on (`%g`). */
export function formatFloat(value: number): string {
  if (!Number.isFinite(value)) return formatNonFinite(value)
  const [mantissa = '', exponentText = ''] = value.toExponential().split('e')
  const exponent = Number(exponentText)
  // In this range JavaScript also writes plain digits.
  const isPlain = exponent >= -4 && exponent < 6
  const text = isPlain ? String(value) : mantissa + exponentPart(exponent)
  return Object.is(value, -0) ? `-${text}` : text
}

function formatNonFinite(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  return value > 0 ? '+Inf' : '-Inf'
}

function exponentPart(exponent: number): string {
  const digits = String(Math.abs(exponent)).padStart(2, '0')
  return `e${exponent < 0 ? '-' : '+'}${digits}`
}

/** Writes a float with a fixed number of decimals (`%.2f`). */
export function formatFixed(value: number, decimals: number): string {
  if (!Number.isFinite(value)) return formatNonFinite(value)
  if (decimals > exactDecimalsMax) {
    return formatFixed(value, exactDecimalsMax) + '0'.repeat(decimals - exactDecimalsMax)
  }
  const digits = scaled(Math.abs(value), decimals)
    .toString()
    .padStart(decimals + 1, '0')
  const whole = digits.slice(0, digits.length - decimals)
  const text = decimals > 0 ? `${whole}.${digits.slice(digits.length - decimals)}` : whole
  return value < 0 || Object.is(value, -0) ? `-${text}` : text
}

/** Writes a float with one digit, a fixed number of decimals and an exponent (`%.3e`). */
export function formatExponent(value: number, decimals: number): string {
  if (!Number.isFinite(value)) return formatNonFinite(value)
  const sign = value < 0 || Object.is(value, -0) ? '-' : ''
  const { digits, exponent } = significant(Math.abs(value), decimals + 1)
  const tail = decimals > 0 ? `.${digits.slice(1)}` : ''
  return sign + digits[0]! + tail + exponentPart(exponent)
}

/** Writes a float with a maximum number of significant digits (`%.4g`). */
export function formatGeneral(value: number, precision: number): string {
  if (!Number.isFinite(value)) return formatNonFinite(value)
  const wanted = Math.max(precision, 1)
  const sign = value < 0 || Object.is(value, -0) ? '-' : ''
  const { digits, exponent } = significant(Math.abs(value), wanted)
  const trimmed = digits.replace(/0+$/, '')
  const count = Math.max(trimmed.length, 1)
  // Go writes no exponent if all digits fit before the point.
  const exponentFrom = wanted > count && count >= exponent + 1 ? count : wanted
  if (exponent < -4 || exponent >= exponentFrom) {
    const tail = count > 1 ? `.${trimmed.slice(1)}` : ''
    return sign + (trimmed[0] ?? '0') + tail + exponentPart(exponent)
  }
  const text = formatFixed(Math.abs(value), Math.max(count - exponent - 1, 0))
  return sign + text
}

/** Writes a float in hexadecimal (`%x`): `0x1.8p+01`. */
export function formatHexFloat(value: number, digitCount?: number): string {
  if (!Number.isFinite(value)) return formatNonFinite(value)
  const sign = value < 0 || Object.is(value, -0) ? '-' : ''
  let { mantissa, exponent } = split(Math.abs(value))
  if (mantissa === 0n) return `${sign}0x0${digitCount ? `.${'0'.repeat(digitCount)}` : ''}p+00`
  // One bit before the point and 52 after it, whatever the size.
  while (mantissa < 1n << 52n) {
    mantissa <<= 1n
    exponent--
  }
  exponent += 52
  if (digitCount !== undefined && digitCount < 13) {
    const unit = 1n << BigInt(52 - 4 * digitCount)
    const half = (mantissa % unit) * 2n
    mantissa -= mantissa % unit
    if (half > unit || (half === unit && (mantissa / unit) % 2n === 1n)) mantissa += unit
    if (mantissa >= 1n << 53n) {
      mantissa >>= 1n
      exponent++
    }
  }
  const digits = (mantissa & ((1n << 52n) - 1n)).toString(16).padStart(13, '0')
  const shown =
    digitCount === undefined
      ? digits.replace(/0+$/, '')
      : digits.slice(0, digitCount).padEnd(digitCount, '0')
  const power = String(Math.abs(exponent)).padStart(2, '0')
  return `${sign}0x1${shown && `.${shown}`}p${exponent < 0 ? '-' : '+'}${power}`
}

function significant(
  value: number,
  count: number,
): { readonly digits: string; readonly exponent: number } {
  if (value === 0) return { digits: '0'.repeat(count), exponent: 0 }
  if (count > exactDecimalsMax) {
    const { digits, exponent } = significant(value, exactDecimalsMax)
    return { digits: digits.padEnd(count, '0'), exponent }
  }
  // The shortest digits may round up to a power of ten above the exact value.
  const shortest = Number(value.toExponential().split('e')[1])
  const isReached = scaled(value, count - 1 - shortest).toString().length >= count
  const exponent = isReached ? shortest : shortest - 1
  const digits = scaled(value, count - 1 - exponent).toString()
  if (digits.length === count) return { digits, exponent }
  // Rounded up to the next power of ten.
  return { digits: digits.slice(0, count), exponent: exponent + 1 }
}

/** value * 10^power as a whole number, rounded half to even from the exact value. */
function scaled(value: number, power: number): bigint {
  const { mantissa, exponent } = split(value)
  let numerator = mantissa
  let denominator = 1n
  if (exponent >= 0) numerator <<= BigInt(exponent)
  else denominator <<= BigInt(-exponent)
  if (power >= 0) numerator *= 10n ** BigInt(power)
  else denominator *= 10n ** BigInt(-power)
  const quotient = numerator / denominator
  const twice = (numerator % denominator) * 2n
  if (twice < denominator || (twice === denominator && quotient % 2n === 0n)) return quotient
  return quotient + 1n
}

/** Splits a float into its exact value: mantissa * 2^exponent. */
function split(value: number): { readonly mantissa: bigint; readonly exponent: number } {
  const floatBits = new DataView(new ArrayBuffer(8))
  floatBits.setFloat64(0, value)
  const bits = floatBits.getBigUint64(0)
  const biased = Number((bits >> 52n) & 0x7ffn)
  const fraction = bits & 0xfffffffffffffn
  if (biased === 0) return { mantissa: fraction, exponent: -1074 }
  return { mantissa: fraction | 0x10000000000000n, exponent: biased - 1075 }
}
