// Converts extracted values to text, like Promtail.

/**
 * Writes a value as text: numbers in their shortest form without an exponent, booleans as words. Returns
 * `undefined` for anything that is not a single value.
 */
export function valueText(value: unknown): string | undefined {
  switch (typeof value) {
    case 'string':
      return value
    case 'number':
      return numberText(value)
    case 'boolean':
    case 'bigint':
      return String(value)
    default:
      return undefined
  }
}

function numberText(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf'
  const text = String(value)
  const match = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(text)
  if (!match) return Object.is(value, -0) ? '-0' : text
  const [, sign, first = '', rest = '', exponentText] = match
  const exponent = Number(exponentText)
  const digits = first + rest
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`
  return `${sign}${digits.padEnd(exponent + 1, '0')}`
}
