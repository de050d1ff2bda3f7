// Reads what a request shows to say who sends it.

import { hash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { credentialsCharsMax } from '../limits.ts'
import type { Identity } from './auth-config.ts'

export type Credentials =
  | { readonly kind: 'password'; readonly user: string; readonly password: string }
  | { readonly kind: 'token'; readonly token: string }

/**
 * Why nobody was found. `missing`: nothing was shown. `malformed`: it cannot be read. `password`, `token`: it is wrong.
 * `expired`: it has ended. `busy`: too many passwords wait for their check. `issuer`: no key of the issuer is known.
 */
export type Failure = 'missing' | 'malformed' | 'password' | 'token' | 'expired' | 'busy' | 'issuer'

export type Outcome =
  | {
      readonly identity: Identity
      /** Returns who it is now; `undefined` if they may no longer come in. */
      readonly renew: () => Identity | undefined
    }
  | {
      readonly failure: Failure
      /** The user or token that was tried, if there is such a name. */
      readonly name?: string
    }

/**
 * Reads the headers. Besides `Basic` and `Bearer`, clients of other servers send a token in their own way: `Splunk` and
 * `ApiKey` in Authorization, and DD-API-KEY.
 */
export function readCredentials(headers: IncomingHttpHeaders): Credentials | Failure {
  const { authorization } = headers
  if (authorization === undefined) {
    const key = headers['dd-api-key']
    if (typeof key !== 'string' || key === '') return 'missing'
    return key.length > credentialsCharsMax ? 'malformed' : { kind: 'token', token: key }
  }
  if (authorization.length > credentialsCharsMax) return 'malformed'
  const space = authorization.indexOf(' ')
  const scheme = authorization.slice(0, Math.max(0, space)).toLowerCase()
  const rest = authorization.slice(space + 1).trim()
  if (space < 0 || rest === '') return 'malformed'
  switch (scheme) {
    case 'bearer':
    case 'splunk':
      return { kind: 'token', token: rest }
    case 'basic':
      return readPassword(rest)
    case 'apikey': {
      const pair = readPassword(rest)
      return typeof pair === 'string' ? pair : { kind: 'token', token: pair.password }
    }
    default:
      return 'malformed'
  }
}

function readPassword(base64: string): Extract<Credentials, { kind: 'password' }> | 'malformed' {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) return 'malformed'
  const text = Buffer.from(base64, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  if (colon < 0 || /\p{Cc}/u.test(text)) return 'malformed'
  return { kind: 'password', user: text.slice(0, colon), password: text.slice(colon + 1) }
}

/** Returns the SHA-256 of a token in hex, as the configuration has it. */
export function sha256Of(token: string): string {
  return hash('sha256', token)
}
