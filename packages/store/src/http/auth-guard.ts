// Stands in front of all routes: finds out who asks, and whether they may. A route is known by what the router chose,
// so another spelling of a path leads to the same answer.

import type { IncomingHttpHeaders } from 'node:http'
import type { TLSSocket } from 'node:tls'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Counter, type Registry } from 'prom-client'
import type { Audit } from '../auth/audit.ts'
import { everyTenant, type Identity } from '../auth/auth-config.ts'
import type { Authenticator } from '../auth/authenticator.ts'
import {
  type Credentials,
  type Failure,
  type Outcome,
  readCredentials,
  sha256Of,
} from '../auth/credentials.ts'
import type { FailedTries } from '../auth/failed-tries.ts'
import type { Sessions } from '../auth/sessions.ts'
import { AccessError } from '../errors.ts'
import { readParams } from './query-context.ts'
import { needOf, type RouteNeed } from './route-needs.ts'
import { takeProtocolTenant } from './tail-tenant.ts'
import { singleTenant } from './tenant.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks. Absent on open routes, and if everybody may come in. */
    identity?: Identity
    /** Returns whether the client may still come in: a body can last for days. Absent if everybody may. */
    isStillAdmitted?: () => boolean
    /** What the route changes, if that is written down. */
    auditedRole?: AuditedRole
  }
}

export interface AuthGuardParts {
  readonly authenticator: Authenticator
  readonly tries: FailedTries
  readonly sessions: Sessions
  readonly audit: Audit
  readonly registry: Registry
  /** Whether tenants are told apart. */
  readonly authEnabled: boolean
  /** Prefix of all routes. */
  readonly prefix: string
}

/** Name of the cookie of a session. */
export const sessionCookie = 'skald_session'

/** The page sends it: it gets the name of its user, and no challenge that opens a window of the browser. */
const pageHeader = 'x-skald-page'

/** What the guard looks at to find out who asks. */
type Asking = Pick<FastifyRequest, 'headers' | 'ip' | 'method' | 'url'> & {
  readonly routeOptions?: { readonly url?: string | undefined }
  readonly refusal?: FastifyRequest['refusal']
}

/** Roles whose requests are written down: they change or delete something for good. */
type AuditedRole = 'delete' | 'rules' | 'admin'

type Done = (error?: Error) => void
interface KnownNeed {
  readonly need: RouteNeed
  /** Whether the configuration may open it. */
  readonly isMetrics: boolean
}

type Admitted = Extract<Outcome, { identity: Identity }>
type Found = (error: Error | undefined, admitted?: Admitted) => void

const messages: Readonly<Record<Failure, string>> = {
  missing: 'sign in first: send a user and a password, or a token, in the header Authorization',
  malformed: 'the header Authorization cannot be read: send Basic or Bearer',
  password: 'the user or the password is wrong',
  token: 'the token is unknown',
  expired: 'the token has expired',
  busy: 'too many passwords wait for their check',
  issuer: 'the token cannot be checked: the keys of its issuer are not known',
}

export class AuthGuard {
  readonly #parts: AuthGuardParts
  readonly #failures: Counter<'reason'>
  /** What routes that were asked need, by method and by the router's pattern. */
  readonly #needs = new Map<string, Map<string, KnownNeed>>()

  constructor(parts: AuthGuardParts) {
    this.#parts = parts
    this.#failures = new Counter({
      name: 'skald_auth_failures_total',
      help: 'Requests that were not let in, by reason',
      labelNames: ['reason'],
      registers: [parts.registry],
    })
  }

  /** Guards all routes that are added from now on. */
  addTo(app: FastifyInstance): void {
    app.decorateRequest('identity')
    app.decorateRequest('isStillAdmitted')
    app.decorateRequest('auditedRole')
    app.addHook('onRequest', (request, reply, done) => this.#admit(request, reply, done))
    app.addHook('onResponse', (request, reply, done) => {
      if (request.auditedRole !== undefined) this.#record(request, reply, request.auditedRole)
      done()
    })
  }

  /**
   * Finds out whose credentials these are. Calls back at once if that needs no work.
   * @param done Gets the outcome, or an AccessError with the reason.
   */
  identify(credentials: Credentials, request: Asking, done: Found): void {
    const { authenticator, tries } = this.#parts
    const shown = credentials.kind === 'password' ? sha256Of(JSON.stringify(credentials)) : ''
    const waitSeconds = tries.waitSeconds(request, shown)
    const settle = (outcome: Outcome | undefined) => {
      if (!outcome) done(this.#slow(waitSeconds))
      else if ('identity' in outcome) done(undefined, outcome)
      else done(this.#fail(request, outcome, waitSeconds))
    }
    const outcome = authenticator.identify(credentials, waitSeconds === 0)
    if (!(outcome instanceof Promise)) {
      settle(outcome)
      return
    }
    const end = tries.begin(request.ip, shown)
    outcome.finally(end).then(settle, done)
  }

  /**
   * Lets in a call that came by another port, if its client has the role push. Fills in the tenant as for requests.
   * @throws AccessError; BadRequestError
   */
  async admitCall(call: Asking): Promise<void> {
    const credentials = readCredentials(call.headers)
    if (typeof credentials === 'string') {
      if (credentials !== 'missing') throw this.#fail(call, { failure: credentials }, 0)
      this.#failures.inc({ reason: credentials })
      throw new AccessError(messages[credentials], 'ACCESS_UNKNOWN')
    }
    const { promise, resolve, reject } = Promise.withResolvers<Identity>()
    this.identify(credentials, call, (error, outcome) => {
      if (outcome) resolve(outcome.identity)
      else reject(error)
    })
    const problem = this.#problemOf(call, await promise, ['push'])
    if (problem) throw problem
  }

  #admit(request: FastifyRequest, reply: FastifyReply, done: Done): void {
    const need = this.#needOf(request)
    if (need === 'open') {
      done()
      return
    }
    this.#find(request, (error, admitted) => {
      const problem = error ?? this.#problemOf(request, admitted!.identity, need)
      if (problem instanceof AccessError && problem.code === 'ACCESS_UNKNOWN') {
        challenge(request, reply)
      }
      if (!problem && admitted) {
        const { identity, renew } = admitted
        request.identity = identity
        const audited = auditedRoleOf(need)
        if (audited) request.auditedRole = audited
        request.isStillAdmitted = () => {
          const now = renew()
          return now !== undefined && !this.#problemOf(request, now, need)
        }
        if (isPage(request)) void reply.header('X-Skald-User', encodeURIComponent(identity.name))
      }
      done(problem)
    })
  }

  /** Finds out who asks: by the header, or else by the cookie. */
  #find(request: FastifyRequest, found: Found): void {
    const credentials = readCredentials(request.headers)
    if (credentials === 'missing') {
      const known = this.#byCookie(request)
      if (known instanceof Error) found(known)
      else found(undefined, known)
    } else if (typeof credentials === 'string') {
      const waitSeconds = this.#parts.tries.waitSeconds(request)
      found(this.#fail(request, { failure: credentials }, waitSeconds))
    } else if (credentials.kind === 'password' && isSentByOtherPage(request)) {
      found(this.#forbid('origin', 'a page of another server may not use this password'))
    } else {
      this.identify(credentials, request, found)
    }
  }

  #byCookie(request: FastifyRequest): Admitted | AccessError {
    const cookie = cookieOf(request.headers)
    const renew = () => (cookie === undefined ? undefined : this.#parts.sessions.find(cookie))
    const identity = renew()
    if (!identity) {
      this.#failures.inc({ reason: 'missing' })
      return new AccessError(messages.missing, 'ACCESS_UNKNOWN')
    }
    return isOwnPage(request) ? { identity, renew } : this.#forbid('origin', otherPage)
  }

  #needOf({ method, routeOptions }: FastifyRequest): RouteNeed {
    const { url } = routeOptions
    // An unknown path, or a method that the path does not have.
    if (url === undefined) return 'known'
    const known = this.#needs.get(method)?.get(url) ?? this.#findNeed(method, url)
    return known.isMetrics && this.#parts.authenticator.config.hasPublicMetrics
      ? 'open'
      : known.need
  }

  #findNeed(method: string, url: string): KnownNeed {
    const { prefix } = this.#parts
    const path = url.startsWith(prefix) ? url.slice(prefix.length) : url
    const isMetrics = path === '/metrics' || path === '/agent/metrics'
    const found = { need: needOf(method, path), isMetrics }
    const ofMethod = this.#needs.get(method) ?? new Map<string, KnownNeed>()
    this.#needs.set(method, ofMethod.set(url, found))
    return found
  }

  /** Returns what keeps a known client out. Fills in the tenant if there is only one. */
  #problemOf(request: Asking, identity: Identity, need: RouteNeed): Error | undefined {
    if (need !== 'known' && need !== 'open' && !need.some(role => identity.roles.has(role))) {
      return this.#forbid('role', `${identity.name} needs the role ${need.join(' or ')}`)
    }
    const { tenants } = identity
    const isMine = (tenant: string) => tenants.has(tenant) || tenants.has(everyTenant)
    const refuse = () => this.#forbid('tenant', `${identity.name} has no access to this tenant`)
    if (!this.#parts.authEnabled) return isMine(singleTenant) ? undefined : refuse()
    try {
      takeProtocolTenant(request)
    } catch (error) {
      return error as Error
    }
    const asked = String(request.headers['x-scope-orgid'] ?? '')
    if (asked !== '') return asked.split('|').every(isMine) ? undefined : refuse()
    const [only] = tenants
    if (tenants.size === 1 && only !== everyTenant) request.headers['x-scope-orgid'] = only
    return undefined
  }

  #fail(
    request: Asking,
    { failure, name }: Extract<Outcome, { failure: Failure }>,
    waitSeconds: number,
  ): AccessError {
    const { audit, tries } = this.#parts
    if (failure === 'issuer') {
      this.#failures.inc({ reason: failure })
      return new AccessError(messages[failure], 'ACCESS_UNCHECKED', 5)
    }
    if (failure === 'busy') {
      this.#failures.inc({ reason: failure })
      return new AccessError(messages[failure], 'ACCESS_SLOWED', 1)
    }
    if (waitSeconds > 0) return this.#slow(waitSeconds)
    tries.add(request.ip)
    this.#failures.inc({ reason: failure })
    audit.write({
      ...{ event: 'sign_in_failed', name, reason: failure, status: 401 },
      ...placeOf(request),
    })
    return new AccessError(messages[failure], 'ACCESS_UNKNOWN')
  }

  #slow(waitSeconds: number): AccessError {
    this.#failures.inc({ reason: 'slowed' })
    const message = `too many failed tries from this address: wait ${waitSeconds} s`
    return new AccessError(message, 'ACCESS_SLOWED', waitSeconds)
  }

  #forbid(reason: 'role' | 'tenant' | 'origin', message: string): AccessError {
    this.#failures.inc({ reason })
    return new AccessError(message, 'ACCESS_FORBIDDEN')
  }

  /** Writes who changed or deleted what. */
  #record(request: FastifyRequest, reply: FastifyReply, role: AuditedRole): void {
    const { method, identity, routeOptions } = request
    const isRead = method === 'GET' || method === 'HEAD'
    if (isRead && !routeOptions.url?.endsWith('/flush')) return
    const tenant = this.#parts.authEnabled ? request.headers['x-scope-orgid'] : singleTenant
    const isStoreWide = role === 'admin'
    this.#parts.audit.write({
      ...{ event: role, name: identity!.name, status: reply.statusCode, ...placeOf(request) },
      ...(!isStoreWide && tenant !== undefined && { tenant: String(tenant) }),
      params: paramsOf(request),
    })
  }
}

function auditedRoleOf(need: RouteNeed): AuditedRole | undefined {
  if (need === 'open' || need === 'known') return undefined
  const [role] = need
  return role === 'delete' || role === 'rules' || role === 'admin' ? role : undefined
}

const otherPage = 'a page of another server may not use this session'

/** Says where a request came from and where it went. Of a path with a key, the pattern is enough. */
export function placeOf({ ip, method, url, routeOptions, refusal }: Asking) {
  const pattern = routeOptions?.url ?? refusal?.url
  return { address: ip, method, path: pattern?.endsWith('/:key') ? pattern : url.split('?')[0]! }
}

const auditedParams = ['query', 'start', 'end', 'request_id', 'force', 'log_level'] as const

function paramsOf(request: FastifyRequest): Readonly<Record<string, string>> | undefined {
  try {
    const params = readParams(request)
    const found = auditedParams.flatMap(name => {
      const value = params.get(name)
      return value === '' ? [] : [[name, value] as const]
    })
    return found.length > 0 ? Object.fromEntries(found) : undefined
  } catch {
    // The route has answered that they cannot be read.
    return undefined
  }
}

function isPage({ headers }: FastifyRequest): boolean {
  return headers[pageHeader] !== undefined
}

function challenge(request: FastifyRequest, reply: FastifyReply): void {
  const bearer = 'Bearer realm="Skald"'
  const ways = isPage(request) ? [bearer] : ['Basic realm="Skald", charset="UTF-8"', bearer]
  void reply.header('WWW-Authenticate', ways)
}

/** Returns the cookie of a session. */
export function cookieOf({ cookie = '' }: IncomingHttpHeaders): string | undefined {
  for (const pair of cookie.split(';')) {
    const [name, value = ''] = pair.trim().split('=')
    if (name === sessionCookie && value !== '') return value
  }
  return undefined
}

/**
 * Returns whether a request with a cookie comes from the store's own page. Other pages of the same site get the cookie
 * too, such as those on another port.
 */
export function isOwnPage({ headers, method, raw }: FastifyRequest): boolean {
  const from = headers['sec-fetch-site']
  if (from !== undefined) return from === 'same-origin' || (from === 'none' && method === 'GET')
  const { origin, host } = headers
  if (origin !== undefined) return URL.canParse(origin) && new URL(origin).host === host
  return (method === 'GET' || method === 'HEAD') && raw.headers.upgrade === undefined
}

/** Returns whether a browser sends this. Programs send neither header. */
export function isBrowser({ headers }: FastifyRequest): boolean {
  return headers['sec-fetch-site'] !== undefined || headers.origin !== undefined
}

/**
 * Returns whether a page of another server sends what changes something, or opens a live tail. A browser that knows a
 * password sends it with such requests too. Other reads are left alone: that page cannot see their answers, and people
 * follow its links.
 */
function isSentByOtherPage(request: FastifyRequest): boolean {
  const { method, raw, routeOptions } = request
  const isRead = method === 'GET' || method === 'HEAD'
  const isPlain = isRead && !raw.headers.upgrade && !routeOptions.url?.endsWith('/flush')
  return !isPlain && isBrowser(request) && !isOwnPage(request)
}

/** Returns whether the client speaks TLS with the store or with the proxy before it. */
export function isSecure({ raw, headers }: FastifyRequest): boolean {
  return (raw.socket as TLSSocket).encrypted === true || headers['x-forwarded-proto'] === 'https'
}
