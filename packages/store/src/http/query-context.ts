// What all read routes share: the tenant of a request, its parameters, and a signal that aborts the
// work when the client disconnects or time is up.

import { formatGoDuration, formatPrometheusDuration, maxBigint, nsPerMs } from '@skald/go-dialect'
import type { LogSource } from '@skald/query'
import type { FastifyRequest } from 'fastify'
import type { TimeRange } from '../catalog/catalog.ts'
import {
  BadRequestError,
  PastLookbackError,
  QueryCancelledError,
  QueryTimeoutError,
} from '../errors.ts'
import type { AnswerHold } from '../memory/answer-hold.ts'
import type { TenantLimits } from '../tenant-limits.ts'
import type { CreateHold } from './held-answer.ts'
import { Params } from './params.ts'
import { resolveTenant } from './tenant.ts'

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
  readonly limitsOf: (tenant: string) => TenantLimits
  readonly clock: { now(): number }
  readonly createHold?: CreateHold
}

/** Options of the routes that read lines. */
export interface LineRouteOptions extends ReadRouteOptions {
  /** `hold` counts the memory of the answer until the client has it. */
  readonly openSource: (tenant: string, hold?: AnswerHold) => LogSource
}

/**
 * Reads what every read route starts with: tenant, the tenant's limits, parameters and current
 * time.
 */
export function openRequest(
  request: FastifyRequest,
  { authEnabled, limitsOf, clock }: ReadRouteOptions,
) {
  const tenant = tenantOf(request, authEnabled)
  const nowNs = BigInt(clock.now()) * nsPerMs
  return { tenant, limits: limitsOf(tenant), params: readParams(request), nowNs }
}

const drilldownTag = /\bSource=grafana-lokiexplore-app\b/i

/**
 * Returns true for Logs Drilldown, which identifies itself this way and understands more than Loki
 * 3.4 answers.
 */
export function isDrilldown({ headers }: FastifyRequest): boolean {
  return drilldownTag.test(String(headers['x-query-tags'] ?? ''))
}

/** Returns the tenant of a read request. */
export function tenantOf(request: FastifyRequest, authEnabled: boolean): string {
  const header = request.headers['x-scope-orgid']
  return resolveTenant(Array.isArray(header) ? header[0] : header, authEnabled)
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
