// Resolves the TLS settings of a configuration. Files are read later, when the server starts.

import type { SecureVersion } from 'node:tls'
import { readCiphers } from './cipher-suites.ts'
import type { ClientAuthType, PemSource, TlsConfig } from './tls-config.ts'
import type { RawHttpTls } from './tls-schema.ts'

/** Keys of the block `server`. */
export interface RawServerTls {
  readonly http_tls_config: RawHttpTls
  readonly tls_cipher_suites: string
  readonly tls_min_version: string
}

/** Reports a mistake in a key, by its path below `server`. */
type Report = (key: string, message: string) => void

const versions: Readonly<Record<string, SecureVersion>> = {
  '': 'TLSv1.2',
  VersionTLS12: 'TLSv1.2',
  VersionTLS13: 'TLSv1.3',
}

/** Returns the TLS settings; nothing if there is no certificate. */
export function resolveTls(server: RawServerTls, report: Report): TlsConfig | undefined {
  const tls = server.http_tls_config
  const inBlock: Report = (key, message) => report(`http_tls_config.${key}`, message)
  const cert = pemOf(tls.cert, tls.cert_file, message => inBlock('cert', message))
  const key = pemOf(keyText(tls.key, inBlock), tls.key_file, message => inBlock('key', message))
  const clientCa = pemOf(tls.client_ca, tls.client_ca_file, message =>
    inBlock('client_ca', message),
  )
  const clientAuth = (tls.client_auth_type || 'NoClientCert') as ClientAuthType
  const minVersion = versions[server.tls_min_version]
  if (minVersion === undefined) report('tls_min_version', 'write VersionTLS12 or VersionTLS13')
  const ciphers = readCiphers(server.tls_cipher_suites, message =>
    report('tls_cipher_suites', message),
  )
  if (cert === undefined && key === undefined && clientCa === undefined) {
    if (clientAuth !== 'NoClientCert')
      inBlock('client_auth_type', 'it needs cert_file and key_file')
    return undefined
  }
  if (cert === undefined) inBlock('cert_file', 'it is missing: write the file of the certificate')
  if (key === undefined) inBlock('key_file', 'it is missing: write the file of the key')
  if (clientCa !== undefined && clientAuth === 'NoClientCert') {
    inBlock('client_auth_type', 'write RequireAndVerifyClientCert, or remove client_ca_file')
  }
  if (clientCa === undefined && clientAuth.includes('Verify')) {
    inBlock('client_ca_file', `it is missing: ${clientAuth} checks certificates with it`)
  }
  if (!cert || !key || !minVersion) return undefined
  return { cert, key, clientAuth, clientCa, minVersion, ciphers }
}

function pemOf(
  text: string,
  file: string,
  report: (message: string) => void,
): PemSource | undefined {
  if (text !== '' && file !== '')
    report('it is there twice: remove it, or the key that ends with _file')
  if (text !== '') return { text }
  return file === '' ? undefined : { file }
}

function keyText(written: unknown, report: Report): string {
  if (typeof written === 'string') return written
  report('key', 'write a text')
  return ''
}
