// Checks JSON Web Tokens of an OpenID issuer, and reads tenants and roles from their claims.

import { errors, type JWTPayload, jwtVerify } from 'jose'
import { AccessError } from '../errors.ts'
import { checkedPasswordMs, checkedPasswordsMax, issuerClockSeconds } from '../limits.ts'
import { tenantNameProblem } from '../tenant-name.ts'
import { type Identity, type OidcConfig, type Role, roles } from './auth-config.ts'
import type { Outcome } from './credentials.ts'
import { IssuerKeys, type IssuerKeysParts } from './issuer-keys.ts'

/** Signatures by a pair of keys. With other kinds, a program that can check a token could also make one. */
const algorithms = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
]

interface Checked {
  readonly identity: Identity
  readonly untilMs: number
  readonly expiresMs: number
}

export class JwtChecker {
  readonly #config: OidcConfig
  readonly #clock: { now(): number }
  readonly #keys: IssuerKeys
  /** By the hash of the token. */
  readonly #checked = new Map<string, Checked>()

  constructor(config: OidcConfig, parts: Omit<IssuerKeysParts, 'config'>) {
    this.#config = config
    this.#clock = parts.clock
    this.#keys = new IssuerKeys({ ...parts, config })
  }

  /** Returns whose token it is if it was checked a short while ago. */
  recall(sha256: string): Outcome | undefined {
    const found = this.#checked.get(sha256)
    if (!found) return undefined
    if (found.untilMs > this.#clock.now()) return this.#outcomeOf(found)
    this.#checked.delete(sha256)
    return undefined
  }

  /** Checks a token. */
  async check(token: string, sha256: string): Promise<Outcome> {
    const { issuer, audiences } = this.#config
    try {
      const { payload } = await jwtVerify(token, this.#keys.keyOf, {
        ...{ issuer, audience: [...audiences], algorithms },
        clockTolerance: issuerClockSeconds,
        currentDate: new Date(this.#clock.now()),
        requiredClaims: ['exp'],
      })
      return this.#outcomeOf(this.#remember(payload, sha256))
    } catch (error) {
      if (error instanceof AccessError) return { failure: 'issuer' }
      if (error instanceof errors.JWTExpired) return { failure: 'expired' }
      if (error instanceof errors.JOSEError) return { failure: 'token' }
      throw error
    }
  }

  #outcomeOf({ identity, expiresMs }: Checked): Outcome {
    return {
      identity,
      renew: () => (expiresMs > this.#clock.now() ? identity : undefined),
    }
  }

  #remember(payload: JWTPayload, sha256: string): Checked {
    const expiresMs = (payload.exp! + issuerClockSeconds) * 1000
    const untilMs = Math.min(expiresMs, this.#clock.now() + checkedPasswordMs)
    const checked = { identity: identityOf(payload, this.#config), untilMs, expiresMs }
    if (this.#checked.size >= checkedPasswordsMax) {
      const [oldest] = this.#checked.keys()
      this.#checked.delete(oldest!)
    }
    this.#checked.set(sha256, checked)
    return checked
  }
}

/** Returns who a token is about. Claims that name nothing we know give nothing. */
export function identityOf(payload: JWTPayload, config: OidcConfig): Identity {
  const { nameClaim, tenantsClaim, rolesClaim, roleMapping } = config
  const [name = payload.sub ?? ''] = valuesOf(payload, nameClaim)
  return {
    name,
    tenants:
      tenantsClaim === ''
        ? config.tenants
        : // A star stands for all tenants in the configuration only.
          new Set(
            valuesOf(payload, tenantsClaim).filter(
              tenant => tenant !== '*' && tenantNameProblem(tenant) === undefined,
            ),
          ),
    roles:
      rolesClaim === ''
        ? config.roles
        : new Set(valuesOf(payload, rolesClaim).flatMap(value => rolesOf(value, roleMapping))),
  }
}

function rolesOf(value: string, mapping: OidcConfig['roleMapping']): readonly Role[] {
  if (mapping.size > 0) return mapping.get(value) ?? []
  return roles.filter(role => role === value)
}

/** Returns the texts of a claim: of a list, or of a text with spaces between. */
function valuesOf(payload: JWTPayload, claim: string): string[] {
  const value = valueAt(payload, claim)
  if (Array.isArray(value)) return value.filter(text => typeof text === 'string' && text !== '')
  return typeof value === 'string' ? value.split(' ').filter(Boolean) : []
}

/** Names of claims may have dots themselves, such as URLs. */
function valueAt(payload: Readonly<Record<string, unknown>>, claim: string): unknown {
  if (Object.hasOwn(payload, claim)) return payload[claim]
  return claim
    .split('.')
    .reduce<unknown>(
      (value, key) =>
        typeof value === 'object' && value !== null && Object.hasOwn(value, key)
          ? (value as Readonly<Record<string, unknown>>)[key]
          : undefined,
      payload,
    )
}
