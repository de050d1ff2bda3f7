// Names of cipher suites: Go's, which Loki's configurations have, and those of OpenSSL.

const authentications = { ECDHE_ECDSA: 'ECDHE-ECDSA', ECDHE_RSA: 'ECDHE-RSA', RSA: '' } as const
const encryptions = {
  AES_128_GCM_SHA256: 'AES128-GCM-SHA256',
  AES_256_GCM_SHA384: 'AES256-GCM-SHA384',
  CHACHA20_POLY1305_SHA256: 'CHACHA20-POLY1305',
  CHACHA20_POLY1305: 'CHACHA20-POLY1305',
  AES_128_CBC_SHA256: 'AES128-SHA256',
  AES_128_CBC_SHA: 'AES128-SHA',
  AES_256_CBC_SHA: 'AES256-SHA',
} as const

/** Suites of TLS 1.3. As in Go, they are always there and cannot be chosen. */
const always = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
] as const

const nameOf: ReadonlyMap<string, string> = new Map(
  Object.entries(authentications).flatMap(([go, openssl]) =>
    Object.entries(encryptions)
      .filter(([encryption]) => openssl !== '' || !encryption.startsWith('CHACHA20'))
      .map(([encryption, name]) => [
        `TLS_${go}_WITH_${encryption}`,
        [openssl, name].filter(Boolean).join('-'),
      ]),
  ),
)

/**
 * Translates a list of Go's names, separated by commas, into OpenSSL's list.
 *
 * @throws RangeError that names a suite which there is not, or which nobody should use.
 */
export function opensslCiphers(list: string): string | undefined {
  const names = list.split(',').flatMap(name => name.trim() || [])
  if (names.length === 0) return undefined
  const chosen = names.flatMap(name => {
    if ((always as readonly string[]).includes(name)) return []
    const found = nameOf.get(name)
    if (found === undefined) throw new RangeError(`there is no cipher suite ${name}`)
    return [found]
  })
  return [...always, ...chosen].join(':')
}

/** Translates such a list of a configuration. Reports a suite that there is not. */
export function readCiphers(list: string, report: (message: string) => void): string | undefined {
  try {
    return opensslCiphers(list)
  } catch (error) {
    report((error as RangeError).message)
    return undefined
  }
}
