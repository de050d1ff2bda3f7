// The table of all routes: what a client needs to call each. A new route gets a row here; without one it needs the role
// admin. docs/security.md says the same, made by a test.

import type { Role } from '../auth/auth-config.ts'

/**
 * What a route needs: `open` nothing, `known` a client that has shown who it is, otherwise one of these roles.
 */
export type RouteNeed = 'open' | 'known' | readonly [Role, ...Role[]]

const readRules: RouteNeed = ['read', 'rules']

/** Needs by path, without the prefix of all routes. A method before the path makes an exception for it. */
const needs: Readonly<Record<string, RouteNeed>> = {
  '/ready': 'open',
  '/agent/ready': 'open',
  // The page, which shows nothing before it has asked the store.
  '': 'open',
  '/': 'open',
  '/assets/:name': 'open',
  '/skald/sign-in': 'open',
  '/skald/sign-out': 'open',

  '/loki/api/v1/status/buildinfo': 'known',
  '/skald/identity': 'known',

  '/loki/api/v1/push': ['push'],
  '/api/prom/push': ['push'],
  '/otlp/v1/logs': ['push'],
  ...elasticsearchNeeds(''),
  ...elasticsearchNeeds('/elasticsearch'),
  '/elasticsearch': ['push'],
  '/elasticsearch/': ['push'],
  '/insert/jsonline': ['push'],
  '/upload': ['push'],
  '/api/v2/logs': ['push'],
  '/v1/input': ['push'],
  '/v1/input/:key': ['push'],
  ...splunkNeeds('/services/collector'),

  '/loki/api/v1/query': ['read'],
  '/loki/api/v1/query_range': ['read'],
  '/loki/api/v1/format_query': ['read'],
  '/api/prom/query': ['read'],
  '/loki/api/v1/label': ['read'],
  '/loki/api/v1/labels': ['read'],
  '/loki/api/v1/label/:name/values': ['read'],
  '/api/prom/label': ['read'],
  '/api/prom/label/:name/values': ['read'],
  '/loki/api/v1/series': ['read'],
  '/api/prom/series': ['read'],
  '/loki/api/v1/tail': ['read'],
  '/api/prom/tail': ['read'],
  '/loki/api/v1/index/stats': ['read'],
  '/loki/api/v1/index/volume': ['read'],
  '/loki/api/v1/index/volume_range': ['read'],
  '/loki/api/v1/patterns': ['read'],
  '/loki/api/v1/detected_labels': ['read'],
  '/loki/api/v1/detected_fields': ['read'],
  '/loki/api/v1/detected_field/:name/values': ['read'],
  '/loki/api/v1/drilldown-limits': ['read'],
  '/skald/export': ['read'],
  '/skald/labels': ['read'],
  '/skald/status': ['read'],

  '/prometheus/api/v1/rules': readRules,
  '/prometheus/api/v1/alerts': readRules,
  ...ruleNeeds('/loki/api/v1/rules'),
  ...ruleNeeds('/api/prom/rules'),

  '/loki/api/v1/delete': ['delete'],

  '/config': ['admin'],
  '/flush': ['admin'],
  '/log_level': ['admin'],
  '/metrics': ['admin'],
  '/services': ['admin'],
}

function elasticsearchNeeds(base: string): Record<string, RouteNeed> {
  const documents = ['/_bulk', '/:index', '/:index/_bulk', '/:index/_create/:id', '/:index/_doc']
  const more = ['/:index/_doc/:id', '/:index/_doc/_bulk']
  // What clients ask before they send documents.
  const greetings = [
    ...['/_alias/:name', '/_cat/health', '/_cluster/health', '/_component_template/:name'],
    ...['/_data_stream/:name', '/_ilm/policy/:name', '/_index_template/:name'],
    ...['/_ingest/pipeline/:name', '/_license', '/_template/:name', '/_xpack'],
  ]
  const paths = [...documents, ...more, ...greetings]
  return Object.fromEntries(paths.map(path => [`${base}${path}`, ['push']]))
}

function splunkNeeds(base: string): Record<string, RouteNeed> {
  const paths = ['', '/event', '/raw', '/ack'].flatMap(path => [path, `${path}/1.0`])
  return {
    ...Object.fromEntries(paths.map(path => [`${base}${path}`, ['push']])),
    // Load balancers ask these without a token, as in Splunk.
    [`${base}/health`]: 'open',
    [`${base}/health/1.0`]: 'open',
  }
}

function ruleNeeds(base: string): Record<string, RouteNeed> {
  const paths = [base, `${base}/:namespace`, `${base}/:namespace/:group`]
  return Object.fromEntries(
    paths.flatMap(path => [
      [path, ['rules']],
      [`GET ${path}`, readRules],
    ]),
  )
}

/** Returns the row of a route; `undefined` if it has none. */
export function rowOf(method: string, path: string): RouteNeed | undefined {
  const named = `${method === 'HEAD' ? 'GET' : method} ${path}`
  const key = Object.hasOwn(needs, named) ? named : path
  return Object.hasOwn(needs, key) ? needs[key] : undefined
}

/** Returns what a route needs: the role admin if the table does not have it. */
export function needOf(method: string, path: string): RouteNeed {
  return rowOf(method, path) ?? ['admin']
}
