// Reads the TLS settings of listeners: certificate, key and the CA of their clients.

import { createSecureContext } from 'node:tls'
import { readOneOf, readText, type ValueReader, type YamlCursor } from '@skald/config-reading'
import type { Secret } from '../net/credentials.ts'
import { type ServerTls, serverTlsOptions } from '../net/server-tls.ts'
import { readTlsVersion, tlsFields, versionsOf } from './http-client.ts'

/**
 * Reads the `tls_config` of a source that listens. The files must exist and match. A block without a
 * certificate means no TLS.
 */
export const readServerTls: ValueReader<ServerTls> = cursor => {
  const raw = cursor.record({
    ...tlsFields,
    min_version: readTlsVersion,
    max_version: readTlsVersion,
  })
  return checkedTls(cursor, {
    cert: secretOf(raw.cert, raw.cert_file),
    key: secretOf(raw.key, raw.key_file),
    ca: secretOf(raw.ca, raw.ca_file),
    ...versionsOf(raw),
  })
}

function secretOf(text: string | undefined, file: string | undefined): Secret | undefined {
  if (text) return { text }
  return file ? { file } : undefined
}

const clientAuthTypes = [
  ...['NoClientCert', 'RequestClientCert', 'RequireAnyClientCert', 'VerifyClientCertIfGiven'],
  'RequireAndVerifyClientCert',
] as const

const httpTlsFields = {
  cert: readText,
  cert_file: readText,
  key: readText,
  key_file: readText,
  client_ca: readText,
  client_ca_file: readText,
  client_auth_type: readOneOf(['', ...clientAuthTypes] as const),
}

/** Reads the same keys where nothing is served. */
export const readTlsTexts: ValueReader<true> = cursor => {
  cursor.record(httpTlsFields)
  return true
}

/** Reads the `http_tls_config` of an HTTP server. A block without a certificate means no TLS. */
export const readHttpTls: ValueReader<ServerTls> = cursor => {
  const raw = cursor.record(httpTlsFields)
  const wantsClients = raw.client_auth_type || 'NoClientCert'
  const ca = secretOf(raw.client_ca, raw.client_ca_file)
  const tls = checkedTls(cursor, {
    cert: secretOf(raw.cert, raw.cert_file),
    key: secretOf(raw.key, raw.key_file),
    ca: wantsClients === 'NoClientCert' ? undefined : ca,
  })
  const verifies = wantsClients === 'RequireAndVerifyClientCert' && ca !== undefined
  if (wantsClients === 'NoClientCert' || verifies) return tls
  return (cursor.get('client_auth_type') ?? cursor).failAtKey(
    'client_auth_type must be NoClientCert, or RequireAndVerifyClientCert with a client_ca_file',
  )
}

function checkedTls(
  cursor: YamlCursor,
  {
    cert,
    key,
    ...rest
  }: Omit<ServerTls, 'cert' | 'key'> & Partial<Record<'cert' | 'key', Secret | undefined>>,
): ServerTls | undefined {
  if (!cert && !key && !rest.ca) return undefined
  if (!cert || !key) return cursor.failAtKey(`${cursor.name} needs cert_file and key_file`)
  const tls = { cert, key, ...rest }
  try {
    createSecureContext(serverTlsOptions(tls))
  } catch (error) {
    return cursor.failAtKey(`${cursor.name} cannot be used: ${(error as Error).message}`)
  }
  return tls
}
