// Delete requests: /loki/api/v1/delete, like Loki with retention enabled.

import {
  formatGoDuration,
  nsPerMs,
  nsPerSecond,
  parseGoDuration,
  parseRfc3339,
} from '@skald/go-dialect'
import { parseLogQuery } from '@skald/query'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { DeleteRequest } from '../catalog/delete-requests.ts'
import type { DeleteRegistry } from '../deletes/delete-registry.ts'
import { BadRequestError } from '../errors.ts'
import { deleteQueryBytesMax } from '../limits.ts'
import type { Params } from './params.ts'
import { openRequestOfOne, type ReadRouteOptions } from './query-context.ts'
import { sendJson } from './query-routes.ts'
import { answerError } from './server.ts'

/** The part of the delete sweep that the routes use. */
export interface DeleteProgress {
  /** Returns how many percent of a request are done, or `undefined` if it has not begun. */
  percentOf(tenant: string, id: string): number | undefined
  cancel(tenant: string, id: string): void
}

export interface DeleteRouteOptions extends ReadRouteOptions {
  /** Absent if the configuration forbids deleting. */
  readonly deletes:
    | { readonly registry: DeleteRegistry; readonly progress: DeleteProgress }
    | undefined
  /** Longest allowed `max_interval`; 0 for no limit. */
  readonly maxIntervalNs: bigint
  /** Called for each accepted request. */
  readonly onRequest: (tenant: string) => void
}

const url = '/loki/api/v1/delete'

/** Adds the delete routes. */
export function addDeleteRoutes(app: FastifyInstance, options: DeleteRouteOptions): void {
  const { maxIntervalNs, onRequest } = options
  // Loki ends these texts with a newline.
  app.setErrorHandler((error: Error, request, reply) =>
    answerError(error, request, reply, ({ message }) => {
      void reply.type('text/plain; charset=utf-8').send(`${message}\n`)
    }),
  )
  const open = (request: FastifyRequest) => {
    const opened = openRequestOfOne(request, options)
    if (!options.deletes)
      throw new BadRequestError('Retention is not enabled', { code: 'DELETES_OFF' })
    if (opened.limits.deletionMode === 'disabled') {
      throw new BadRequestError('deletion is not available for this tenant', {
        code: 'DELETES_FORBIDDEN',
      })
    }
    return { ...opened, ...options.deletes }
  }

  app.route({
    method: ['POST', 'PUT'],
    url,
    handler: async (request, reply) => {
      const { tenant, params, nowNs, registry } = open(request)
      await registry.add({ tenant, ...readNewDelete(params, { nowNs, maxIntervalNs }) })
      onRequest(tenant)
      return reply.code(204).send()
    },
  })
  app.get(url, async (request, reply) => {
    const { tenant, registry, progress } = open(request)
    const list = await registry.list(tenant)
    const body = list.map(found => requestJson(found, progress.percentOf(tenant, found.id)))
    return sendJson(reply, JSON.stringify(body))
  })
  app.delete(url, async (request, reply) => {
    const { tenant, params, registry, progress } = open(request)
    const id = params.get('request_id')
    const found = (await registry.list(tenant)).find(other => other.id === id)
    if (!found) {
      throw new BadRequestError('could not find delete request with given id', {
        code: 'DELETE_UNKNOWN',
      })
    }
    if (found.state === 'processed') {
      throw new BadRequestError(
        'deletion of request which is in process or already processed is not allowed',
      )
    }
    if (found.state === 'processing' && params.get('force') !== 'true') {
      throw new BadRequestError(
        'Unable to cancel partially completed delete request. To force, use the ?force query parameter',
      )
    }
    await registry.cancel(tenant, id)
    progress.cancel(tenant, id)
    return reply.code(204).send()
  })
}

/** Times are in whole seconds, because logcli cannot read fractions. */
function requestJson(request: DeleteRequest, percent: number | undefined) {
  const { id, query, startMs, endMs, createdMs, state } = request
  return {
    request_id: id,
    start_time: Math.floor(startMs / 1000),
    end_time: Math.floor(endMs / 1000),
    query,
    status: state === 'processing' ? `${percent ?? 0}% Complete` : state,
    created_at: Math.floor(createdMs / 1000),
  }
}

/** Reads and checks a new request, in Loki's order and with Loki's texts. */
function readNewDelete(
  params: Params,
  { nowNs, maxIntervalNs }: { readonly nowNs: bigint; readonly maxIntervalNs: bigint },
): { readonly query: string; readonly startMs: number; readonly endMs: number } {
  const query = params.get('query')
  if (query === '') throw new BadRequestError('query not set')
  const queryBytes = Buffer.byteLength(query)
  if (queryBytes > deleteQueryBytesMax) {
    throw new BadRequestError(
      `query is too long: ${queryBytes} bytes, at most ${deleteQueryBytesMax}; split it into several requests`,
    )
  }
  checkQuery(query)
  const nowMs = Number(nowNs / nsPerMs)
  const start = params.get('start')
  if (start === '') throw new BadRequestError('start time not set')
  const startMs = readTime(start, 'start')
  const end = params.get('end')
  const endMs = end === '' ? nowMs : readTime(end, 'end')
  if (endMs > nowMs) throw new BadRequestError('deletes in the future are not allowed')
  if (startMs > endMs) throw new BadRequestError("start time can't be greater than end time")
  checkInterval(params.get('max_interval'), maxIntervalNs, BigInt(endMs - startMs) * nsPerMs)
  return { query, startMs, endMs }
}

function checkQuery(query: string): void {
  try {
    // Parsed only to throw if the query is invalid.
    parseLogQuery(query)
  } catch (cause) {
    throw new BadRequestError('invalid query expression', { cause })
  }
}

/** Parses RFC 3339 or ten-digit seconds. Returns milliseconds since 1970. */
function readTime(text: string, name: 'start' | 'end'): number {
  const ns = /^\d{10}$/.test(text) ? BigInt(text) * nsPerSecond : parseRfc3339(text)
  if (ns === undefined) {
    throw new BadRequestError(`invalid ${name} time: require unix seconds or RFC3339 format`)
  }
  return Number(ns / nsPerMs)
}

/** Loki splits a request into intervals of this length. Here it is only checked. */
function checkInterval(text: string, mostNs: bigint, lengthNs: bigint): void {
  if (text === '') return
  let intervalNs = 0n
  try {
    intervalNs = parseGoDuration(text)
  } catch {
    // Keep 0, so that it is reported like an interval that is too short.
  }
  if (intervalNs < nsPerSecond) {
    throw new BadRequestError("invalid max_interval: valid time units are 's', 'm', 'h'")
  }
  if (mostNs > 0n && intervalNs > mostNs) {
    throw new BadRequestError(`max_interval can't be greater than ${formatGoDuration(mostNs)}`)
  }
  if (intervalNs > lengthNs) {
    throw new BadRequestError(
      `max_interval can't be greater than the interval to be deleted (${formatGoDuration(lengthNs)})`,
    )
  }
}
