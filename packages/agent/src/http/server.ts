// The agent's own pages: /ready, /metrics, /targets, /config.

import fastify, { type FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import type { Agent } from '../agent.ts'
import { serverTlsOptions } from '../config/server-tls.ts'
import type { AgentConfig } from '../config.ts'
import { renderConfigPage, renderTargetsPage } from './pages.ts'

const notReady =
  'Not ready: Unable to find any logs to tail. Please verify permissions, volumes, scrape_config, etc.\n'

/** Starts the HTTP server; settles when it listens. */
export async function startAgentServer(options: {
  readonly config: AgentConfig
  readonly agent: Agent
  readonly logger: Logger
}): Promise<{ instance: FastifyInstance; url: string }> {
  const { config, agent, logger } = options
  const { httpListenAddress, httpListenPort, httpPathPrefix, checksHealth } = config.server
  const { tls } = config.server
  // The type of an instance says whether it speaks TLS, which nothing here depends on.
  const instance = fastify({
    ...{ logger: false, forceCloseConnections: true },
    ...(tls && { https: serverTlsOptions(tls) }),
  }) as unknown as FastifyInstance
  instance.get(`${httpPathPrefix}/`, (_request, reply) =>
    reply.redirect(`${httpPathPrefix}/targets`, 303),
  )
  instance.get(`${httpPathPrefix}/ready`, (_request, reply) => {
    const isReady = !checksHealth || agent.isReady
    return reply
      .code(isReady ? 200 : 500)
      .type('text/plain; charset=utf-8')
      .send(isReady ? 'Ready\n' : notReady)
  })
  instance.get(`${httpPathPrefix}/metrics`, async (_request, reply) => {
    const { registry } = agent.metrics
    return reply.type(registry.contentType).send(await registry.metrics())
  })
  instance.get(`${httpPathPrefix}/targets`, (request, reply) => {
    const files = agent.files()
    if (request.headers.accept?.includes('application/json')) return reply.send({ files })
    return reply.type('text/html; charset=utf-8').send(renderTargetsPage(files))
  })
  instance.get(`${httpPathPrefix}/config`, (_request, reply) =>
    reply.type('text/html; charset=utf-8').send(renderConfigPage(config.text)),
  )
  const host = httpListenAddress === '' ? '::' : httpListenAddress
  const url = await listen(instance, host, httpListenPort)
  logger.info({ url }, 'HTTP server listens')
  return { instance, url }
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
