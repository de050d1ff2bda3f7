// JSON as Promtail's encoder writes it: escapes characters that HTML could misread, writes control
// characters other than line feed, carriage return and tab by number, and floats with a two-digit exponent.

const escapes: Readonly<Record<string, string>> = {
  '\b': '\\u0008',
  '\f': '\\u000c',
  '<': '\\u003c',
  '>': '\\u003e',
  '&': '\\u0026',
  '\u2028': '\\u2028',
  '\u2029': '\\u2029',
}
// A quick test that also matches complete surrogate pairs.
const mayNeedEscape = /[\b\f<>&\u2028\u2029\ud800-\udfff]/
const escaped = /([\b\f<>&\u2028\u2029]|\p{Surrogate})/u

/** Quotes a string. Lone surrogates, which stand for bytes that are not UTF-8, become U+FFFD. */
export function goJsonText(text: string): string {
  if (!mayNeedEscape.test(text)) return JSON.stringify(text)
  const parts = text.split(escaped).map((part, i) => {
    if (i % 2 === 0) return JSON.stringify(part).slice(1, -1)
    return escapes[part] ?? '\\ufffd'
  })
  return `"${parts.join('')}"`
}

/** Writes a parsed JSON value, with sorted object keys. */
export function goJsonValue(value: unknown): string {
  if (typeof value === 'string') return goJsonText(value)
  if (typeof value === 'number') return numberText(value)
  if (typeof value !== 'object' || value === null) return String(value)
  if (Array.isArray(value)) return `[${value.map(goJsonValue).join(',')}]`
  const object = value as Record<string, unknown>
  let pairs = ''
  for (const key of Object.keys(object).sort()) {
    if (pairs !== '') pairs += ','
    pairs += `${goJsonText(key)}:${goJsonValue(object[key])}`
  }
  return `{${pairs}}`
}

function numberText(value: number): string {
  if (!Number.isFinite(value)) return 'null'
  if (Object.is(value, -0)) return '-0'
  return String(value).replace(/e([+-])(\d)$/, 'e$10$2')
}
