// TLS of the HTTP server, as resolved from the configuration.

import type { SecureVersion } from 'node:tls'

/** Which certificates clients must have, with the names of Go's `crypto/tls`. */
export const clientAuthTypes = [
  'NoClientCert',
  'RequestClientCert',
  'RequireAnyClientCert',
  'VerifyClientCertIfGiven',
  'RequireAndVerifyClientCert',
] as const
export type ClientAuthType = (typeof clientAuthTypes)[number]

/** PEM in the configuration, or in a file that is read again when it changes. */
export type PemSource = { readonly text: string } | { readonly file: string }

export interface TlsConfig {
  readonly cert: PemSource
  readonly key: PemSource
  readonly clientAuth: ClientAuthType
  /** The authorities of client certificates; those that Node knows if undefined. */
  readonly clientCa: PemSource | undefined
  readonly minVersion: SecureVersion
  /** OpenSSL's list of cipher suites; Node's default if undefined. */
  readonly ciphers: string | undefined
}
