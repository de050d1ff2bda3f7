// TLS of whatever listens: certificate, key, and the authority whose certificates clients must have.

import type { SecureVersion, TlsOptions } from 'node:tls'
import { type Secret, readSecret as textOf } from './credentials.ts'

/** A listener's TLS. */
export interface ServerTls {
  readonly cert: Secret
  readonly key: Secret
  /** Clients must show a certificate of one of these; without it none is asked for. */
  readonly ca: Secret | undefined
  readonly minVersion?: SecureVersion
  readonly maxVersion?: SecureVersion
}

/**
 * Reads the files.
 *
 * @throws the system's error for a file that cannot be read.
 */
export function serverTlsOptions({ cert, key, ca, ...versions }: ServerTls): TlsOptions {
  return {
    ...{ cert: textOf(cert), key: textOf(key), ...versions },
    ...(ca && { ca: textOf(ca), requestCert: true, rejectUnauthorized: true }),
  }
}
