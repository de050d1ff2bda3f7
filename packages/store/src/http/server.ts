// The HTTP server and what all routes share. Bodies arrive as bytes; errors leave as plain text,
// like Loki's. An error can carry its status; the table below has the status of the others.

import type { IncomingMessage } from 'node:http'
import {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  fastify,
  LogController,
} from 'fastify'
import { formBytesMax, pathParamCharsMax } from '../limits.ts'
import type { StoreMetrics } from '../metrics.ts'
import { watchConnections } from './connection-watch.ts'
import { answerOf, type RequestError } from './error-status.ts'
import { compressAnswers } from './gzip.ts'
import { type KnownPath, KnownPaths } from './known-paths.ts'
import type { Listener } from './listener.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The path of a request whose method it does not have. */
    refusal: KnownPath | undefined
  }
}

/** Status of requests whose client disconnected before the answer, as in Loki's metrics. */
const clientGone = 499

export interface HttpServerOptions {
  readonly logger: FastifyBaseLogger
  readonly metrics: StoreMetrics
  readonly listener: Listener
  /** Returns true for requests that may upgrade to another protocol. */
  readonly mayUpgrade: (request: IncomingMessage) => boolean
  /** How long the body of a request may pause. */
  readonly bodyPauseMs: number
}

/**
 * Creates the server without routes. Its `routing` handles the requests that the listener passes
 * on.
 */
export function createHttpServer(options: HttpServerOptions): FastifyInstance {
  const { logger, listener, bodyPauseMs } = options
  const app = fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: formBytesMax,
    routerOptions: { maxParamLength: pathParamCharsMax },
    serverFactory: () => listener.server,
  })
  const paths = new KnownPaths(app)
  app.decorateRequest('refusal', undefined)
  app.addHook('onRequest', async request => {
    if (request.is404) request.refusal = paths.refusalOf(request.method, request.url)
  })
  watchConnections(app, { pauseMs: bodyPauseMs })
  compressAnswers(app)
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  app.addHook('onRequest', async (request, reply) => {
    const [path = '', ...query] = request.raw.url?.split('?') ?? []
    if (!path.includes('//')) return
    // Go's routers redirect to the clean path.
    const clean = path.replaceAll(/\/{2,}/g, '/')
    await reply
      .code(301)
      .header('Location', [clean, ...query].join('?'))
      .send()
  })
  app.setNotFoundHandler(({ refusal }, reply) => {
    if (refusal) {
      const allow = [...refusal.methods].join(', ')
      return void reply.code(405).header('Allow', allow).send()
    }
    void reply.code(404).type('text/plain; charset=utf-8').send('404 page not found\n')
  })
  app.setErrorHandler((error: RequestError, request, reply) =>
    answerError(error, request, reply, sendPlainError),
  )
  app.addHook('onSend', async (_request, reply) => {
    // A client that keeps its connection open would delay the stop.
    if (!app.server.listening) void reply.header('Connection', 'close')
  })
  countRequests(app, options)
  return app
}

function countRequests(app: FastifyInstance, { metrics, mayUpgrade }: HttpServerOptions): void {
  const count = (request: FastifyRequest, reply: FastifyReply, status: number) => {
    const route = routeName(request.routeOptions.url ?? request.refusal?.url)
    const labels = { method: request.method, route, status_code: String(status) }
    metrics.requestSeconds.observe(labels, reply.elapsedTime / 1000)
  }
  app.addHook('onRequest', async (request, reply) => {
    reply.raw.once('close', () => {
      // If the answer never finished, the client disconnected, unless the connection was upgraded.
      if (reply.raw.writableFinished || mayUpgrade(request.raw)) return
      count(request, reply, clientGone)
    })
  })
  app.addHook('onResponse', async (request, reply) => count(request, reply, reply.statusCode))
}

/**
 * Answers a failed request. Logs internal errors, and sets Retry-After if a retry makes sense.
 *
 * @param send Sends the body; the status is already set.
 */
export function answerError(
  error: RequestError,
  request: FastifyRequest,
  reply: FastifyReply,
  send: (error: RequestError, reply: FastifyReply) => void,
): void {
  const answer = answerOf(error)
  const { status, isLogged = false } = answer
  const retryAfterSeconds = error.retryAfterSeconds ?? answer.retryAfterSeconds
  if (isLogged) request.log.error({ err: error }, 'request failed')
  if (retryAfterSeconds !== undefined) {
    void reply.header('Retry-After', String(retryAfterSeconds))
  } else if (status === 503) void reply.header('Retry-After', '1')
  void reply.code(status).header('X-Content-Type-Options', 'nosniff')
  send(error, reply)
}

/** Sends an error as plain text, like Loki. */
export function sendPlainError(error: RequestError, reply: FastifyReply): void {
  const { endsLine = false } = answerOf(error)
  void reply.type('text/plain; charset=utf-8').send(endsLine ? `${error.message}\n` : error.message)
}

/**
 * Names a route like Loki's metrics: `/loki/api/v1/query_range` becomes `loki_api_v1_query_range`.
 */
function routeName(url: string | undefined): string {
  return url === undefined
    ? 'other'
    : url.replace(/^\//, '').replace(/[^a-zA-Z0-9]+/g, '_') || 'root'
}
