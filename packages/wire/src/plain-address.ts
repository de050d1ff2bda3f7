/** Returns an address without the prefix that an IPv6 socket adds to the addresses of IPv4 clients. */
export function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '')
}
