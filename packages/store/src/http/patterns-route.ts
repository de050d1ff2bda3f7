// The patterns that lines are made by: /loki/api/v1/patterns.

import { type LinePattern, type LogSource, runPatterns } from '@skald/query'
import { maxBigint } from '@skald/wire'
import type { FastifyInstance } from 'fastify'
import type { TenantLimits } from '../limits.ts'
import { readParams, tenantOf, withDeadline } from './query-context.ts'
import { sendJson } from './query-routes.ts'

export interface PatternsRouteOptions {
  readonly authEnabled: boolean
  readonly limits: TenantLimits
  readonly clock: { now(): number }
  readonly openSource: (tenant: string) => LogSource
}

/** Adds the route. */
export function addPatternsRoute(app: FastifyInstance, options: PatternsRouteOptions): void {
  const { authEnabled, limits, clock, openSource } = options
  const timeoutMs = Number(limits.queryTimeoutNs / 1_000_000n)
  app.route({
    method: ['GET', 'POST'],
    url: '/loki/api/v1/patterns',
    handler: async (request, reply) => {
      const source = openSource(tenantOf(request, authEnabled))
      const params = readParams(request)
      // A range that ends before it starts is no error here: it has no lines.
      const range = params.timeRange(BigInt(clock.now()) * 1_000_000n)
      const stepNs = params.stepNs({ ...range, endNs: maxBigint(range.startNs, range.endNs) })
      const query = { logql: params.get('query'), ...range, stepNs, limits: limits.query }
      const patterns = await withDeadline(request, timeoutMs, signal =>
        runPatterns(query, source, signal),
      )
      const data = patterns.map(patternJson)
      return sendJson(reply, JSON.stringify({ status: 'success', data }))
    },
  })
}

function patternJson({ pattern, level, samples }: LinePattern) {
  return {
    ...(level !== '' && { level }),
    pattern,
    samples: samples.map(([timeNs, count]) => [Number(timeNs / 1_000_000_000n), count]),
  }
}
