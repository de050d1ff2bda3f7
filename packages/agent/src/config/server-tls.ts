// TLS of whatever listens: certificate, key, and whose certificates clients must have.

import { readFileSync } from 'node:fs'
import { createSecureContext, type TlsOptions } from 'node:tls'
import { readAnything, readOneOf, readText } from './readers.ts'
import type { ValueReader, YamlCursor } from './yaml-cursor.ts'

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
  return checkedTls(cursor, raw)
}

const clientAuthTypes = [
  ...['NoClientCert', 'RequestClientCert', 'RequireAnyClientCert', 'VerifyClientCertIfGiven'],
  'RequireAndVerifyClientCert',
] as const

/** Reads `http_tls_config` of an HTTP server. */
export const readHttpTls: ValueReader<ServerTls> = cursor => {
  const raw = cursor.record({
    cert_file: readText,
    key_file: readText,
    client_ca_file: readText,
    client_auth_type: readOneOf(clientAuthTypes),
  })
  const tls = checkedTls(cursor, { ...raw, ca_file: raw.client_ca_file })
  const wantsClients = raw.client_auth_type ?? 'NoClientCert'
  if (tls && wantsClients === 'NoClientCert') return { ...tls, caFile: undefined }
  if (wantsClients === 'RequireAndVerifyClientCert' && tls?.caFile !== undefined) return tls
  return (cursor.get('client_auth_type') ?? cursor).failAtKey(
    'client_auth_type must be NoClientCert, or RequireAndVerifyClientCert with a client_ca_file',
  )
}

function checkedTls(
  cursor: YamlCursor,
  raw: {
    readonly cert_file?: string
    readonly key_file?: string
    readonly ca_file?: string | undefined
  },
): ServerTls | undefined {
  if (!raw.cert_file || !raw.key_file) {
    return cursor.failAtKey(`${cursor.name} needs cert_file and key_file`)
  }
  const tls = { certFile: raw.cert_file, keyFile: raw.key_file, caFile: raw.ca_file }
  try {
    createSecureContext(serverTlsOptions(tls))
  } catch (error) {
    return cursor.failAtKey(`${cursor.name} cannot be used: ${(error as Error).message}`)
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
