// Log and metric queries: /loki/api/v1/query and query_range, and the older /api/prom/query.

import { formatRfc3339, quoteGoString } from '@skald/go-dialect'
import {
  formatLogqlPretty,
  formatQueryResult,
  LogqlSyntaxError,
  parseLogql,
  type QueryRequest,
  type QueryResult,
  type ResultEntry,
  type ResultFormat,
  runQuery,
  unionLabels,
} from '@skald/query'
import { formatLabelSet } from '@skald/wire'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { AnswerTooLargeError, BadRequestError } from '../errors.ts'
import type { TenantLimits } from '../tenant-limits.ts'
import { demotedWarnings } from './demoted-warnings.ts'
import { holdUntilTaken, watchTaking } from './held-answer.ts'
import type { Params } from './params.ts'
import {
  checkBlockedBy,
  isDrilldown,
  type LineRouteOptions,
  openRequest,
  readParams,
  withDeadline,
  withinLookback,
} from './query-context.ts'
import { formatStats } from './stats-json.ts'

export interface QueryRouteOptions extends LineRouteOptions {
  /** Returns the labels of a tenant that are kept as structured metadata. */
  readonly demotedOf: (tenant: string, limits: TenantLimits) => ReadonlySet<string>
}

/** Adds the query routes. */
export function addQueryRoutes(app: FastifyInstance, options: QueryRouteOptions): void {
  const { openSource, createHold, demotedOf, limitsOf } = options

  /** Runs the query of a request. `read` takes it from the parameters. */
  const run = async (request: FastifyRequest, reply: FastifyReply, read: ReadQuery) => {
    const started = performance.now()
    const { tenants, limits, params, nowNs } = openRequest(request, options)
    // If there are too many series, Drilldown gets a partial result, like from Loki 3.7.
    const query = { ...read(params, { nowNs, limits }), allowsPartial: isDrilldown(request) }
    checkBlockedBy(query.logql, tenants, options)
    const hold = holdUntilTaken(reply.raw, createHold)
    const answer = await withDeadline(request, limits, signal =>
      runQuery(query, openSource(tenants, hold), signal),
    )
    watchTaking(reply.raw, hold)
    const demoted = tenants.map(tenant => demotedOf(tenant, limitsOf(tenant)))
    const warnings = demotedWarnings(query.logql, unionOf(demoted))
    const result = { ...answer, warnings: [...answer.warnings, ...warnings] }
    const entryCount = result.kind === 'streams' ? result.entries.length : 0
    const seconds = (performance.now() - started) / 1000
    const isExplained = params.wantsExplanation()
    return { result, statsJson: formatStats(result.stats, { seconds, entryCount, isExplained }) }
  }
  const addRoute = (url: string, read: ReadQuery) => {
    app.route({
      method: ['GET', 'POST'],
      url,
      handler: async (request, reply) => {
        const { result, statsJson } = await run(request, reply, read)
        const encodingFlags = encodingFlagsOf(request)
        const categorizeLabels = encodingFlags.includes('categorize-labels')
        const format = { categorizeLabels, encodingFlags, statsJson }
        return sendJson(reply, formatAnswer(result, format))
      },
    })
  }

  addRoute('/loki/api/v1/query_range', (params, context) =>
    rangeQuery(params, params.get('query'), context),
  )
  addRoute('/loki/api/v1/query', instantQuery)

  app.route({
    method: ['GET', 'POST'],
    url: '/loki/api/v1/format_query',
    handler: async (request, reply) => {
      try {
        const data = formatLogqlPretty(parseLogql(readParams(request).get('query')))
        return sendJson(reply, JSON.stringify({ status: 'success', data }))
      } catch (error) {
        if (!(error instanceof LogqlSyntaxError)) throw error
        const answer = { status: 'invalid-query', error: error.message }
        return sendJson(reply.code(400), JSON.stringify(answer))
      }
    },
  })

  app.route({
    method: ['GET', 'POST'],
    url: '/api/prom/query',
    handler: async (request, reply) => {
      const { result, statsJson } = await run(request, reply, (params, context) => {
        const pattern = params.get('regexp')
        const filter = pattern === '' ? '' : ` |~ ${quoteGoString(pattern)}`
        return rangeQuery(params, `${params.get('query')}${filter}`, context)
      })
      if (result.kind !== 'streams') {
        throw new BadRequestError('legacy endpoints only support streams result type')
      }
      const streams = legacyStreams(result.entries)
      return sendJson(reply, `{"streams":${JSON.stringify(streams)},"stats":${statsJson}}`)
    },
  })
}

/** Most tenants have none. */
function unionOf(sets: readonly ReadonlySet<string>[]): ReadonlySet<string> {
  return sets.reduce((all, own) => (own.size > 0 ? all.union(own) : all))
}

/**
 * Writes an answer.
 * @throws AnswerTooLargeError
 */
export function formatAnswer(result: QueryResult, format: ResultFormat): string {
  try {
    return formatQueryResult(result, format)
  } catch (error) {
    // V8's error for a text that is too long.
    if (error instanceof RangeError && /string length/.test(error.message)) {
      throw new AnswerTooLargeError(
        'the answer is longer than 512 MiB: ask for a shorter time, fewer streams or fewer lines',
        { cause: error },
      )
    }
    throw error
  }
}

interface ReadContext {
  readonly nowNs: bigint
  readonly limits: TenantLimits
}

/** Builds a query from the parameters of a request. */
type ReadQuery = (params: Params, context: ReadContext) => QueryRequest

function instantQuery(params: Params, { nowNs, limits }: ReadContext): QueryRequest {
  const timeNs = params.instant(nowNs)
  withinLookback({ startNs: timeNs, endNs: timeNs }, limits, nowNs)
  return {
    logql: params.get('query'),
    startNs: timeNs,
    endNs: timeNs,
    stepNs: 0n,
    intervalNs: 0n,
    limit: params.limit(),
    direction: params.direction(),
    isInstant: true,
    limits: limits.query,
  }
}

function rangeQuery(params: Params, logql: string, { nowNs, limits }: ReadContext): QueryRequest {
  const asked = params.orderedRange(nowNs)
  const limit = params.limit()
  const direction = params.direction()
  const stepNs = params.stepNs(asked)
  const range = withinLookback(asked, limits, nowNs)
  const intervalNs = params.intervalNs()
  return {
    logql,
    ...range,
    stepNs,
    intervalNs,
    limit,
    direction,
    isInstant: false,
    limits: limits.query,
  }
}

/** Returns the flags with which a client asks for another answer format. */
export function encodingFlagsOf(request: FastifyRequest): string[] {
  const header = request.headers['x-loki-response-encoding-flags']
  if (typeof header !== 'string') return []
  return header.split(',').flatMap(flag => flag.trim() || [])
}

/** Groups entries by their labels, with RFC 3339 times: the format of `/api/prom`. */
function legacyStreams(entries: readonly ResultEntry[]) {
  const streams = new Map<string, { labels: string; entries: { ts: string; line: string }[] }>()
  for (const { labels, timestampNs, line } of entries) {
    const text = formatLabelSet(unionLabels(labels))
    const stream = streams.get(text) ?? { labels: text, entries: [] }
    stream.entries.push({ ts: formatRfc3339(timestampNs), line })
    streams.set(text, stream)
  }
  return [...streams.values()]
}

/** Sends JSON text with the content type that Loki uses. */
export function sendJson(reply: FastifyReply, body: string): FastifyReply {
  return reply.type('application/json; charset=UTF-8').send(body)
}
