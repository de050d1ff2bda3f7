// The state of the store: /ready, /metrics, /config, /services and buildinfo. Also the controls for
// operators: /log_level and /flush.

import { type LogLevel, logLevels } from '@skald/wire'
import type { FastifyInstance } from 'fastify'
import { stringify } from 'yaml'
import type { StoreConfig } from '../config.ts'
import type { StoreMetrics } from '../metrics.ts'
import { readParams } from './query-context.ts'
import { sendJson } from './query-routes.ts'

export interface StatusRouteOptions {
  readonly metrics: StoreMetrics
  /** Returns the metrics of other parts of the process. */
  readonly moreMetrics?: (() => Promise<string>) | undefined
  readonly config: Pick<StoreConfig, 'hasMetrics'>
  /** Whether the page is at `/`. If not, a list of links is. */
  readonly hasPage?: boolean
  /** Returns the configuration in force. */
  readonly shown: () => Promise<object>
  /** Says in a sentence what will be deleted for size or free space, and when. */
  readonly outlook: () => Promise<string>
  readonly version: string
  /** /log_level shows and sets its `level`. */
  readonly logger: { level: string }
  readonly state: () => 'starting' | 'ready' | 'stopping'
  /** Merges what was committed since the last merge. */
  readonly flush: () => Promise<void>
}

const plainText = 'text/plain; charset=utf-8'

/** The parts of a store under Loki's names. All start and stop together. */
const services = ['server', 'distributor', 'ingester', 'querier', 'compactor']
const serviceStates = { starting: 'Starting', ready: 'Running', stopping: 'Stopping' } as const

/** Paths that the start page links to. */
const pages = ['ready', 'metrics', 'config', 'services', 'loki/api/v1/labels']

/** Renders the page for people who open the store's address in a browser. */
function renderStartPage(version: string, links: readonly string[]): string {
  const items = links.map(link => `<li><a href="${link}">${link}</a></li>`)
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Skald</title>
<h1>Skald ${version}</h1>
<p>This is a log store. In Grafana, add a data source of type Loki with this address. In Skald's documentation,
docs/api.md describes every path, and docs/README.md lists all pages.</p>
<ul>${items.join('')}</ul></html>
`
}

function addStartPage(app: FastifyInstance, { version, moreMetrics }: StatusRouteOptions): void {
  app.get('/', { prefixTrailingSlash: 'slash' }, (_request, reply) => {
    const links = [...pages, ...(moreMetrics ? ['agent/targets'] : [])]
    void reply.type('text/html; charset=utf-8').send(
      renderStartPage(
        version,
        links.map(link => `${app.prefix}/${link}`),
      ),
    )
  })
}

/** Adds the status routes. */
export function addStatusRoutes(app: FastifyInstance, options: StatusRouteOptions): void {
  const { metrics, moreMetrics, config, shown, outlook, version, state, flush } = options
  if (!options.hasPage) addStartPage(app, options)
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
    app.get('/metrics', async (_request, reply) => {
      const texts = [await metrics.registry.metrics(), (await moreMetrics?.()) ?? '']
      return reply.type(metrics.registry.contentType).send(texts.join(''))
    })
  }
  app.get('/config', async (_request, reply) => {
    const remark = `# Outlook: ${await outlook()}\n`
    return reply.type(plainText).send(remark + stringify(await shown()))
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
    if (!logLevels.includes(level as LogLevel)) {
      const message = `unrecognized log level ${JSON.stringify(level)}`
      void sendJson(reply.code(400), JSON.stringify({ status: 'failed', message }))
      return
    }
    logger.level = level
    const message = `Log level set to ${level}`
    void sendJson(reply, JSON.stringify({ status: 'success', message }))
  })
}
