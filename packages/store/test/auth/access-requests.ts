// The requests and the identities of the table in docs/security.md.

import type { IncomingHttpHeaders } from 'node:http'
import { sha256Of } from '../../src/auth/credentials.ts'

/** A row of the table. */
export interface AccessRequest {
  /** Method and path, exactly as they are sent. */
  readonly line: string
  readonly headers?: IncomingHttpHeaders
  readonly body?: string
  /** What the page shows besides the line. */
  readonly note?: string
  /** Whether the store with a path prefix is asked. */
  readonly isPrefixed?: boolean
}

/** A column of the table. */
export interface AccessIdentity {
  readonly name: string
  readonly authorization: string | undefined
  /** Whether each request counts as a failed try. */
  readonly fails?: true
}

const tokens = {
  'push a': { roles: ['push'], tenants: ['a'] },
  'read a': { roles: ['read'], tenants: ['a'] },
  'read b': { roles: ['read'], tenants: ['b'] },
  'read a b': { roles: ['read'], tenants: ['a', 'b'] },
  'rules a': { roles: ['rules'], tenants: ['a'] },
  'delete a': { roles: ['delete'], tenants: ['a'] },
  'admin *': { roles: ['admin'], tenants: ['*'] },
  'all *': { roles: ['push', 'read', 'rules', 'delete', 'admin'], tenants: ['*'] },
  expired: { roles: ['admin'], tenants: ['*'], expires: '2020-01-01T00:00:00Z' },
} as const

/** The block `auth` that knows the identities. */
export function authBlock(htpasswd: string): string {
  const entries = Object.entries(tokens).map(([name, rest]) =>
    JSON.stringify({ name, sha256: sha256Of(`token of ${name}`), ...rest }),
  )
  return `auth:
  htpasswd_file: ${JSON.stringify(htpasswd)}
  users: [{name: ann, roles: [read], tenants: [a]}]
  tokens: [${entries.join(', ')}]
`
}

const basic = (pair: string) => `Basic ${Buffer.from(pair).toString('base64')}`
const bearer = (name: keyof typeof tokens): AccessIdentity => ({
  name,
  authorization: `Bearer token of ${name}`,
})

/** Ann's password is in the htpasswd file of the test. */
export const identities: readonly AccessIdentity[] = [
  { name: 'nobody', authorization: undefined },
  ...(['push a', 'read a', 'read b', 'read a b', 'rules a'] as const).map(bearer),
  ...(['delete a', 'admin *', 'all *'] as const).map(bearer),
  { name: 'ann, read a', authorization: basic('ann:correct horse') },
  { name: 'wrong password', authorization: basic('ann:wrong'), fails: true },
  { name: 'unknown token', authorization: 'Bearer unknown', fails: true },
  { ...bearer('expired'), fails: true },
  { name: 'malformed', authorization: 'Basic %%%', fails: true },
]

const tenant = (name: string) => ({ 'x-scope-orgid': name })
const json = { 'content-type': 'application/json' }
const form = { 'content-type': 'application/x-www-form-urlencoded' }
const upgrade = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
}
const labels = 'GET /loki/api/v1/labels'
const tail = 'GET /loki/api/v1/tail?query=%7Bapp%3D%22x%22%7D'
const pushed = JSON.stringify({
  streams: [{ stream: { app: 'x' }, values: [[`${Date.now()}000000`, 'hello']] }],
})
const otlp = JSON.stringify({
  resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: { stringValue: 'hello' } }] }] }],
})
const rule = 'name: g\nrules:\n  - alert: High\n    expr: vector(1) > 2\n'
const admins = ['/config', '/metrics', '/services', '/log_level'].map(path => ({
  line: `GET ${path}`,
}))

export const requests: readonly AccessRequest[] = [
  { line: 'GET /ready' },
  { line: 'GET /' },
  { line: 'GET /assets/nothing.js' },
  { line: labels, note: 'no tenant' },
  ...['a', 'b', 'a|b', 'b|a|b', 'a|A', 'a|', '|a', 'A', '*', 'a|*', 'a, b', '../a'].map(name => ({
    line: labels,
    headers: tenant(name),
    note: `tenant \`${name.replaceAll('|', '\\|')}\``,
  })),
  { line: 'HEAD /loki/api/v1/labels' },
  { line: 'OPTIONS /loki/api/v1/labels' },
  { line: 'PATCH /loki/api/v1/labels' },
  { line: 'PROPFIND /loki/api/v1/labels' },
  {
    line: 'POST /loki/api/v1/query_range',
    headers: { ...form, ...tenant('a') },
    body: 'query=%7Bapp%3D%22x%22%7D',
    note: 'tenant `a`',
  },
  ...[
    'GET /loki/api/v1/query_range?query=%7Bapp%3D%22x%22%7D',
    'GET /loki/api/v1/index/volume?query=%7B__tenant_id__%3D%22a%22%7D',
    'GET /loki/api/v1/label/__tenant_id__/values',
    'GET /skald/export?query=%7B__tenant_id__%3D%22b%22%7D',
    'GET /skald/status',
    'GET /loki/api/v1/rules',
    'GET /loki/api/v1/delete',
  ].map(line => ({ line, headers: tenant('a|b'), note: 'tenant `a\\|b`' })),
  { line: 'GET /api/prom/label', headers: tenant('a'), note: 'tenant `a`' },
  ...['a', 'b', 'a|b'].map(name => ({
    line: 'POST /loki/api/v1/push',
    headers: { ...json, ...tenant(name) },
    body: pushed,
    note: `tenant \`${name.replaceAll('|', '\\|')}\``,
  })),
  {
    line: 'POST /api/prom/push',
    headers: { ...json, ...tenant('b') },
    body: '{}',
    note: 'tenant `b`',
  },
  {
    line: 'POST /otlp/v1/logs',
    headers: { ...json, ...tenant('a') },
    body: otlp,
    note: 'tenant `a`',
  },
  { line: 'GET /loki/api/v1/push' },
  { line: tail, headers: { ...upgrade, ...tenant('a') }, note: 'websocket, tenant `a`' },
  { line: tail, headers: { ...upgrade, ...tenant('b') }, note: 'websocket, tenant `b`' },
  { line: tail, headers: { ...upgrade, ...tenant('a|b') }, note: 'websocket, tenant `a\\|b`' },
  {
    line: tail,
    headers: { ...upgrade, 'sec-websocket-protocol': 'skald-tenant.a%7Cb' },
    note: 'websocket, tenant `a\\|b` by protocol',
  },
  {
    line: tail,
    headers: { ...upgrade, 'sec-websocket-protocol': 'skald-tenant.b' },
    note: 'websocket, tenant `b` by protocol',
  },
  { line: tail, headers: tenant('a'), note: 'no websocket' },
  { line: 'GET /loki/api/v1/rules', headers: tenant('a'), note: 'tenant `a`' },
  { line: 'GET /prometheus/api/v1/rules', headers: tenant('b'), note: 'tenant `b`' },
  { line: 'POST /loki/api/v1/rules/ns', headers: tenant('a'), body: rule, note: 'tenant `a`' },
  { line: 'POST /api/prom/rules/ns', headers: tenant('b'), body: rule, note: 'tenant `b`' },
  { line: 'DELETE /loki/api/v1/rules/none', headers: tenant('a'), note: 'tenant `a`' },
  {
    line: 'POST /loki/api/v1/delete?query=%7Bapp%3D%22none%22%7D&start=1700000000',
    headers: tenant('a'),
    note: 'tenant `a`',
  },
  { line: 'GET /loki/api/v1/delete', headers: tenant('b'), note: 'tenant `b`' },
  {
    line: 'DELETE /loki/api/v1/delete?request_id=none',
    headers: tenant('a'),
    note: 'tenant `a`',
  },
  ...admins,
  { line: 'POST /flush' },
  { line: 'GET /flush' },
  { line: 'POST /log_level?log_level=debug' },
  { line: 'GET /skald/status', headers: tenant('a'), note: 'tenant `a`' },
  { line: 'GET /skald/labels', headers: tenant('a'), note: 'tenant `a`' },
  { line: 'GET /skald/identity' },
  { line: 'GET /loki/api/v1/status/buildinfo' },
  { line: 'GET /nothing' },
  { line: 'GET //config' },
  { line: 'GET /%63onfig' },
  { line: 'GET /config/' },
  { line: 'GET /CONFIG' },
  { line: 'GET /ready/../config' },
  { line: 'GET /ready%2f..%2fconfig' },
  { line: 'GET /config;/ready' },
  { line: 'GET /config?/ready' },
  { line: 'GET http://127.0.0.1/config' },
  {
    line: 'GET /config',
    headers: { 'x-original-url': '/ready', 'x-rewrite-url': '/ready', 'x-forwarded-user': 'ann' },
    note: '`X-Original-URL: /ready`',
  },
  {
    line: 'POST /ready',
    headers: { 'x-http-method-override': 'GET', ...json },
    note: '`X-HTTP-Method-Override: GET`',
  },
  { line: 'GET /config', headers: { cookie: 'skald_session=guessed' }, note: 'a cookie' },
  { line: 'GET /skald/ready', isPrefixed: true, note: 'prefix `/skald`' },
  { line: 'GET /skald/config', isPrefixed: true, note: 'prefix `/skald`' },
  { line: 'GET /skald//config', isPrefixed: true, note: 'prefix `/skald`' },
  { line: 'GET /config', isPrefixed: true, note: 'prefix `/skald`' },
  {
    line: 'GET /skald/loki/api/v1/labels',
    isPrefixed: true,
    headers: tenant('b'),
    note: 'prefix `/skald`, tenant `b`',
  },
]
