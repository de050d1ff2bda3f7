// Looks for addresses in text, as `ip("...")` does. Loki looks at four or five bytes to see whether an
// address begins, so the last three or four of a text are never the beginning of one: `::1` is not found
// where it ends a text.

import { type IpRange, ipRangeHas, parseIp } from './ip-range.ts'

const ipv4Run = /[0-9.]*/y
const ipv6Run = /[0-9a-fA-F:.]*/y
/** So many bytes are looked at. */
const ipv4HintLength = 4
const ipv6HintLength = 5

/** Tells whether a text contains an address of the range. */
export function findIp(text: string, range: IpRange): boolean {
  if (!text.includes(range.first.length === 4 ? '.' : ':')) return false
  for (let at = 0; at < text.length; at++) {
    let run: RegExp
    if (mayBeIpv4(text, at)) run = ipv4Run
    else if (mayBeIpv6(text, at)) run = ipv6Run
    else continue
    run.lastIndex = at
    const [candidate] = run.exec(text)!
    const address = parseIp(candidate)
    if (address && ipRangeHas(range, address)) return true
    // An address of the other kind is passed over as a whole, whatever it ends with.
    at += candidate.length
  }
  return false
}

const point = 0x2e
const colon = 0x3a

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39
}

function isHexDigit(code: number): boolean {
  const lower = code | 0x20
  return isDigit(code) || (lower >= 0x61 && lower <= 0x66)
}

// A digit, and a point among the next three characters.
function mayBeIpv4(text: string, at: number): boolean {
  if (!isDigit(text.charCodeAt(at)) || at + ipv4HintLength > text.length) return false
  for (let i = at + 1; i <= at + 3; i++) if (text.charCodeAt(i) === point) return true
  return false
}

// Two colons, or up to four hexadecimal digits and one.
function mayBeIpv6(text: string, at: number): boolean {
  const first = text.charCodeAt(at)
  if (at + ipv6HintLength > text.length) return false
  if (first === colon) {
    return text.charCodeAt(at + 1) === colon && isHexDigit(text.charCodeAt(at + 2))
  }
  for (let i = at; i < at + 5; i++) {
    const code = text.charCodeAt(i)
    if (code === colon) return i > at
    if (!isHexDigit(code)) return false
  }
  return false
}
