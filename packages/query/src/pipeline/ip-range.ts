// What `ip("...")` names: one address, a network (`10.0.0.0/8`) or a range (`10.0.0.1-10.0.0.9`), as
// the first and last address of a range. Addresses are 4 or 16 bytes; the two kinds never match.

import { isIPv4, isIPv6 } from 'node:net'
import { quoteGoString } from '@skald/go-dialect'

/** A closed range of addresses of one kind. */
export interface IpRange {
  readonly first: Uint8Array
  readonly last: Uint8Array
}

/**
 * Parses an ip() pattern.
 *
 * @throws SyntaxError with Loki's text.
 */
export function parseIpRange(pattern: string): IpRange {
  const range = rangeOf(pattern)
  if (!range) throw new SyntaxError(`ip: invalid pattern: ${quoteGoString(pattern)}`)
  return range
}

function rangeOf(pattern: string): IpRange | undefined {
  const single = parseIp(pattern)
  if (single) return { first: single, last: single }
  const network = /^([^/]+)\/(\d{1,3})$/.exec(pattern)
  if (network) return networkRange(network[1]!, Number(network[2]))
  const ends = pattern.split('-')
  if (ends.length !== 2) return undefined
  const [first, last] = ends.map(parseIp)
  if (!first || !last || first.length !== last.length) return undefined
  return compareBytes(first, last) > 0 ? undefined : { first, last }
}

function networkRange(address: string, bits: number): IpRange | undefined {
  const bytes = parseIp(address)
  if (!bytes || bits > bytes.length * 8) return undefined
  const masks = bytes.map((_, i) => (0xff00 >> Math.min(8, Math.max(0, bits - i * 8))) & 0xff)
  const first = bytes.map((byte, i) => byte & masks[i]!)
  const last = bytes.map((byte, i) => byte | (~masks[i]! & 0xff))
  return { first, last }
}

/** Parses an address into its bytes; `undefined` where the text is none. */
export function parseIp(text: string): Uint8Array | undefined {
  if (isIPv4(text)) return Uint8Array.from(text.split('.'), Number)
  const [address = ''] = text.split('%')
  return isIPv6(address) ? ipv6Bytes(address) : undefined
}

function ipv6Bytes(address: string): Uint8Array {
  // A dotted tail stands for the last two groups.
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address)
  if (dotted) {
    const [, head, a, b, c, d] = dotted
    const group = (high: string, low: string) => (Number(high) * 256 + Number(low)).toString(16)
    return ipv6Bytes(`${head}${group(a!, b!)}:${group(c!, d!)}`)
  }
  const [left = '', right] = address.split('::')
  const groupsOf = (part: string) => (part === '' ? [] : part.split(':'))
  const head = groupsOf(left)
  const tail = right === undefined ? [] : groupsOf(right)
  const zeros = new Array<string>(8 - head.length - tail.length).fill('0')
  const bytes = new Uint8Array(16)
  for (const [i, group] of [...head, ...zeros, ...tail].entries()) {
    const value = Number.parseInt(group, 16)
    bytes[i * 2] = value >> 8
    bytes[i * 2 + 1] = value & 0xff
  }
  return bytes
}

/** Tells whether an address lies in a range. */
export function ipRangeHas(range: IpRange, address: Uint8Array): boolean {
  return (
    address.length === range.first.length &&
    compareBytes(address, range.first) >= 0 &&
    compareBytes(address, range.last) <= 0
  )
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!
  return 0
}
