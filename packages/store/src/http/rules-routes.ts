// Rules and alerts of a Loki that has none, so that Grafana shows an empty list. Routes that read
// or write a rule by name do not exist, so that no client offers to create one.

import type { FastifyInstance } from 'fastify'
import { tenantOf } from './query-context.ts'
import { sendJson } from './query-routes.ts'

export interface RulesRouteOptions {
  readonly authEnabled: boolean
}

/** Adds the rules routes. */
export function addRulesRoutes(app: FastifyInstance, { authEnabled }: RulesRouteOptions): void {
  for (const url of ['/loki/api/v1/rules', '/api/prom/rules']) {
    for (const path of [url, `${url}/:namespace`]) {
      app.get(path, (request, reply) => {
        tenantOf(request, authEnabled)
        void reply.code(404).type('text/plain; charset=utf-8').send('no rule groups found\n')
      })
    }
  }
  for (const list of ['groups', 'alerts']) {
    const name = list === 'groups' ? 'rules' : 'alerts'
    app.get(`/prometheus/api/v1/${name}`, (request, reply) => {
      tenantOf(request, authEnabled)
      const answer = { status: 'success', data: { [list]: [] }, errorType: '', error: '' }
      void sendJson(reply, JSON.stringify(answer))
    })
  }
}
