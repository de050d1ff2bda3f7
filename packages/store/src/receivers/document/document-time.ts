// Times as senders of documents write them: ISO 8601 in the forms of Elasticsearch, and numbers since 1970 in
// whatever unit fits.

import { parseRfc3339 } from '@skald/go-dialect'

const isoTime =
  /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d)?(?:[.,](\d{1,9})\d{0,9})?\s?(Z|[+-]\d\d(?::?\d\d)?)?)?$/
const epochTime = /^(\d{1,19})(?:\.(\d{1,30}))?$/

/**
 * Reads a time. Numbers are seconds up to 11 digits, milliseconds up to 14, microseconds up to 17, else
 * nanoseconds. Without an offset, a time is UTC.
 *
 * @returns nanoseconds since 1970, or `undefined` if it is not a time.
 */
export function parseDocumentTime(text: string): bigint | undefined {
  const iso = isoTime.exec(text)
  if (iso) {
    const [, day, minute = '00:00', second = ':00', fraction = '0', zone = 'Z'] = iso
    return parseRfc3339(`${day}T${minute}${second}.${fraction}${offsetOf(zone)}`)
  }
  const epoch = epochTime.exec(text)
  if (epoch) return epochNs(epoch[1]!, epoch[2] ?? '')
  // An exponent, as some encoders of doubles write it.
  if (/^\d(?:\.\d{1,20})?[eE]\+?\d{1,2}$/.test(text)) {
    return epochNs(String(BigInt(Math.round(Number(text)))), '')
  }
  return undefined
}

function offsetOf(zone: string): string {
  if (zone === 'Z') return 'Z'
  const digits = zone.slice(1).replace(':', '').padEnd(4, '0')
  return `${zone[0]}${digits.slice(0, 2)}:${digits.slice(2)}`
}

function epochNs(whole: string, fraction: string): bigint | undefined {
  const digits = whole.replace(/^0+/, '').length
  const decimals = digits <= 11 ? 9 : digits <= 14 ? 6 : digits <= 17 ? 3 : 0
  const rest = decimals === 0 ? '' : fraction.slice(0, decimals).padEnd(decimals, '0')
  const ns = BigInt(whole + rest)
  return ns === BigInt.asIntN(64, ns) ? ns : undefined
}
