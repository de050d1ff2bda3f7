// How the store is doing: /ready, /metrics, /config, buildinfo, and /flush for operators and tests.

import type { FastifyInstance } from 'fastify'
import { stringify } from 'yaml'
import type { RawStoreConfig } from '../config-schema.ts'
import type { StoreMetrics } from '../metrics.ts'

export interface StatusRouteOptions {
  readonly metrics: StoreMetrics
  readonly config: RawStoreConfig
  readonly version: string
  readonly isReady: () => boolean
  /** Merges what was committed since the last merge. */
  readonly flush: () => Promise<void>
}

const plainText = 'text/plain; charset=utf-8'

/** Adds the status routes. */
export function addStatusRoutes(app: FastifyInstance, options: StatusRouteOptions): void {
  const { metrics, config, version, isReady, flush } = options
  app.get('/ready', (_request, reply) => {
    const ready = isReady()
    void reply
      .code(ready ? 200 : 503)
      .type(plainText)
      .send(ready ? 'ready\n' : 'Store not ready: it is starting or stopping\n')
  })
  app.get('/metrics', async (_request, reply) =>
    reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()),
  )
  app.get('/config', (_request, reply) => {
    void reply.type(plainText).send(stringify(config))
  })
  app.get('/loki/api/v1/status/buildinfo', (_request, reply) => {
    const info = {
      version,
      revision: '',
      branch: '',
      buildUser: '',
      buildDate: '',
      goVersion: '',
    }
    void reply.type('application/json').send(JSON.stringify(info))
  })
  app.route({
    method: ['GET', 'POST'],
    url: '/flush',
    handler: async (_request, reply) => {
      await flush()
      return reply.code(204).send()
    },
  })
}
