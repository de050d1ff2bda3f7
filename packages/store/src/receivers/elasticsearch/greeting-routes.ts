// The answers with which Elasticsearch's clients begin: what the server is, whether it is well, and that templates,
// policies and pipelines are there. Nothing of these is stored, because Skald needs no schema.

import type { FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods } from 'fastify'
import type { RequestError } from '../../http/error-status.ts'
import { releaseBody } from '../../http/push-body.ts'
import { answerError } from '../../http/server.ts'
import type { ReceiverParts } from '../receiver-route.ts'
import { sendElastic, sendElasticError } from './elastic-answer.ts'
import { elasticPrefixes } from './index-routes.ts'

/** The version that clients are told: they compare it with their own. */
const elasticVersion = '8.19.0'

const root = {
  name: 'skald',
  cluster_name: 'skald',
  cluster_uuid: 'c2thbGQtbG9nLXN0b3JlLWE',
  version: {
    number: elasticVersion,
    build_flavor: 'default',
    build_type: 'docker',
    build_hash: '0000000000000000000000000000000000000000',
    build_date: '2025-07-01T00:00:00.000Z',
    build_snapshot: false,
    lucene_version: '9.12.1',
    minimum_wire_compatibility_version: '7.17.0',
    minimum_index_compatibility_version: '7.0.0',
  },
  tagline: 'You Know, for Search',
} as const

const license = {
  uid: '00000000-0000-0000-0000-000000000000',
  type: 'basic',
  mode: 'basic',
  status: 'active',
} as const

const health = {
  ...{ cluster_name: 'skald', status: 'green', timed_out: false },
  ...{ number_of_nodes: 1, number_of_data_nodes: 1 },
  ...{ active_primary_shards: 1, active_shards: 1, relocating_shards: 0 },
  ...{ initializing_shards: 0, unassigned_shards: 0, delayed_unassigned_shards: 0 },
  ...{ number_of_pending_tasks: 0, number_of_in_flight_fetch: 0 },
  ...{ task_max_waiting_in_queue_millis: 0, active_shards_percent_as_number: 100 },
} as const

/** Path → what GET answers. HEAD has the same status. */
const greetings: Readonly<Record<string, object>> = {
  '/_license': { license },
  '/_xpack': { build: {}, license, features: {}, tagline: 'You know, for X' },
  '/_cluster/health': health,
  '/_cat/health': [{ cluster: 'skald', status: 'green' }],
}

/** Things that clients set up. All are there, and all that is put there is taken. */
const setUpPaths = [
  ...['/_index_template/:name', '/_template/:name', '/_component_template/:name'],
  ...['/_ilm/policy/:name', '/_ingest/pipeline/:name', '/_data_stream/:name', '/_alias/:name'],
]

/** Adds the answers, at the root and below /elasticsearch. */
export function addGreetingRoutes(
  app: FastifyInstance,
  { budget, pool }: Pick<ReceiverParts, 'budget' | 'pool'>,
): void {
  app.register((greetings, _options, done) => {
    // Bodies are not used, but they come in like those of pushes.
    greetings.addHook('onRequest', async request => {
      request.pushShare = budget.enter({ tenant: '', address: request.ip })
    })
    const release = async (request: FastifyRequest) => {
      releaseBody(request, pool)
      request.pushShare?.release()
    }
    greetings.addHook('onResponse', release)
    greetings.addHook('onRequestAbort', async request => request.pushShare?.release())
    greetings.setErrorHandler((error: RequestError, request, reply) =>
      answerError(error, request, reply, sendElasticError),
    )
    addAnswers(greetings)
    done()
  })
}

function addAnswers(app: FastifyInstance): void {
  for (const prefix of elasticPrefixes) {
    for (const [path, answer] of Object.entries(greetings)) {
      app.get(prefix + path, (_request, reply) => sendElastic(reply, answer))
    }
    for (const path of setUpPaths) {
      const methods: HTTPMethods[] = ['GET', 'PUT', 'POST', 'DELETE']
      app.route({ method: methods, url: prefix + path, handler: answerSetUp })
    }
  }
  for (const url of ['/elasticsearch', '/elasticsearch/']) {
    app.get(url, (_request, reply) => sendElastic(reply, root))
  }
  app.route({ method: ['GET', 'PUT'], url: '/elasticsearch/:index', handler: answerSetUp })
}

function answerSetUp(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const isRead = request.method === 'GET' || request.method === 'HEAD'
  return sendElastic(reply, isRead ? {} : { acknowledged: true })
}

/**
 * Makes the route `/` that is added next answer Elasticsearch's clients too. Browsers and all others get the page.
 *
 * @param app Scope in which the route will be added.
 */
export function greetAtRoot(app: FastifyInstance): void {
  const url = `${app.prefix}/`
  app.addHook('onRoute', route => {
    if (route.url !== url) return
    const greet = async (request: FastifyRequest, reply: FastifyReply) => {
      if (isElasticClient(request)) await sendElastic(reply, root)
    }
    route.onRequest = [route.onRequest ?? [], greet].flat()
  })
}

const elasticAgents = /elastic|logstash|beat|fluentd|fluent-bit/i

function isElasticClient({ headers }: FastifyRequest): boolean {
  const accept = headers.accept ?? ''
  if (accept.includes('text/html')) return false
  return (
    accept.includes('json') ||
    headers['x-elastic-product-origin'] !== undefined ||
    headers['x-elastic-client-meta'] !== undefined ||
    elasticAgents.test(headers['user-agent'] ?? '')
  )
}
