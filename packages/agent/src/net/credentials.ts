// Credentials for a server: secrets given inline or in files, and tokens of an OAuth 2 server. Files are
// read again for each request, so a renewed secret needs no restart.

import { readFileSync } from 'node:fs'
import { tokenDefaultMs, tokenSlackMs } from '../limits.ts'

/** A secret given inline or in a file, which is read again for each request. */
export type Secret = { readonly text: string } | { readonly file: string }

/** Authorization whose header can be made without asking a server. */
export type HeaderAuthorization =
  | { readonly kind: 'basic'; readonly username: Secret; readonly password: Secret }
  | {
      readonly kind: 'header'
      readonly type: string
      readonly credentials: Secret
      /** Separates type and credentials. Defaults to a blank. */
      readonly separator?: string
    }

export type ClientAuthorization = HeaderAuthorization | ({ readonly kind: 'oauth2' } & OauthConfig)

/** Client credentials of OAuth 2 (RFC 6749, section 4.4). */
export interface OauthConfig {
  readonly clientId: string
  readonly clientSecret: Secret
  readonly tokenUrl: URL
  readonly scopes: readonly string[]
  readonly endpointParams: ReadonlyMap<string, string>
}

/**
 * Reads a secret.
 *
 * @throws the system's error if its file is unreadable.
 */
export function readSecret(secret: Secret): string {
  return 'text' in secret ? secret.text : readFileSync(secret.file, 'utf8').trim()
}

/**
 * Makes the `Authorization` header.
 *
 * @throws the system's error if a secret's file is unreadable.
 */
export function authorizationHeader(authorization: HeaderAuthorization): string {
  if (authorization.kind === 'header') {
    const { type, credentials, separator = ' ' } = authorization
    return type + separator + readSecret(credentials)
  }
  const pair = `${readSecret(authorization.username)}:${readSecret(authorization.password)}`
  return `Basic ${Buffer.from(pair, 'utf8').toString('base64')}`
}

/** Posts a form and returns status and body. */
export type PostForm = (
  url: URL,
  form: URLSearchParams,
  headers: Record<string, string>,
) => Promise<{ readonly status: number; readonly text: string }>

/** Makes the `Authorization` header of each request. */
export class Credentials {
  readonly #authorization: ClientAuthorization | undefined
  readonly #post: PostForm
  #token: { readonly header: string; readonly endsMs: number } | undefined

  constructor(authorization: ClientAuthorization | undefined, post: PostForm) {
    this.#authorization = authorization
    this.#post = post
  }

  /**
   * Returns the header, or `undefined` if the server needs none.
   *
   * @throws Error if a secret's file is unreadable, or the OAuth server grants no token.
   */
  async header(): Promise<string | undefined> {
    const authorization = this.#authorization
    if (!authorization) return undefined
    if (authorization.kind === 'oauth2') return this.#tokenHeader(authorization)
    return authorizationHeader(authorization)
  }

  /** Forgets a token that the server rejected. */
  refused(): void {
    this.#token = undefined
  }

  async #tokenHeader(config: OauthConfig): Promise<string> {
    if (this.#token && Date.now() < this.#token.endsMs - tokenSlackMs) return this.#token.header
    const { clientId, clientSecret, tokenUrl, scopes, endpointParams } = config
    const form = new URLSearchParams([['grant_type', 'client_credentials'], ...endpointParams])
    if (scopes.length > 0) form.set('scope', scopes.join(' '))
    // RFC 6749, section 2.3.1: form-encode both values before joining them.
    const pair = `${encodeURIComponent(clientId)}:${encodeURIComponent(readSecret(clientSecret))}`
    const authorization = `Basic ${Buffer.from(pair).toString('base64')}`
    const { status, text } = await this.#post(tokenUrl, form, { authorization })
    const answer = status === 200 ? parseToken(text) : undefined
    if (!answer) throw new Error(`no token from ${tokenUrl.href}: status ${status}: ${text}`)
    this.#token = {
      header: `${answer.type} ${answer.token}`,
      endsMs: Date.now() + (answer.seconds ? answer.seconds * 1000 : tokenDefaultMs),
    }
    return this.#token.header
  }
}

function parseToken(
  text: string,
): { readonly token: string; readonly type: string; readonly seconds: number } | undefined {
  try {
    const { access_token: token, token_type: type, expires_in: seconds } = JSON.parse(text)
    if (typeof token !== 'string' || token === '') return undefined
    // The type may be "bearer" in any case, but servers expect "Bearer".
    const isBearer = typeof type !== 'string' || type.toLowerCase() === 'bearer'
    return { token, type: isBearer ? 'Bearer' : type, seconds: Number(seconds) || 0 }
  } catch {
    return undefined
  }
}
