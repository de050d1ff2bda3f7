// POST /skald/sign-in and /skald/sign-out, and GET /skald/identity: sessions of the page.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Audit } from '../auth/audit.ts'
import { everyTenant, type Identity } from '../auth/auth-config.ts'
import type { Credentials } from '../auth/credentials.ts'
import type { Sessions } from '../auth/sessions.ts'
import { AccessError, BadRequestError } from '../errors.ts'
import { credentialsCharsMax, signInBytesMax } from '../limits.ts'
import {
  type AuthGuard,
  cookieOf,
  isBrowser,
  isOwnPage,
  isSecure,
  placeOf,
  sessionCookie,
} from './auth-guard.ts'
import { sendJson } from './query-routes.ts'

export interface SignInParts {
  readonly guard: AuthGuard
  readonly sessions: Sessions
  readonly audit: Audit
}

/** Adds the routes. */
export function addSignInRoutes(app: FastifyInstance, parts: SignInParts): void {
  const { guard, sessions, audit } = parts
  const small = { bodyLimit: signInBytesMax }
  app.post('/skald/sign-in', small, (request, reply) => {
    refuseOtherPages(request)
    const credentials = readForm(request)
    return new Promise<FastifyReply>((resolve, reject) => {
      guard.identify(credentials, request, (error, outcome) => {
        if (error || !outcome) return reject(error)
        const { identity, renew } = outcome
        const cookie = sessions.open(renew)
        audit.write({ event: 'signed_in', name: identity.name, status: 200, ...placeOf(request) })
        void reply.header('Set-Cookie', cookieText(app, request, cookie))
        resolve(sendIdentity(reply, identity))
      })
    })
  })
  app.post('/skald/sign-out', small, (request, reply) => {
    refuseOtherPages(request)
    const cookie = cookieOf(request.headers)
    const identity = cookie === undefined ? undefined : sessions.find(cookie)
    if (cookie !== undefined) sessions.end(cookie)
    if (identity) {
      audit.write({ event: 'signed_out', name: identity.name, status: 204, ...placeOf(request) })
    }
    void reply.header('Set-Cookie', `${cookieText(app, request, '')}; Max-Age=0`)
    return reply.code(204).send()
  })
  app.get('/skald/identity', (request, reply) => sendIdentity(reply, request.identity!))
}

/** A page of another server could sign somebody in as somebody else. */
function refuseOtherPages(request: FastifyRequest): void {
  if (!isBrowser(request) || isOwnPage(request)) return
  throw new AccessError('a page of another server may not sign in or out', 'ACCESS_FORBIDDEN')
}

/** Reads `{"token": …}` or `{"user": …, "password": …}`. @throws BadRequestError */
function readForm({ body }: FastifyRequest): Credentials {
  const refuse = (options?: ErrorOptions) =>
    new BadRequestError('send JSON: {"user": "…", "password": "…"} or {"token": "…"}', options)
  let form: unknown
  try {
    form = JSON.parse(Buffer.isBuffer(body) ? body.toString('utf8') : '')
  } catch (cause) {
    throw refuse({ cause })
  }
  if (typeof form !== 'object' || form === null) throw refuse()
  const { user, password, token } = form as Readonly<Record<string, unknown>>
  const isText = (text: unknown) =>
    typeof text === 'string' && text !== '' && text.length <= credentialsCharsMax
  if (isText(token)) return { kind: 'token', token: token as string }
  if (!isText(user) || !isText(password)) throw refuse()
  return { kind: 'password', user: user as string, password: password as string }
}

function cookieText({ prefix }: FastifyInstance, request: FastifyRequest, value: string): string {
  const secure = isSecure(request) ? '; Secure' : ''
  return `${sessionCookie}=${value}; Path=${prefix || '/'}; HttpOnly; SameSite=Strict${secure}`
}

function sendIdentity(reply: FastifyReply, { name, roles, tenants }: Identity): FastifyReply {
  const data = {
    name,
    roles: [...roles],
    tenants: [...tenants].filter(tenant => tenant !== everyTenant),
    hasEveryTenant: tenants.has(everyTenant),
  }
  void reply.header('Cache-Control', 'no-store')
  return sendJson(reply, JSON.stringify({ status: 'success', data }))
}
