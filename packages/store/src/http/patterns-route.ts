// The patterns of log lines: /loki/api/v1/patterns.

import { maxBigint, nsPerSecond } from '@skald/go-dialect'
import { type LinePattern, runPatterns } from '@skald/query'
import type { FastifyInstance } from 'fastify'
import {
  type LineRouteOptions,
  openRequest,
  withDeadline,
  withinLookback,
} from './query-context.ts'
import { sendJson } from './query-routes.ts'

/** Adds the patterns route. */
export function addPatternsRoute(app: FastifyInstance, options: LineRouteOptions): void {
  const { openSource } = options
  app.route({
    method: ['GET', 'POST'],
    url: '/loki/api/v1/patterns',
    handler: async (request, reply) => {
      const { tenants, limits, params, nowNs } = openRequest(request, options)
      // A range that ends before it starts is not an error here. It has no lines.
      const asked = params.timeRange(nowNs)
      const stepNs = params.stepNs({ ...asked, endNs: maxBigint(asked.startNs, asked.endNs) })
      const range = withinLookback(asked, limits, nowNs)
      const query = { logql: params.get('query'), ...range, stepNs, limits: limits.query }
      const { patterns, warnings } = await withDeadline(request, limits, signal =>
        runPatterns(query, openSource(tenants), signal),
      )
      const data = patterns.map(patternJson)
      const told = warnings.length > 0 ? { warnings } : {}
      return sendJson(reply, JSON.stringify({ status: 'success', ...told, data }))
    },
  })
}

function patternJson({ pattern, level, samples }: LinePattern) {
  return {
    ...(level !== '' && { level }),
    pattern,
    samples: samples.map(([timeNs, count]) => [Number(timeNs / nsPerSecond), count]),
  }
}
