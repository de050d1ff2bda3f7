// Live tails over a websocket: /loki/api/v1/tail and the older /api/prom/tail. Invalid requests are
// rejected before the upgrade. Later errors close the socket with a reason.

import type { IncomingMessage } from 'node:http'
import { fastifyWebsocket, type WebSocket } from '@fastify/websocket'
import {
  formatTailEntry,
  LimitExceededError,
  type LogExpr,
  parseLogQuery,
  runQuery,
  type TailForm,
} from '@skald/query'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { tailAskBytesMax, tailPingMs, tailSilenceMs } from '../limits.ts'
import type { StoreMetrics } from '../metrics.ts'
import type { TailEntry } from '../tail/messages.ts'
import { TailBudget } from '../tail/tail-budget.ts'
import { TailClient } from '../tail/tail-client.ts'
import type { TailHub } from '../tail/tail-hub.ts'
import {
  type LineRouteOptions,
  openRequestOfOne,
  withDeadline,
  withinLookback,
} from './query-context.ts'
import { encodingFlagsOf } from './query-routes.ts'
import { accessHasEnded, isStillAdmitted } from './still-admitted.ts'
import { takeProtocolTenant } from './tail-tenant.ts'

export interface TailRouteOptions extends LineRouteOptions {
  readonly hub: TailHub
  readonly metrics: StoreMetrics
  /** Counts what waits for all clients together. */
  readonly budget?: TailBudget
}

/** The parameters of a tail request. */
interface TailAsk {
  readonly tenant: string
  readonly logql: string
  readonly log: LogExpr
  readonly startNs: bigint
  readonly nowNs: bigint
  readonly limit: number
  readonly delayMs: number
  readonly form: TailForm
  readonly encodingFlags: readonly string[]
  /** True if the request does not say where to begin. */
  readonly mayResume: boolean
}

const paths = ['/loki/api/v1/tail', '/api/prom/tail'] as const

/**
 * Returns a function that is true for requests that may become a websocket. All others get a normal
 * answer, because some HTTP clients offer an upgrade with every request.
 */
export function upgradesBelow(prefix: string): (request: IncomingMessage) => boolean {
  const urls = new Set<string | undefined>(paths.map(path => `${prefix}${path}`))
  return ({ method, url, headers }) =>
    method === 'GET' &&
    headers.upgrade?.toLowerCase() === 'websocket' &&
    urls.has(url?.split('?')[0])
}

/** Adds the tail routes. */
export function addTailRoutes(app: FastifyInstance, options: TailRouteOptions): void {
  const tails = new Tails(options)
  app.register(fastifyWebsocket, {
    // Clients have no reason to send anything. Frames are not compressed, because each of 1,000
    // clients would need its own zlib.
    options: { maxPayload: tailAskBytesMax, perMessageDeflate: false, clientTracking: false },
    errorHandler: (_error, socket) => socket.terminate(),
    preClose: done => {
      tails.close()
      done()
    },
  })
  // Must run after the plugin is loaded, because it changes how routes are added.
  app.register((routes, _options, done) => {
    for (const url of paths) {
      routes.route({
        method: 'GET',
        url,
        exposeHeadRoute: false,
        websocket: true,
        preValidation: async (request, reply) => {
          takeProtocolTenant(request)
          const ask = readAsk(request, options)
          if (request.ws) tails.expect(request, ask)
          else await reply.code(400).header('Sec-WebSocket-Version', '13').send('Bad Request\n')
        },
        handler: (socket, request) => tails.open(socket, request),
      })
    }
    done()
  })
}

function readAsk(request: FastifyRequest, options: TailRouteOptions): TailAsk {
  const { tenant, limits, params, nowNs } = openRequestOfOne(request, options)
  const logql = params.get('query')
  const log = parseLogQuery(logql)
  const asked = params.timeRange(nowNs)
  // A tail has no end, so its end parameter is ignored.
  const { startNs } = withinLookback({ ...asked, endNs: nowNs }, limits, nowNs)
  const limit = params.limit()
  const delayMs = params.tailDelayMs()
  const most = limits.query.maxEntriesLimitPerQuery
  if (most > 0 && limit > most) {
    throw new LimitExceededError(
      'max_entries_limit_per_query',
      'max entries limit per query exceeded, limit > max_entries_limit_per_query ' +
        `(${limit} > ${most})`,
    )
  }
  const isLegacy = request.routeOptions.url?.endsWith(paths[1]) === true
  const encodingFlags = isLegacy ? [] : encodingFlagsOf(request)
  const categorizes = encodingFlags.includes('categorize-labels')
  const form = isLegacy ? 'legacy' : categorizes ? 'categorized' : 'union'
  // A request that says where to begin never resumes an earlier tail.
  const mayResume = ['start', 'since', 'limit'].every(name => params.get(name) === '')
  return { tenant, logql, log, startNs, nowNs, limit, delayMs, form, encodingFlags, mayResume }
}

/** The tail clients of a store. */
class Tails {
  readonly #options: TailRouteOptions
  readonly #asks = new WeakMap<FastifyRequest, TailAsk>()
  /** Each with the request that it began with. */
  readonly #clients = new Map<TailClient, FastifyRequest>()
  readonly #countOf = new Map<string, number>()
  readonly #budget: TailBudget
  readonly #pings: NodeJS.Timeout
  #isClosed = false

  constructor(options: TailRouteOptions) {
    this.#options = options
    this.#budget = options.budget ?? new TailBudget()
    this.#pings = setInterval(() => {
      const silentSinceMs = options.clock.now() - tailSilenceMs
      for (const [client, request] of this.#clients) {
        if (isStillAdmitted(request)) client.checkAlive(silentSinceMs)
        else client.refuse(accessHasEnded)
      }
    }, tailPingMs)
    this.#pings.unref()
  }

  /** Keeps the parameters of a request until it has become a socket. */
  expect(request: FastifyRequest, ask: TailAsk): void {
    this.#asks.set(request, ask)
  }

  open(socket: WebSocket, request: FastifyRequest): void {
    const { limitsOf, clock, hub, metrics } = this.#options
    const ask = this.#asks.get(request)!
    const { tenant, form, encodingFlags, delayMs } = ask
    const client = new TailClient({
      socket,
      form,
      encodingFlags,
      delayMs,
      clock,
      budget: this.#budget,
      onDrop: () => metrics.tailDropped.inc(),
    })
    if (this.#isClosed) {
      client.leave(leaving)
      return
    }
    const count = (this.#countOf.get(tenant) ?? 0) + 1
    const most = limitsOf(tenant).maxConcurrentTails
    if (most > 0 && count > most) {
      client.fail(`max concurrent tail requests limit exceeded, count > limit (${count} > ${most})`)
      return
    }
    this.#countOf.set(tenant, count)
    this.#clients.set(client, request)
    metrics.tailClients.set(this.#clients.size)
    // Subscribe before reading the history, so that no entry falls in between.
    const query = { tenant, logql: ask.logql, log: ask.log, form }
    const place = hub.subscribe(query, client, ask.mayResume)
    socket.once('close', () => {
      place.leave()
      this.#clients.delete(client)
      metrics.tailClients.set(this.#clients.size)
      const left = this.#countOf.get(tenant)! - 1
      if (left > 0) this.#countOf.set(tenant, left)
      else this.#countOf.delete(tenant)
    })
    if (place.isResumed) {
      // It already had its history and now gets the rest.
      client.start([])
      return
    }
    this.#readHistory(ask, request).then(
      async history => {
        await place.caughtUp()
        client.start(history)
      },
      (error: Error) => client.fail(error.message),
    )
  }

  /** Returns the newest entries to start with, ascending by time. */
  async #readHistory(ask: TailAsk, request: FastifyRequest): Promise<TailEntry[]> {
    const { limitsOf, openSource } = this.#options
    const { tenant, logql, startNs, nowNs, limit, form } = ask
    const limits = limitsOf(tenant)
    const query = {
      logql,
      startNs,
      // Stored times can be slightly ahead of this clock.
      endNs: nowNs + limits.creationGraceNs + 1n,
      stepNs: 0n,
      intervalNs: 0n,
      limit,
      direction: 'backward',
      isInstant: false,
      limits: limits.query,
    } as const
    const result = await withDeadline(request, limits, signal =>
      runQuery(query, openSource([tenant]), signal),
    )
    if (result.kind !== 'streams')
      throw new TypeError(`unexpected result of a tail: ${result.kind}`)
    return result.entries
      .map(entry => ({ ...formatTailEntry(entry, form), isLost: false }))
      .reverse()
  }

  close(): void {
    this.#isClosed = true
    clearInterval(this.#pings)
    this.#options.hub.interrupt()
    for (const client of this.#clients.keys()) client.leave(leaving)
  }
}

const leaving = 'the store is stopping'
