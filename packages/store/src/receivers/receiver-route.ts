// What the routes of all protocols share: tenant, share of the push budget, and the memory of the body.

import { type BufferPool, PushBodyError } from '@skald/wire'
import type { FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods } from 'fastify'
import type { RequestError } from '../http/error-status.ts'
import { type BodyUnpacker, headerText, releaseBody } from '../http/push-body.ts'
import { answerError } from '../http/server.ts'
import { checkStillAdmitted } from '../http/still-admitted.ts'
import { resolveTenant } from '../http/tenant.ts'
import type { Ingester } from '../ingest/ingester.ts'
import type { PushBudget } from '../ingest/push-budget.ts'
import { requestEntriesMax } from '../limits.ts'
import type { TenantLimits } from '../tenant-limits.ts'
import type { ArrivalTimes } from './arrival-times.ts'
import { type FieldChoice, readFieldChoice } from './document/field-choice.ts'
import type { PushTarget } from './push-entries.ts'

/** The parts of the store that receivers use. */
export interface ReceiverParts {
  readonly ingester: Ingester
  readonly budget: PushBudget
  readonly authEnabled: boolean
  readonly limitsOf: (tenant: string) => TenantLimits
  readonly arrivals: ArrivalTimes
  /** Memory for bodies, the same pool that the scope's body parser uses. */
  readonly pool: BufferPool
  readonly unpacker: BodyUnpacker
}

/** A route of a protocol that brings lines. */
export interface ReceiverRoute {
  readonly method: HTTPMethods | HTTPMethods[]
  readonly urls: readonly string[]
  /** Whether the body is stored while it arrives, so that it may take as long as it likes. */
  readonly isStream?: true
  /** Answers a request. The body's memory and its share of the budget are given back afterwards. */
  readonly handle: (
    request: FastifyRequest,
    reply: FastifyReply,
    target: PushTarget,
  ) => Promise<FastifyReply>
  /** Sends an error in the protocol's form; the status is already set. */
  readonly sendError: (error: RequestError, reply: FastifyReply) => void
}

/** Adds a route under each of its URLs. */
export function addReceiverRoute(
  app: FastifyInstance,
  { ingester, budget, authEnabled, pool }: ReceiverParts,
  { method, urls, handle, sendError, isStream }: ReceiverRoute,
): void {
  for (const url of urls) {
    app.route({
      method,
      url,
      errorHandler: (error, request, reply) => answerError(error, request, reply, sendError),
      onRequest: async request => {
        if (isStream) request.raw.mayLast = true
        // Before any byte of the body is kept.
        const tenant = resolveTenant(headerText(request, 'x-scope-orgid'), authEnabled)
        request.pushShare = budget.enter({ tenant: authEnabled ? tenant : '', address: request.ip })
      },
      handler: async (request, reply) => {
        const tenant = resolveTenant(headerText(request, 'x-scope-orgid'), authEnabled)
        const userAgent = headerText(request, 'user-agent') ?? ''
        try {
          const client = { address: request.ip, userAgent }
          return await handle(request, reply, { ingester, tenant, client })
        } finally {
          releaseBody(request, pool)
        }
      },
      onResponse: async request => {
        request.pushShare?.release()
        // What a sender still sends after an answer is thrown away, but not for hours.
        request.raw.mayLast = false
      },
      onRequestAbort: async request => request.pushShare?.release(),
    })
  }
}

/** Accepted values of Content-Encoding, for protocols with JSON bodies. */
export const jsonEncodings = {
  identity: 'none',
  gzip: 'gzip',
  'x-gzip': 'gzip',
  deflate: 'deflate',
  zstd: 'zstd',
} as const

/** Reads what the URL and the headers of a request say about fields. @throws BadRequestError */
export function fieldChoiceOf(request: FastifyRequest): FieldChoice {
  return readFieldChoice(queryOf(request), name => headerText(request, name))
}

/**
 * Is called before a part of a body that lasts is stored.
 * @throws AccessError when the token or the user of the request has ended meanwhile.
 */
export function checkMayStore(request: FastifyRequest): void {
  checkStillAdmitted(request, 'what came before is stored')
}

/** @throws PushBodyError PUSH_BODY_TOO_LARGE above `requestEntriesMax`. Nothing of the request is stored then. */
export function checkEntryCount(count: number): void {
  if (count <= requestEntriesMax) return
  throw new PushBodyError(
    `request body too large: more than ${requestEntriesMax} entries; send several requests`,
    { code: 'PUSH_BODY_TOO_LARGE' },
  )
}

/**
 * Yields the lines of a text that are not empty, one after the other: a list of them can take eight times as much as the
 * text. @throws PushBodyError when there are too many.
 */
export function* linesOf(text: string): Generator<string> {
  let count = 0
  for (let at = 0; at < text.length; ) {
    const feed = text.indexOf('\n', at)
    const end = feed < 0 ? text.length : feed
    if (end > at) {
      checkEntryCount(++count)
      yield text.slice(at, end)
    }
    at = end + 1
  }
}

/** Returns the parameters of a request's URL. */
export function queryOf(request: FastifyRequest): URLSearchParams {
  const url = request.raw.url ?? ''
  const at = url.indexOf('?')
  return new URLSearchParams(at < 0 ? '' : url.slice(at + 1))
}
