// Looks for addresses in text, as `ip("...")` does.

import { type IpRange, ipRangeHas, parseIp } from '../syntax/ip-range.ts'

const ipv4Run = /[0-9.]+/g
const ipv6Run = /[0-9a-fA-F:.]+/g

/** Tells whether a text contains an address of the range. */
export function findIp(text: string, range: IpRange): boolean {
  const isIpv4 = range.first.length === 4
  if (!text.includes(isIpv4 ? '.' : ':')) return false
  for (const [run] of text.matchAll(isIpv4 ? ipv4Run : ipv6Run)) {
    if (run.length < (isIpv4 ? 7 : 2)) continue
    const address = parseIp(run)
    if (address && ipRangeHas(range, address)) return true
  }
  return false
}
