// The certificate of the HTTP server: reads it with its key, and finds out whether they fit.

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext, type SecureContextOptions, type TLSSocket } from 'node:tls'
import { secondsPerDay } from '../day.ts'
import { CertificateError } from '../errors.ts'
import { certificateSoonMs } from '../limits.ts'
import type { PemSource, TlsConfig } from './tls-config.ts'

export interface Certificate {
  /** What a server needs. */
  readonly context: SecureContextOptions
  /** When it expires, in ms since 1970. */
  readonly expiresMs: number
}

/**
 * Reads the files.
 *
 * @throws CertificateError that says which file is unreadable, is no PEM, or does not fit.
 */
export function readCertificate(config: TlsConfig): Certificate {
  const cert = readPem(config.cert, 'cert')
  const key = readPem(config.key, 'key')
  const ca = config.clientCa && readPem(config.clientCa, 'client_ca')
  const { minVersion, ciphers } = config
  const leaf = parseCertificate(cert, nameOf(config.cert, 'cert'))
  const privateKey = parseKey(key, nameOf(config.key, 'key'))
  if (!leaf.checkPrivateKey(privateKey)) {
    const pair = `${nameOf(config.cert, 'cert')} and ${nameOf(config.key, 'key')}`
    throw new CertificateError(`Cannot use ${pair} for TLS: the key belongs to another certificate`)
  }
  if (ca !== undefined) parseCertificate(ca, nameOf(config.clientCa!, 'client_ca'))
  const context: SecureContextOptions = {
    ...{ cert, key, minVersion },
    ...(ciphers !== undefined && { ciphers }),
    ...(ca !== undefined && { ca }),
  }
  try {
    createSecureContext(context)
  } catch (error) {
    const { message } = error as Error
    throw new CertificateError(`Cannot use ${nameOf(config.cert, 'cert')} for TLS: ${message}`, {
      cause: error,
    })
  }
  return { context, expiresMs: Date.parse(leaf.validTo) }
}

function parseCertificate(pem: string, name: string): X509Certificate {
  try {
    return new X509Certificate(pem)
  } catch (error) {
    throw new CertificateError(`Cannot use ${name} for TLS: it has no certificate as PEM`, {
      cause: error,
    })
  }
}

function parseKey(pem: string, name: string): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch (error) {
    const isLocked = /^(-----BEGIN ENCRYPTED|Proc-Type: .*ENCRYPTED)/m.test(pem)
    const why = isLocked ? 'the key has a passphrase: remove it' : 'it has no key as PEM'
    throw new CertificateError(`Cannot use ${name} for TLS: ${why}`, { cause: error })
  }
}

function readPem(source: PemSource, key: string): string {
  if ('text' in source) return source.text
  try {
    return readFileSync(source.file, 'utf8')
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? (error as Error).message
    throw new CertificateError(`Cannot read ${nameOf(source, key)} for TLS: ${why}`, {
      cause: error,
    })
  }
}

function nameOf(source: PemSource, key: string): string {
  return 'file' in source ? source.file : `server.http_tls_config.${key}`
}

/** Options of a server that depend on the clients it lets in. */
export function clientOptions({ clientAuth }: TlsConfig) {
  return {
    requestCert: clientAuth !== 'NoClientCert',
    rejectUnauthorized: clientAuth === 'RequireAndVerifyClientCert',
  }
}

/** Returns true for connections whose client has the certificate that it must have. */
export function isClientAllowed({ clientAuth }: TlsConfig, socket: TLSSocket): boolean {
  if (clientAuth === 'NoClientCert' || clientAuth === 'RequestClientCert') return true
  const hasCertificate = socket.getPeerX509Certificate() !== undefined
  if (clientAuth === 'RequireAnyClientCert') return hasCertificate
  if (clientAuth === 'VerifyClientCertIfGiven') return !hasCertificate || socket.authorized
  return hasCertificate && socket.authorized
}

/** Returns what to say about a certificate that has expired or soon will. */
export function expiryWarning({ expiresMs }: Pick<Certificate, 'expiresMs'>): string | undefined {
  const leftMs = expiresMs - Date.now()
  const date = new Date(expiresMs).toISOString().slice(0, 10)
  if (leftMs <= 0) return `the certificate has expired on ${date}: clients refuse it`
  if (leftMs >= certificateSoonMs) return undefined
  return `the certificate expires on ${date}, in ${Math.floor(leftMs / 1000 / secondsPerDay)} days: renew it`
}
