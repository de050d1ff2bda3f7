// What all read routes share: the tenants of a request, its parameters, and a signal that aborts the
// work when the client disconnects or time is up.

import { formatGoDuration, formatPrometheusDuration, maxBigint, nsPerMs } from '@skald/go-dialect'
import type { LogSource } from '@skald/query'
import type { FastifyRequest } from 'fastify'
import { checkBlocked } from '../blocked-queries.ts'
import type { TimeRange } from '../catalog/catalog.ts'
import {
  BadRequestError,
  PastLookbackError,
  QueryCancelledError,
  QueryTimeoutError,
} from '../errors.ts'
import type { AnswerHold } from '../memory/answer-hold.ts'
import type { TenantLimits } from '../tenant-limits.ts'
import { limitsOfAll } from '../tenants/combined-limits.ts'
import type { CreateHold } from './held-answer.ts'
import { Params } from './params.ts'
import { resolveTenant, resolveTenants, type Tenants } from './tenant.ts'

/** Reads the query string and the form body. */
export function readParams(request: FastifyRequest): Params {
  const url = request.raw.url ?? ''
  const mark = url.indexOf('?')
  const queryString = mark < 0 ? '' : url.slice(mark + 1)
  if (queryString.includes(';')) {
    throw new BadRequestError('invalid semicolon separator in query')
  }
  const type = request.headers['content-type'] ?? ''
  const isForm = type.split(';')[0]!.trim().toLowerCase() === 'application/x-www-form-urlencoded'
  const body = isForm && Buffer.isBuffer(request.body) ? request.body.toString('utf8') : ''
  return new Params(queryString, body)
}

/** Options shared by the read routes. */
export interface ReadRouteOptions {
  readonly authEnabled: boolean
  /** Whether a query may read several tenants. */
  readonly mayJoinTenants: boolean
  readonly limitsOf: (tenant: string) => TenantLimits
  readonly clock: { now(): number }
  readonly createHold?: CreateHold
}

/** Options of the routes that read lines. */
export interface LineRouteOptions extends ReadRouteOptions {
  /** `hold` counts the memory of the answer until the client has it. */
  readonly openSource: (tenants: Tenants, hold?: AnswerHold) => LogSource
}

/**
 * Reads what every read route starts with: tenants, their limits as one, parameters and current
 * time.
 */
export function openRequest(request: FastifyRequest, options: ReadRouteOptions) {
  const { limitsOf, clock } = options
  const tenants = tenantsOf(request, options)
  const limits = limitsOfAll(tenants, limitsOf)
  const nowNs = BigInt(clock.now()) * nsPerMs
  return { tenants, limits, params: readParams(request), nowNs }
}

/** Reads the same for a route that works with one tenant only. */
export function openRequestOfOne(request: FastifyRequest, options: ReadRouteOptions) {
  const { limitsOf, clock, authEnabled } = options
  const tenant = tenantOf(request, authEnabled)
  const nowNs = BigInt(clock.now()) * nsPerMs
  return { tenant, limits: limitsOf(tenant), params: readParams(request), nowNs }
}

/**
 * Checks a query against the rules of each tenant.
 * @throws BadRequestError with Loki's text; LogqlSyntaxError.
 */
export function checkBlockedBy(
  logql: string,
  tenants: Tenants,
  { limitsOf }: ReadRouteOptions,
): void {
  for (const tenant of tenants) checkBlocked(logql, limitsOf(tenant).blockedQueries)
}

const drilldownTag = /\bSource=grafana-lokiexplore-app\b/i

/**
 * Returns true for Logs Drilldown, which identifies itself this way and understands more than Loki
 * 3.4 answers.
 */
export function isDrilldown({ headers }: FastifyRequest): boolean {
  return drilldownTag.test(String(headers['x-query-tags'] ?? ''))
}

/** Returns the tenant of a request that works with one. */
export function tenantOf(request: FastifyRequest, authEnabled: boolean): string {
  return resolveTenant(tenantHeader(request), authEnabled)
}

/** Returns the tenants of a read request. */
export function tenantsOf(
  request: FastifyRequest,
  { authEnabled, mayJoinTenants }: Pick<ReadRouteOptions, 'authEnabled' | 'mayJoinTenants'>,
): Tenants {
  const header = tenantHeader(request)
  return mayJoinTenants ? resolveTenants(header, authEnabled) : [resolveTenant(header, authEnabled)]
}

function tenantHeader({ headers }: FastifyRequest): string | undefined {
  const header = headers['x-scope-orgid']
  return Array.isArray(header) ? header[0] : header
}

/**
 * Limits a range to what the tenant may look back at.
 * @throws BadRequestError when the whole range is older.
 */
export function withinLookback(
  { startNs, endNs }: TimeRange,
  limits: TenantLimits,
  nowNs: bigint,
): TimeRange {
  const { maxQueryLookbackNs } = limits
  if (maxQueryLookbackNs === 0n) return { startNs, endNs }
  const oldestNs = nowNs - maxQueryLookbackNs
  if (endNs < oldestNs) throw new PastLookbackError(limits)
  return { startNs: maxBigint(startNs, oldestNs), endNs }
}

/**
 * Checks the range of a request for names and labels against the longest allowed.
 * @throws BadRequestError
 */
export function checkLength({ startNs, endNs }: TimeRange, { query }: TenantLimits): void {
  const lengthNs = endNs - startNs
  const { maxQueryLengthNs } = query
  if (maxQueryLengthNs <= 0n || lengthNs <= maxQueryLengthNs) return
  const length = formatGoDuration(lengthNs)
  const limit = formatPrometheusDuration(maxQueryLengthNs)
  throw new BadRequestError(
    `the query time range exceeds the limit (query length: ${length}, limit: ${limit})`,
  )
}

/**
 * Runs `work` with a signal that fires when the client disconnects or the tenant's query timeout is
 * reached.
 */
export async function withDeadline<T>(
  request: FastifyRequest,
  { queryTimeoutNs }: TenantLimits,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const timeoutMs = Number(queryTimeoutNs / nsPerMs)
  const controller = new AbortController()
  const onClose = () => controller.abort(new QueryCancelledError())
  const { socket } = request.raw
  if (socket.destroyed) onClose()
  else socket.once('close', onClose)
  const timer =
    timeoutMs > 0
      ? setTimeout(() => controller.abort(new QueryTimeoutError()), timeoutMs)
      : undefined
  try {
    return await work(controller.signal)
  } finally {
    clearTimeout(timer)
    socket.off('close', onClose)
  }
}
