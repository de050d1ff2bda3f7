// Numbers as LogQL prints them.

/**
 * Writes a number like Go's FormatFloat with 'f' and the shortest digits. NaN and infinities are written as
 * a calculation that gives them, so that the text can be read again.
 */
export function literalText(value: number): string {
  if (Number.isNaN(value)) return '(0 / 0)'
  if (!Number.isFinite(value)) return value > 0 ? '(1e308 * 10)' : '(-1e308 * 10)'
  return decimalText(value)
}

/** Writes a finite number in fixed notation with the shortest digits that give it back. */
export function decimalText(value: number): string {
  const text = String(value)
  const exponent = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(text)
  if (!exponent) return Object.is(value, -0) ? '-0' : text
  const [, sign, lead, fraction = '', shiftText] = exponent
  const digits = lead + fraction
  const shift = Number(shiftText)
  if (shift < 0) return `${sign}0.${'0'.repeat(-shift - 1)}${digits}`
  return `${sign}${digits}${'0'.repeat(shift - fraction.length)}`
}

/** How values are printed whose canonical form loses digits. */
export interface PrintStyle {
  readonly isExact: boolean
}
