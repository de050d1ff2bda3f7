// The public keys of an OpenID issuer. They are fetched when they are first needed and again now and then. If the
// issuer is away, the keys that are known stay in use.

import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose'
import type { Logger } from 'pino'
import { AccessError } from '../errors.ts'
import { issuerBytesMax, issuerKeysMs, issuerPauseMs, issuerTimeoutMs } from '../limits.ts'
import type { OidcConfig } from './auth-config.ts'

export interface IssuerKeysParts {
  readonly config: Pick<OidcConfig, 'issuer' | 'keysUrl'>
  readonly clock: { now(): number }
  readonly logger: Logger
}

export class IssuerKeys {
  readonly #parts: IssuerKeysParts
  #find: JWTVerifyGetKey | undefined
  #fetchedMs = Number.NEGATIVE_INFINITY
  #triedMs = Number.NEGATIVE_INFINITY
  #fetching: Promise<void> | undefined

  constructor(parts: IssuerKeysParts) {
    this.#parts = parts
  }

  /**
   * Finds the key of a token. An unknown key leads to one fetch, at most every `issuerPauseMs`.
   *
   * @throws AccessError when no keys are known and the issuer does not give any; JOSEError when none fits.
   */
  readonly keyOf: JWTVerifyGetKey = async (header, token) => {
    const { now } = this.#parts.clock
    if (!this.#find) await this.#refresh()
    // Nobody waits for this fetch: the keys are only old.
    else if (now() - this.#fetchedMs > issuerKeysMs) void this.#refresh()
    if (!this.#find) throw unchecked()
    try {
      return await this.#find(header, token)
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error
      const isFetched = await this.#refresh()
      if (!isFetched) throw error
      return this.#find(header, token)
    }
  }

  /** Fetches the keys, unless that was tried a moment ago. Resolves with whether it was tried. */
  async #refresh(): Promise<boolean> {
    const { clock, logger } = this.#parts
    if (!this.#fetching) {
      if (clock.now() - this.#triedMs < issuerPauseMs) return false
      this.#triedMs = clock.now()
      this.#fetching = this.#fetch()
        .catch((error: Error) => {
          const why = (error.cause as Error | undefined)?.message ?? error.message
          logger.warn(`cannot fetch the keys of the issuer, known ones stay in use: ${why}`)
        })
        .finally(() => {
          this.#fetching = undefined
        })
    }
    await this.#fetching
    return true
  }

  async #fetch(): Promise<void> {
    const { config, clock } = this.#parts
    const url = config.keysUrl ?? (await this.#keysUrl())
    const keys = createLocalJWKSet((await fetchJson(url)) as JSONWebKeySet)
    this.#find = (header, token) => keys(header, token)
    this.#fetchedMs = clock.now()
  }

  /** Asks the issuer where its keys are. */
  async #keysUrl(): Promise<string> {
    const { issuer } = this.#parts.config
    const base = issuer.replace(/\/+$/, '')
    const answer = await fetchJson(`${base}/.well-known/openid-configuration`)
    const { issuer: named, jwks_uri: url } = answer as { issuer?: unknown; jwks_uri?: unknown }
    if (named !== issuer) throw new Error(`its configuration is that of the issuer ${named}`)
    if (typeof url !== 'string') throw new Error('its configuration has no jwks_uri')
    return url
  }
}

function unchecked(): AccessError {
  return new AccessError('the keys of the issuer are not known', 'ACCESS_UNCHECKED')
}

async function fetchJson(url: string): Promise<unknown> {
  const response = await fetch(url, {
    headers: { Accept: 'application/json' },
    redirect: 'error',
    signal: AbortSignal.timeout(issuerTimeoutMs),
  })
  if (!response.ok) throw new Error(`${url} answered ${response.status}`)
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length
    if (bytes > issuerBytesMax) throw new Error(`the answer of ${url} is too long`)
    chunks.push(chunk)
  }
  return JSON.parse(Buffer.concat(chunks).toString('utf8'))
}
