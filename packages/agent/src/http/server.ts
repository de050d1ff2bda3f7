// The agent's own pages: /ready, /metrics, /targets, /service-discovery, /config, /reload, /debug/pprof.

import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
import { serverTlsOptions } from '../net/server-tls.ts'
import type { AgentView } from './agent-view.ts'
import { renderConfigPage } from './config-page.ts'
import { renderDiscoveryPage, viewDiscovery } from './discovery-page.ts'
import { renderTargetsPage, viewTargets } from './targets-page.ts'

const notReady =
  'Not ready: Unable to find any logs to tail. Please verify permissions, volumes, scrape_config, etc.\n'

/** Starts the HTTP server. Resolves when it listens. */
export async function startAgentServer(options: {
  readonly agent: AgentView
  readonly logger: Logger
}): Promise<{ instance: FastifyInstance; url: string }> {
  const { agent, logger } = options
  const { httpListenAddress, httpListenPort, httpPathPrefix, tls } = agent.config.server
  const { enablesReload, enablesProfiling } = agent.config.server
  // The type of the instance depends on TLS, which does not matter here.
  const instance = fastify({
    ...{ logger: false, forceCloseConnections: true },
    // No route has a schema, so skip loading the schema compilers, about a hundred modules.
    schemaController: {
      compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas },
    },
    ...(tls && { https: serverTlsOptions(tls) }),
  }) as unknown as FastifyInstance
  instance.register(
    (routes, _options, done) => {
      addAgentRoutes(routes, { agentOf: () => agent, enablesReload })
      done()
    },
    { prefix: httpPathPrefix },
  )
  if (enablesProfiling) {
    // Loaded on demand: modules are most of an idle agent's memory.
    const { addProfileRoutes } = await import('./profile-routes.ts')
    addProfileRoutes(instance, httpPathPrefix)
  }
  const host = httpListenAddress === '' ? '::' : httpListenAddress
  const url = await listen(instance, host, httpListenPort)
  logger.info({ url }, 'HTTP server listens')
  return { instance, url }
}

/** What the routes need. */
export interface AgentRouteOptions {
  /** Returns the current agent. */
  readonly agentOf: () => AgentView
  readonly enablesReload: boolean
}

/** Adds the agent's pages below a prefix, to the agent's own server or to that of a larger process. */
export function addAgentRoutes(
  instance: FastifyInstance,
  { agentOf, enablesReload }: AgentRouteOptions,
): void {
  const { prefix } = instance
  instance.get('/', { prefixTrailingSlash: 'slash' }, (_request, reply) =>
    reply.redirect(`${prefix}/targets`, 303),
  )
  instance.get('/ready', (_request, reply) => {
    const agent = agentOf()
    const isReady = !agent.config.server.checksHealth || agent.isReady
    const problems = agent
      .sources()
      .map(({ job, problem }) => (problem === undefined ? '' : `Job ${job}: ${problem}\n`))
    return reply
      .code(isReady ? 200 : 500)
      .type('text/plain; charset=utf-8')
      .send((isReady ? 'Ready\n' : notReady) + [...new Set(problems)].join(''))
  })
  instance.get('/metrics', async (_request, reply) => {
    const { registry } = agentOf().metrics
    return reply.type(registry.contentType).send(await registry.metrics())
  })
  instance.get('/targets', (request, reply) => {
    const filter = filterOf(request)
    const view = viewTargets(agentOf(), filter)
    if (wantsJson(request)) return reply.send(view)
    return sendPage(reply, renderTargetsPage(view, prefix, filter))
  })
  instance.get('/service-discovery', (request, reply) => {
    const filter = filterOf(request)
    const view = viewDiscovery(agentOf().jobs, filter)
    if (wantsJson(request)) return reply.send(view)
    return sendPage(reply, renderDiscoveryPage(view, prefix, filter))
  })
  instance.get('/config', (_request, reply) =>
    sendPage(reply, renderConfigPage(agentOf().config, prefix)),
  )
  if (enablesReload) {
    instance.all('/reload', async (_request, reply) => {
      reply.type('text/plain; charset=utf-8')
      try {
        const agent = agentOf()
        const outcome = await agent.reload()
        const blocks = agent.blocksForRestart.join(', ')
        const rest = blocks === '' ? '' : `Restart the agent for what changed in: ${blocks}\n`
        return await reply.send(`Configuration ${outcome}\n${rest}`)
      } catch (error) {
        return reply.code(500).send(`failed to reload config: ${(error as Error).message}\n`)
      }
    })
  }
}

function noSchemas(): never {
  throw new Error('The routes of the agent have no schemas')
}

/** Sends a page that may run no scripts and cannot be embedded in another page. */
function sendPage(reply: FastifyReply, page: string): FastifyReply {
  const policy =
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
  return reply
    .headers({ 'content-security-policy': policy, 'x-content-type-options': 'nosniff' })
    .type('text/html; charset=utf-8')
    .send(page)
}

function filterOf({ query }: FastifyRequest): string {
  const { filter } = query as { filter?: unknown }
  return typeof filter === 'string' ? filter : ''
}

/** Returns true if `?format=json` or the Accept header asks for JSON. */
function wantsJson({ query, headers }: FastifyRequest): boolean {
  const { format } = query as { format?: unknown }
  return format === 'json' || headers.accept?.includes('application/json') === true
}

async function listen(instance: FastifyInstance, host: string, port: number): Promise<string> {
  try {
    return await instance.listen({ host, port })
  } catch (error) {
    // A machine without IPv6 has no `::`.
    const { code } = error as NodeJS.ErrnoException
    if (host !== '::' || (code !== 'EAFNOSUPPORT' && code !== 'EADDRNOTAVAIL')) throw error
    return instance.listen({ host: '0.0.0.0', port })
  }
}
