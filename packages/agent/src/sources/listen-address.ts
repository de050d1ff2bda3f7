// Listen addresses in Go's notation: `host:port`, `:port`, `[::1]:port`.

import { readText, type ValueReader } from '@skald/config-reading'

/** Where to listen. Without a host, on all addresses of the machine. */
export interface ListenAddress {
  readonly host: string | undefined
  readonly port: number
}

/** Reads a listen address. */
export const readListenAddress: ValueReader<ListenAddress> = cursor => {
  const text = readText(cursor) ?? ''
  const found = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text)
  const port = Number(found?.[3])
  if (!found || port > 65_535) {
    return cursor.failAtKey(
      `${cursor.name} must be an address such as 0.0.0.0:1514 or :1514, found ${cursor.describe()}`,
    )
  }
  return { host: found[1] || found[2] || undefined, port }
}

/** Writes an address. */
export function formatAddress({
  host,
  port,
}: {
  readonly host: string
  readonly port: number
}): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
