// How the store is doing: /ready, /metrics, /config, /services, buildinfo, and what operators can change
// while it runs: /log_level and /flush.

import type { FastifyInstance } from 'fastify'
import { stringify } from 'yaml'
import type { StoreConfig } from '../config.ts'
import type { StoreMetrics } from '../metrics.ts'
import { readParams } from './query-context.ts'
import { sendJson } from './query-routes.ts'

export interface StatusRouteOptions {
  readonly metrics: StoreMetrics
  readonly config: Pick<StoreConfig, 'hasMetrics'>
  /** What is in force. */
  readonly shown: () => object
  readonly version: string
  /** Its `level` is what /log_level shows and sets. */
  readonly logger: { level: string }
  readonly state: () => 'starting' | 'ready' | 'stopping'
  /** Merges what was committed since the last merge. */
  readonly flush: () => Promise<void>
}

const plainText = 'text/plain; charset=utf-8'

/** The parts of a store, by the names of Loki's. All start and stop together. */
const services = ['server', 'distributor', 'ingester', 'querier', 'compactor']
const serviceStates = { starting: 'Starting', ready: 'Running', stopping: 'Stopping' } as const

const logLevels = ['debug', 'info', 'warn', 'error']

/** Adds the status routes. */
export function addStatusRoutes(app: FastifyInstance, options: StatusRouteOptions): void {
  const { metrics, config, shown, version, state, flush } = options
  app.get('/ready', (_request, reply) => {
    const ready = state() === 'ready'
    void reply
      .code(ready ? 200 : 503)
      .type(plainText)
      .send(ready ? 'ready\n' : 'Store not ready: it is starting or stopping\n')
  })
  app.get('/services', (_request, reply) => {
    const lines = services.map(name => `${name} => ${serviceStates[state()]}\n`)
    void reply.type(plainText).send(lines.join(''))
  })
  addLogLevelRoutes(app, options)
  if (config.hasMetrics) {
    app.get('/metrics', async (_request, reply) =>
      reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()),
    )
  }
  app.get('/config', (_request, reply) => {
    void reply.type(plainText).send(stringify(shown()))
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

function addLogLevelRoutes(app: FastifyInstance, { logger }: StatusRouteOptions): void {
  app.get('/log_level', (_request, reply) => {
    void sendJson(reply, JSON.stringify({ message: `Current log level is ${logger.level}` }))
  })
  app.post('/log_level', (request, reply) => {
    const level = readParams(request).get('log_level')
    if (!logLevels.includes(level)) {
      const message = `unrecognized log level ${JSON.stringify(level)}`
      void sendJson(reply.code(400), JSON.stringify({ status: 'failed', message }))
      return
    }
    logger.level = level
    const message = `Log level set to ${level}`
    void sendJson(reply, JSON.stringify({ status: 'success', message }))
  })
}
