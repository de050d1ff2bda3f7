// TLS of listeners: certificate, key, and the CA of their clients' certificates.

import type { SecureVersion, TlsOptions } from 'node:tls'
import { type Secret, readSecret as textOf } from './credentials.ts'

/** TLS settings of a listener. */
export interface ServerTls {
  readonly cert: Secret
  readonly key: Secret
  /** Clients must present a certificate of this CA. Without it, no client certificate is requested. */
  readonly ca: Secret | undefined
  readonly minVersion?: SecureVersion
  readonly maxVersion?: SecureVersion
}

/**
 * Reads the files.
 *
 * @throws the system's error if a file is unreadable.
 */
export function serverTlsOptions({ cert, key, ca, ...versions }: ServerTls): TlsOptions {
  return {
    ...{ cert: textOf(cert), key: textOf(key), ...versions },
    ...(ca && { ca: textOf(ca), requestCert: true, rejectUnauthorized: true }),
  }
}
