// Rules and alerts: those of Loki's API, where rules are written, and those of Prometheus', where their state is read. A
// store without a ruler has an empty list, and no routes that read or write a rule by name, so that no client offers to
// create one.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { RuleRequestError } from '../errors.ts'
import type { Ruler } from '../rules/ruler.ts'
import { readParams, tenantOf } from './query-context.ts'
import { sendJson } from './query-routes.ts'
import { answerError } from './server.ts'

export interface RulesRouteOptions {
  readonly authEnabled: boolean
  /** Absent if the configuration has none. */
  readonly ruler?: RulesService | undefined
}

/** What the routes use of the ruler, with the texts of its answers. */
export interface RulesService {
  readonly ruler: Pick<Ruler, 'hasApi' | 'list' | 'status' | 'set' | 'remove' | 'removeNamespace'>
  readonly formatGroup: typeof import('../rules/rule-text.ts').formatGroup
  readonly formatNamespaces: typeof import('../rules/rule-text.ts').formatNamespaces
  readonly formatRules: typeof import('../rules/rules-json.ts').formatRules
  readonly formatAlerts: typeof import('../rules/rules-json.ts').formatAlerts
}

const bases = ['/loki/api/v1/rules', '/api/prom/rules']

/** Adds the rules routes. */
export function addRulesRoutes(app: FastifyInstance, options: RulesRouteOptions): void {
  const { authEnabled, ruler: service } = options
  if (!service?.ruler.hasApi) {
    addEmptyRoutes(app, authEnabled)
    return
  }
  // In a separate scope, because they have their own error texts.
  void app.register((routes, _options, done) => {
    routes.setErrorHandler((error: Error, request, reply) =>
      answerError(error, request, reply, sendRuleError),
    )
    for (const base of bases) addWritingRoutes(routes, base, { authEnabled, service })
    addStateRoutes(routes, { authEnabled, service })
    done()
  })
}

interface Parts {
  readonly authEnabled: boolean
  readonly service: RulesService
}

function addWritingRoutes(
  app: FastifyInstance,
  base: string,
  { authEnabled, service }: Parts,
): void {
  const { ruler, formatGroup, formatNamespaces } = service
  const list = async (request: FastifyRequest, reply: FastifyReply) => {
    const tenant = tenantOf(request, authEnabled)
    const namespace = nameIn(request, 'namespace')
    const found = await ruler.list({ tenant, ...(namespace !== undefined && { namespace }) })
    if (found.length === 0) throw new RuleRequestError('no rule groups found', 'RULE_NOT_FOUND')
    const byNamespace = Map.groupBy(found, placed => placed.namespace)
    const groups = [...byNamespace].map(
      ([name, placed]) => [name, placed.map(({ group }) => group)] as const,
    )
    groups.sort(([a], [b]) => (a < b ? -1 : 1))
    return sendYaml(reply, formatNamespaces(groups))
  }
  app.get(base, list)
  app.get(`${base}/:namespace`, list)
  app.post(`${base}/:namespace`, async (request, reply) => {
    const tenant = tenantOf(request, authEnabled)
    const body = Buffer.isBuffer(request.body) ? request.body.toString('utf8') : ''
    await ruler.set(tenant, nameIn(request, 'namespace') ?? '', body)
    return sendAccepted(reply)
  })
  app.delete(`${base}/:namespace`, async (request, reply) => {
    const tenant = tenantOf(request, authEnabled)
    const isGone = await ruler.removeNamespace(tenant, nameIn(request, 'namespace') ?? '')
    if (!isGone) throw new RuleRequestError('group namespace does not exist', 'RULE_NOT_FOUND')
    return sendAccepted(reply)
  })
  app.get(`${base}/:namespace/:group`, async (request, reply) => {
    const tenant = tenantOf(request, authEnabled)
    const namespace = nameIn(request, 'namespace') ?? ''
    const name = nameIn(request, 'group')
    const groups = await ruler.list({ tenant, namespace })
    const found = groups.find(({ group }) => group.name === name)
    if (!found) throw new RuleRequestError('group does not exist', 'RULE_NOT_FOUND')
    return sendYaml(reply, formatGroup(found.group))
  })
  app.delete(`${base}/:namespace/:group`, async (request, reply) => {
    const tenant = tenantOf(request, authEnabled)
    const [namespace, name] = [nameIn(request, 'namespace'), nameIn(request, 'group')]
    if (!(await ruler.remove(tenant, namespace ?? '', name ?? '')))
      throw new RuleRequestError('group does not exist', 'RULE_NOT_FOUND')
    return sendAccepted(reply)
  })
}

function addStateRoutes(app: FastifyInstance, { authEnabled, service }: Parts): void {
  app.get('/prometheus/api/v1/rules', async (request, reply) => {
    const groups = await service.ruler.status(tenantOf(request, authEnabled))
    return sendJson(reply, service.formatRules(groups, readParams(request)))
  })
  app.get('/prometheus/api/v1/alerts', async (request, reply) => {
    const groups = await service.ruler.status(tenantOf(request, authEnabled))
    return sendJson(reply, service.formatAlerts(groups))
  })
}

/**
 * Returns a name in the path; `undefined` if the path has none. Like in Loki, it may be encoded twice, because some
 * clients do so to write a slash.
 */
function nameIn(request: FastifyRequest, key: 'namespace' | 'group'): string | undefined {
  const name = (request.params as Readonly<Record<string, string | undefined>>)[key]
  if (name === undefined) return undefined
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}

function sendYaml(reply: FastifyReply, text: string): FastifyReply {
  return reply.type('application/yaml').send(text)
}

function sendAccepted(reply: FastifyReply): FastifyReply {
  const answer = { status: 'success', data: null, errorType: '', error: '' }
  return sendJson(reply.code(202), JSON.stringify(answer))
}

/** Loki answers some mistakes as JSON and the others as text with a line feed. */
function sendRuleError(
  { code = '', message }: Error & { code?: string },
  reply: FastifyReply,
): void {
  const errorTypes: Readonly<Record<string, string>> = {
    RULE_NAME: 'server_error',
    RULE_FILTER: 'bad_data',
  }
  const errorType = Object.hasOwn(errorTypes, code) ? errorTypes[code] : undefined
  if (errorType !== undefined) {
    const answer = { status: 'error', data: null, errorType, error: message }
    void sendJson(reply, JSON.stringify(answer))
    return
  }
  const end = code.startsWith('RULE_') ? '\n' : ''
  void reply.type('text/plain; charset=utf-8').send(message + end)
}

function addEmptyRoutes(app: FastifyInstance, authEnabled: boolean): void {
  for (const url of bases) {
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
