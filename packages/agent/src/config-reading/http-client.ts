// Keys shared by everything that speaks HTTP: authentication, TLS, proxies, redirects.

import { existsSync, readFileSync } from 'node:fs'
import { createSecureContext, type SecureVersion } from 'node:tls'
import {
  readAnything,
  readBoolean,
  readOneOf,
  readText,
  refuse,
  type ValueReader,
  type YamlCursor,
} from '@skald/config-reading'
import { type HeaderAuthorization, type Secret, readSecret as textOf } from '../net/credentials.ts'
import type { ClientTls } from '../net/http-post.ts'

const readBasicAuth: ValueReader<HeaderAuthorization> = cursor => {
  const raw = cursor.record({
    username: readText,
    username_file: readText,
    password: readText,
    password_file: readText,
  })
  const username = readLateSecret(cursor, raw.username, raw.username_file) ?? { text: '' }
  const password = readLateSecret(cursor, raw.password, raw.password_file) ?? { text: '' }
  return { kind: 'basic', username, password }
}

const readAuthorization: ValueReader<HeaderAuthorization> = cursor => {
  const raw = cursor.record({ type: readText, credentials: readText, credentials_file: readText })
  const credentials = readLateSecret(cursor, raw.credentials, raw.credentials_file) ?? { text: '' }
  if (raw.type?.toLowerCase() === 'basic') {
    return cursor.failAtKey('authorization type must not be basic: use basic_auth')
  }
  return { kind: 'header', type: raw.type ?? 'Bearer', credentials }
}

/** Reads a secret that is given inline or in a file. The file must exist. */
export function readSecret(
  cursor: YamlCursor,
  text: string | undefined,
  file: string | undefined,
): Secret | undefined {
  if (text !== undefined && file !== undefined) {
    return cursor.failAtKey(`${cursor.name}: give the value or its file, not both`)
  }
  if (file === undefined) return text === undefined ? undefined : { text }
  try {
    readFileSync(file)
  } catch (error) {
    return cursor.failAtKey(`${cursor.name}: cannot read ${file}: ${(error as Error).message}`)
  }
  return { file }
}

/**
 * Reads a secret that is loaded for each request. Its file may appear later, for example from a sidecar.
 */
export function readLateSecret(
  cursor: YamlCursor,
  text: string | undefined,
  file: string | undefined,
): Secret | undefined {
  if (text === undefined && file !== undefined && !existsSync(file)) return { file }
  return readSecret(cursor, text, file)
}

const tlsVersions = {
  TLS10: 'TLSv1',
  TLS11: 'TLSv1.1',
  TLS12: 'TLSv1.2',
  TLS13: 'TLSv1.3',
} as const
/** Reads the name of a TLS version. */
export const readTlsVersion = readOneOf(['TLS10', 'TLS11', 'TLS12', 'TLS13'] as const)

/** TLS keys for a client: whom to trust and which certificate to present. */
export const tlsFields = {
  ca: readText,
  ca_file: readText,
  cert: readText,
  cert_file: readText,
  key: readText,
  key_file: readText,
  server_name: readText,
  insecure_skip_verify: readBoolean,
}

/** Returns the configured versions under Node's names. */
export function versionsOf(raw: {
  readonly min_version?: keyof typeof tlsVersions
  readonly max_version?: keyof typeof tlsVersions
}): { readonly minVersion?: SecureVersion; readonly maxVersion?: SecureVersion } {
  return {
    ...(raw.min_version && { minVersion: tlsVersions[raw.min_version] }),
    ...(raw.max_version && { maxVersion: tlsVersions[raw.max_version] }),
  }
}

const readTls: ValueReader<ClientTls> = cursor => {
  const raw = cursor.record({
    ...tlsFields,
    min_version: readTlsVersion,
    max_version: readTlsVersion,
  })
  const ca = readSecret(cursor, raw.ca, raw.ca_file)
  const cert = readSecret(cursor, raw.cert, raw.cert_file)
  const key = readSecret(cursor, raw.key, raw.key_file)
  checkTls(cursor, { ca, cert, key, ...versionsOf(raw) })
  return {
    ...(ca && { ca }),
    ...(cert && { cert }),
    ...(key && { key }),
    ...(raw.server_name && { serverName: raw.server_name }),
    ...versionsOf(raw),
    isInsecure: raw.insecure_skip_verify ?? false,
  }
}

function checkTls(
  cursor: YamlCursor,
  {
    ca,
    cert,
    key,
    ...versions
  }: Record<'ca' | 'cert' | 'key', Secret | undefined> & ReturnType<typeof versionsOf>,
): void {
  if ((cert === undefined) !== (key === undefined)) {
    cursor.failAtKey(`${cursor.name} needs both a certificate and its key, or neither`)
    return
  }
  const { minVersion, maxVersion } = versions
  if (minVersion && maxVersion && minVersion > maxVersion) {
    cursor.get('max_version')?.failAtKey('max_version must not be below min_version')
    return
  }
  // OpenSSL treats text without certificates as no certificates.
  if (ca && !textOf(ca).includes('-----BEGIN ')) {
    cursor.failAtKey(`${cursor.name}: the given ca contains no PEM certificate`)
    return
  }
  try {
    createSecureContext({
      ...(ca && { ca: textOf(ca) }),
      ...(cert && key && { cert: textOf(cert), key: textOf(key) }),
      ...versions,
    })
  } catch (error) {
    cursor.failAtKey(`${cursor.name} cannot be used: ${(error as Error).message}`)
  }
}

const notProxied = 'the agent connects directly; put the proxy’s address into the URL'

/** Readers of those keys, to spread into the fields of a section. */
export const httpClientFields = {
  basic_auth: readBasicAuth,
  authorization: readAuthorization,
  bearer_token: readText,
  bearer_token_file: readText,
  oauth2: refuse('use basic_auth, authorization or bearer_token'),
  tls_config: readTls,
  proxy_url: refuse(notProxied),
  proxy_from_environment: readAnything,
  no_proxy: readAnything,
  proxy_connect_header: readAnything,
  follow_redirects: readBoolean,
  enable_http2: readBoolean,
}

/** Returns the one configured kind of authentication, apart from OAuth 2. Reports a second one. */
export function readOneAuthorization(
  cursor: YamlCursor,
  raw: {
    readonly basic_auth?: HeaderAuthorization
    readonly authorization?: HeaderAuthorization
    readonly bearer_token?: string
    readonly bearer_token_file?: string
    readonly oauth2?: unknown
  },
): HeaderAuthorization | undefined {
  const bearer = readLateSecret(cursor, raw.bearer_token, raw.bearer_token_file)
  const given = [
    ...(raw.basic_auth ? ['basic_auth'] : []),
    ...(raw.authorization ? ['authorization'] : []),
    ...(bearer ? ['bearer_token'] : []),
    ...(raw.oauth2 ? ['oauth2'] : []),
  ]
  if (given.length > 1) {
    const last = cursor.get(given.at(-1)!) ?? cursor.get('bearer_token_file') ?? cursor
    last.failAtKey(`Give only one kind of authentication, found ${given.join(' and ')}`)
  }
  const bearerAuthorization: HeaderAuthorization | undefined = bearer && {
    ...{ kind: 'header', type: 'Bearer', credentials: bearer },
  }
  return raw.basic_auth ?? raw.authorization ?? bearerAuthorization
}
