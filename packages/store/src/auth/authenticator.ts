// Says whose credentials a request shows. Holds the users and tokens in force, which a reload replaces as a whole.

import { timingSafeEqual } from 'node:crypto'
import type { Logger } from 'pino'
import type { AuthConfig, Identity, TokenConfig } from './auth-config.ts'
import { type Credentials, type Outcome, sha256Of } from './credentials.ts'
import type { Passwords } from './htpasswd.ts'
import type { JwtChecker } from './jwt-checker.ts'
import { PasswordChecker } from './password-checker.ts'

export interface AuthenticatorParts {
  readonly clock: { now(): number }
  readonly logger: Logger
  /** The token of another part of the process, which the configuration does not have. */
  readonly ownToken?: TokenConfig | undefined
}

/** Who may come in, and the passwords of the users among them. */
export interface AuthState {
  readonly config: AuthConfig
  readonly passwords: Passwords
}

export class Authenticator {
  readonly #parts: AuthenticatorParts
  readonly #checker: PasswordChecker
  #state: AuthState
  #tokens: ReadonlyMap<string, TokenConfig> = new Map()
  #jwts: JwtChecker | undefined

  constructor(state: AuthState, parts: AuthenticatorParts) {
    this.#parts = parts
    this.#checker = new PasswordChecker(parts.clock)
    this.#state = state
  }

  get config(): AuthConfig {
    return this.#state.config
  }

  /** Lets others in from now on. The keys of an issuer stay if its settings do. */
  async use(state: AuthState): Promise<void> {
    const { oidc } = state.config
    const isSame = JSON.stringify(plainOf(oidc)) === JSON.stringify(plainOf(this.config.oidc))
    if (!isSame || (oidc && !this.#jwts)) {
      const { JwtChecker } = await import('./jwt-checker.ts')
      this.#jwts = oidc && new JwtChecker(oidc, this.#parts)
    }
    const { ownToken } = this.#parts
    const tokens = ownToken ? [...state.config.tokens, ownToken] : state.config.tokens
    this.#state = state
    this.#tokens = new Map(tokens.map(token => [token.sha256, token]))
  }

  /**
   * Finds out whose credentials these are, at once if that needs no work.
   *
   * @param mayWork Whether a password that is not known may be checked. If not, nothing is returned for it.
   */
  identify(credentials: Credentials, mayWork: boolean): Outcome | Promise<Outcome> | undefined {
    if (credentials.kind === 'token') return this.#byToken(credentials.token)
    return this.#byPassword(credentials, mayWork)
  }

  async close(): Promise<void> {
    await this.#checker.close()
  }

  /** Nobody guesses a token, so it is checked in any case. */
  #byToken(token: string): Outcome | Promise<Outcome> {
    const sha256 = sha256Of(token)
    const found = this.#tokenOf(sha256)
    if (found) return this.#outcomeOf(found)
    const jwts = this.#jwts
    if (!jwts || token.split('.').length !== 3) return { failure: 'token' }
    const known = jwts.recall(sha256)
    return known
      ? this.#boundTo(jwts, known)
      : jwts.check(token, sha256).then(outcome => this.#boundTo(jwts, outcome))
  }

  /** Sessions end when the settings of the issuer change: its claims may give other roles then, or none. */
  #boundTo(jwts: JwtChecker, outcome: Outcome): Outcome {
    if (!('identity' in outcome)) return outcome
    const { identity, renew } = outcome
    return { identity, renew: () => (this.#jwts === jwts ? renew() : undefined) }
  }

  #tokenOf(sha256: string): TokenConfig | undefined {
    const found = this.#tokens.get(sha256)
    return found && timingSafeEqual(Buffer.from(found.sha256), Buffer.from(sha256))
      ? found
      : undefined
  }

  #outcomeOf(token: TokenConfig): Outcome {
    const { name, sha256 } = token
    const renew = () => {
      const now = this.#tokens.get(sha256)
      return now && !this.#hasExpired(now) ? now : undefined
    }
    return this.#hasExpired(token) ? { failure: 'expired', name } : { identity: token, renew }
  }

  #hasExpired({ expiresMs }: TokenConfig): boolean {
    return expiresMs !== undefined && expiresMs <= this.#parts.clock.now()
  }

  #byPassword(
    { user, password }: Extract<Credentials, { kind: 'password' }>,
    mayWork: boolean,
  ): Outcome | Promise<Outcome> | undefined {
    const token = this.#tokenOf(sha256Of(password))
    // For clients that can send only a name and a password.
    if (token && token.name === user) return this.#outcomeOf(token)
    const hash = this.#state.passwords.get(user)
    const [standIn] = this.#state.passwords.values()
    const asked = { user, password, hash, standIn }
    const known = this.#checker.recall(asked)
    const outcomeOf = (isRight: boolean | undefined): Outcome => {
      if (isRight === undefined) return { failure: 'busy' }
      if (!isRight) return { failure: 'password', ...(hash && { name: user }) }
      const renew = (): Identity | undefined =>
        this.#state.passwords.get(user)?.text === hash?.text ? this.#userOf(user) : undefined
      return { identity: this.#userOf(user), renew }
    }
    if (known !== undefined) return outcomeOf(known)
    return mayWork ? this.#checker.check(asked).then(outcomeOf) : undefined
  }

  /** A user of the file whom the configuration does not name may do nothing. */
  #userOf(name: string): Identity {
    return this.config.users.get(name) ?? { name, roles: new Set(), tenants: new Set() }
  }
}

/** Returns a value without maps and sets, so that it can be compared as JSON. */
function plainOf(value: unknown): unknown {
  if (value instanceof Map || value instanceof Set) return [...value].map(plainOf)
  if (Array.isArray(value)) return value.map(plainOf)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plainOf(inner)]))
}
