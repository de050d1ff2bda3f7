// TLS of the sources that listen: certificate, key, and whose certificates clients must have.

import { readFileSync } from 'node:fs'
import { createSecureContext, type TlsOptions } from 'node:tls'
import { readAnything, readText } from '../config/readers.ts'
import type { ValueReader } from '../config/yaml-cursor.ts'

/** Files of a listener's TLS. */
export interface ServerTls {
  readonly certFile: string
  readonly keyFile: string
  /** Clients must show a certificate of one of these; without it none is asked for. */
  readonly caFile: string | undefined
}

/** Reads `tls_config` of a source that listens; the files must be there and fit. */
export const readServerTls: ValueReader<ServerTls> = cursor => {
  const raw = cursor.record({
    cert_file: readText,
    key_file: readText,
    ca_file: readText,
    // Of Promtail's, without a meaning for one who listens.
    server_name: readAnything,
    insecure_skip_verify: readAnything,
  })
  if (!raw.cert_file || !raw.key_file) {
    return cursor.failAtKey('tls_config needs cert_file and key_file')
  }
  const tls = { certFile: raw.cert_file, keyFile: raw.key_file, caFile: raw.ca_file }
  try {
    createSecureContext(serverTlsOptions(tls))
  } catch (error) {
    return cursor.failAtKey(`tls_config cannot be used: ${(error as Error).message}`)
  }
  return tls
}

/**
 * Reads the files.
 *
 * @throws the system's error for a file that cannot be read.
 */
export function serverTlsOptions({ certFile, keyFile, caFile }: ServerTls): TlsOptions {
  return {
    ...{ cert: readFileSync(certFile), key: readFileSync(keyFile) },
    ...(caFile !== undefined && {
      ...{ ca: readFileSync(caFile), requestCert: true, rejectUnauthorized: true },
    }),
  }
}
