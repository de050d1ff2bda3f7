// Looks for addresses in text, as `ip("...")` does.

import { type IpRange, ipRangeHas, parseIp } from '../syntax/ip-range.ts'

const digit = /[0-9]/
const hexDigit = /[0-9a-fA-F]/
const ipv4Run = /[0-9.]*/y
const ipv6Run = /[0-9a-fA-F:.]*/y
const ipv4LengthMin = 7
const ipv6LengthMin = 3

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

// A digit, and a point among the next three characters.
function mayBeIpv4(text: string, at: number): boolean {
  if (at + ipv4LengthMin > text.length || !digit.test(text[at]!)) return false
  return text[at + 1] === '.' || text[at + 2] === '.' || text[at + 3] === '.'
}

// Two colons, or up to four hexadecimal digits and one.
function mayBeIpv6(text: string, at: number): boolean {
  if (at + ipv6LengthMin > text.length) return false
  if (text[at] === ':') return text[at + 1] === ':' && hexDigit.test(text[at + 2] ?? '')
  for (let i = at; i < at + 5 && i < text.length; i++) {
    if (text[i] === ':') return i > at
    if (!hexDigit.test(text[i]!)) return false
  }
  return false
}
