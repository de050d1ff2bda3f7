// GET /skald/labels: how many values the labels of the request's tenants got today, and who pushes those that have too many.

import type { FastifyInstance } from 'fastify'
import type { CardinalityGuard } from '../ingest/cardinality-guard.ts'
import { openRequest, type ReadRouteOptions } from './query-context.ts'
import { sendJson } from './query-routes.ts'

/** Adds the route. */
export function addCardinalityRoute(
  app: FastifyInstance,
  options: ReadRouteOptions & { readonly guard: CardinalityGuard },
): void {
  app.get('/skald/labels', (request, reply) => {
    const { tenants } = openRequest(request, options)
    const labels = tenants
      .flatMap(tenant => options.guard.list(options.limitsOf, tenant))
      .sort((a, b) => b.values - a.values)
    void sendJson(reply, JSON.stringify({ status: 'success', data: labels }))
  })
}
