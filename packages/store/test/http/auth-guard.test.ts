import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { LightMyRequestResponse } from 'fastify'
import { test } from 'tap'
import { rowOf } from '../../src/http/route-needs.ts'
import { failedTriesBurst } from '../../src/limits.ts'
import { startIssuer } from '../auth/issuer.ts'
import { startTestStore, type TestStore } from '../harness.ts'

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
const token = (name: string, roles: string, tenants = '[a]') =>
  `{name: ${name}, sha256: ${sha256(`${name}-secret`)}, roles: [${roles}], tenants: ${tenants}}`
const all = 'push, read, rules, delete, admin'
const yaml = (more = '') => `auth_enabled: true
compactor: {retention_enabled: true}
auth:
  tokens: [${token('root', all, "['*']")}, ${token('writer', 'push')}]
${more}`
const as = (name: string) => ({ authorization: `Bearer ${name}-secret` })

function get(store: TestStore, url: string, headers: Record<string, string> = {}) {
  return store.app.inject({ url, headers })
}

function signIn(store: TestStore, form: object | string, headers: Record<string, string> = {}) {
  const payload = typeof form === 'string' ? form : JSON.stringify(form)
  const json = { 'content-type': 'application/json' }
  return store.app.inject({
    method: 'POST',
    url: '/skald/sign-in',
    headers: { ...json, ...headers },
    payload,
  })
}

const cookieOf = ({ headers }: LightMyRequestResponse) =>
  String(headers['set-cookie']).split(';')[0]!

test('every route has its row in the table of needs', async t => {
  const store = await startTestStore(t, { yaml: `${yaml()}ruler: {evaluation_interval: 1h}\n` })
  const stack: string[] = []
  const routes: [string, string][] = []
  for (const line of store.app.printRoutes({ commonPrefix: false }).split('\n')) {
    const [, bars = '', part, methods] = /^([│ ]*)[├└]── (.*?) \((.*)\)$/.exec(line) ?? []
    if (part === undefined) continue
    stack.splice(bars.length / 4)
    stack.push(part)
    for (const method of methods!.split(', ')) routes.push([method, stack.join('')])
  }
  t.ok(routes.length > 100)
  const missing = routes.filter(([method, path]) => !rowOf(method, path))
  t.same(missing, [], 'add a row to packages/store/src/http/route-needs.ts')
})

test('a wrong token is slowed after a few tries, a right one from the same address is not', async t => {
  const store = await startTestStore(t, { yaml: yaml('  public_metrics: true\n') })
  for (let i = 0; i < failedTriesBurst; i++) {
    const answer = await get(store, '/config', { authorization: 'Bearer guess' })
    t.equal(answer.statusCode, 401)
    t.match(answer.headers['www-authenticate'], [/^Basic realm=/, /^Bearer realm=/])
    t.equal(answer.body, 'the token is unknown\n')
  }
  const slowed = await get(store, '/config', { authorization: 'Bearer guess' })
  t.equal(slowed.statusCode, 429)
  t.match(slowed.headers['retry-after'], /^[1-9]$/)
  t.equal((await get(store, '/config', as('root'))).statusCode, 200)
  const metrics = (await get(store, '/metrics')).body
  t.match(metrics, `skald_auth_failures_total{reason="token"} ${failedTriesBurst}`)
  t.match(metrics, /skald_auth_failures_total\{reason="slowed"\} 1/)
  t.match(metrics, /skald_auth_config_usable 1/)
})

test('the page gets no challenge that would open a window of the browser', async t => {
  const store = await startTestStore(t, { yaml: yaml() })
  const answer = await get(store, '/loki/api/v1/labels', { 'x-skald-page': '1' })
  t.equal(answer.statusCode, 401)
  t.same(answer.headers['www-authenticate'], ['Bearer realm="Skald"'])
})

test('a session stands for the token it began with, on its own page only', async t => {
  const store = await startTestStore(t, { yaml: yaml() })
  const begun = await signIn(store, { token: 'root-secret' })
  t.equal(begun.statusCode, 200)
  t.match(begun.json(), { data: { name: 'root', tenants: [], hasEveryTenant: true } })
  t.match(
    begun.headers['set-cookie'],
    /^skald_session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/,
  )
  const secure = await signIn(store, { token: 'root-secret' }, { 'x-forwarded-proto': 'https' })
  t.match(secure.headers['set-cookie'], /; Secure$/)
  const cookie = cookieOf(begun)
  const tenant = { 'x-scope-orgid': 'a', host: 'logs:3100', cookie }
  const asking = (headers: Record<string, string>) =>
    get(store, '/loki/api/v1/labels', { ...tenant, ...headers })
  t.equal((await asking({})).statusCode, 200)
  t.equal((await asking({ 'sec-fetch-site': 'same-origin' })).statusCode, 200)
  t.equal((await asking({ 'sec-fetch-site': 'same-site' })).statusCode, 403)
  t.equal((await asking({ 'sec-fetch-site': 'cross-site' })).statusCode, 403)
  t.equal((await asking({ origin: 'http://logs:8080' })).statusCode, 403)
  const posting = (headers: Record<string, string>) =>
    store.app.inject({ method: 'POST', url: '/flush', headers: { ...tenant, ...headers } })
  t.equal((await posting({})).statusCode, 403, 'a change needs a sign of its page')
  t.equal((await posting({ origin: 'http://logs:8080' })).statusCode, 403)
  t.equal((await posting({ origin: 'null' })).statusCode, 403)
  t.equal((await posting({ 'sec-fetch-site': 'none' })).statusCode, 403)
  t.equal((await posting({ origin: 'http://logs:3100' })).statusCode, 204)
  t.equal((await posting({ 'sec-fetch-site': 'same-origin' })).statusCode, 204)
  const both = await get(store, '/config', { cookie, ...as('writer') })
  t.equal(both.statusCode, 403, 'a header counts more than a cookie')
  const out = await store.app.inject({
    method: 'POST',
    url: '/skald/sign-out',
    headers: { cookie },
  })
  t.equal(out.statusCode, 204)
  t.match(out.headers['set-cookie'], /^skald_session=; .*Max-Age=0$/)
  t.equal((await asking({})).statusCode, 401)
})

test('a password that the browser knows is of no use to pages of other servers', async t => {
  const store = await startTestStore(t, { yaml: yaml() })
  const ask = async (
    method: 'GET' | 'POST' | 'DELETE',
    url: string,
    headers: Record<string, string>,
  ) => {
    const authorization = `Basic ${Buffer.from('root:root-secret').toString('base64')}`
    const known = { authorization, 'x-scope-orgid': 'a', host: 'logs:3100' }
    const answer = await store.app.inject({ method, url, headers: { ...known, ...headers } })
    return answer.statusCode
  }
  const elsewhere = [
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { origin: 'http://evil.example' },
    { origin: 'null' },
  ]
  for (const headers of elsewhere) {
    t.equal(await ask('POST', '/flush', headers), 403)
    t.equal(await ask('GET', '/flush', headers), 403)
    t.equal(await ask('DELETE', '/loki/api/v1/delete?request_id=x', headers), 403)
    const upgrade = { ...headers, upgrade: 'websocket', connection: 'upgrade' }
    t.equal(await ask('GET', '/loki/api/v1/tail?query={a="b"}', upgrade), 403)
    t.equal(await ask('GET', '/config', headers), 200, 'people follow links')
  }
  for (const headers of [{}, { 'sec-fetch-site': 'same-origin' }, { origin: 'http://logs:3100' }]) {
    t.equal(await ask('POST', '/flush', headers), 204)
  }
})

test('signing in needs a form that can be read, the right secret, and a page of this store', async t => {
  const store = await startTestStore(t, { yaml: yaml() })
  for (const form of ['', '{', '7', '{}', '{"user":"a"}', '{"token":7}', '[]']) {
    t.equal((await signIn(store, form)).statusCode, 400, form)
  }
  t.equal((await signIn(store, { token: 'x'.repeat(70_000) })).statusCode, 413)
  t.equal((await signIn(store, { token: 'guess' })).statusCode, 401)
  t.equal((await signIn(store, { user: 'root', password: 'guess' })).statusCode, 401)
  t.equal((await signIn(store, { user: 'root', password: 'root-secret' })).statusCode, 200)
  const elsewhere = { origin: 'http://evil.example', host: 'logs:3100' }
  t.equal((await signIn(store, { token: 'root-secret' }, elsewhere)).statusCode, 403)
})

test('the audit says who deleted, who changed rules, and who failed, in the log and in a stream', async t => {
  const store = await startTestStore(t, {
    yaml: `${yaml('  audit_tenant: audit\n')}ruler: {evaluation_interval: 1h}\n`,
  })
  const tenant = { ...as('root'), 'x-scope-orgid': 'a' }
  const query = encodeURIComponent('{app="x"}')
  const url = `/loki/api/v1/delete?query=${query}&start=1700000000`
  await store.app.inject({ method: 'POST', url, headers: tenant })
  const rule = 'name: g\nrules: [{alert: High, expr: vector(1) > 2}]\n'
  const rules = '/loki/api/v1/rules/shop'
  await store.app.inject({ method: 'POST', url: rules, headers: tenant, payload: rule })
  await store.app.inject({ method: 'DELETE', url: `${rules}/g`, headers: tenant })
  await get(store, '/flush', as('root'))
  await get(store, '/config?token=secret', { authorization: 'Bearer wrong-secret' })
  await get(store, '/loki/api/v1/labels', tenant)
  const expected = [
    { event: 'delete', name: 'root', tenant: 'a', status: 204, params: { query: '{app="x"}' } },
    { event: 'rules', name: 'root', method: 'POST', path: rules, status: 202 },
    { event: 'rules', name: 'root', method: 'DELETE', path: `${rules}/g`, status: 202 },
    { event: 'admin', name: 'root', path: '/flush', status: 204 },
    { event: 'sign_in_failed', reason: 'token', path: '/config', address: '127.0.0.1' },
  ]
  const logged = store.messages().filter(message => message.startsWith('{"time"'))
  t.match(
    logged.map(line => JSON.parse(line)),
    expected,
  )
  t.equal(logged.length, expected.length, 'reads are not in it')
  t.notMatch(logged.join(''), /secret/)
  await t.resolveMatch(audited(store), expected)
})

/** Waits for the stream, which is written behind the answers. */
async function audited(store: TestStore): Promise<object[]> {
  const headers = { ...as('root'), 'x-scope-orgid': 'audit' }
  const query = encodeURIComponent('{job="skald/audit"}')
  for (let i = 0; ; i++) {
    const url = `/loki/api/v1/query_range?query=${query}&direction=forward&limit=100`
    const answer = await get(store, url, headers)
    const { data } = answer.json<{ data: { result: { values: [string, string][] }[] } }>()
    const lines = data.result.flatMap(({ values }) => values.map(([, line]) => JSON.parse(line)))
    if (lines.length >= 5 || i > 200) return lines
    await sleep(20)
  }
}

test('a token of an issuer comes in with the roles and tenants of its claims', async t => {
  const issuer = await startIssuer(t)
  const store = await startTestStore(t, {
    yaml: `auth_enabled: true
auth:
  oidc: {issuer: "${issuer.url}", audience: skald, tenants_claim: tenants, roles_claim: groups,
    role_mapping: {log-readers: [read]}}`,
  })
  const asking = async (
    claims: object,
    headers: Record<string, string> = {},
    url = '/loki/api/v1/labels',
  ) => {
    const authorization = `Bearer ${await issuer.sign({ groups: ['log-readers'], ...claims })}`
    return (await get(store, url, { authorization, ...headers })).statusCode
  }
  t.equal(await asking({ tenants: ['a'] }), 200)
  t.equal(await asking({ tenants: ['a'] }, { 'x-scope-orgid': 'b' }), 403)
  t.equal(await asking({ tenants: ['*'] }, { 'x-scope-orgid': 'b' }), 403)
  t.equal(await asking({ tenants: ['a'] }, {}, '/config'), 403)
  t.equal(await asking({ tenants: ['a'], groups: [] }), 403)
  t.equal(await asking({ tenants: ['a'], aud: 'other' }), 401)
  const signedIn = await signIn(store, {
    token: await issuer.sign({ tenants: 'a b', groups: 'log-readers' }),
  })
  t.match(signedIn.json(), { data: { name: 'ann', roles: ['read'], tenants: ['a', 'b'] } })
})

test('nothing secret is in the configuration, the metrics or the log', async t => {
  const store = await startTestStore(t, { yaml: yaml() })
  await signIn(store, { token: 'root-secret' })
  await get(store, '/config', { authorization: 'Bearer wrong-secret' })
  // Older senders for Datadog have their key in the path.
  for (const path of ['/v1/input/root-secret', '/v1/inpu%74/root-secret?a=root-secret']) {
    const headers = { 'dd-api-key': 'wrong-secret' }
    const answer = await store.app.inject({ method: 'POST', url: path, headers })
    t.equal(answer.statusCode, 401)
  }
  const texts = [
    (await get(store, '/config', as('root'))).body,
    (await get(store, '/metrics', as('root'))).body,
    ...store.messages(),
  ].join('\n')
  t.match(texts, /name: writer/)
  t.notMatch(texts, /(root|writer|wrong)-secret/)
  t.notMatch(texts, sha256('root-secret'))
})

test('a body that lasts longer than its token stores nothing any more', async t => {
  const secret = 'short-secret'
  const expires = new Date(Date.now() + 5_000).toISOString()
  const short = `{name: short, sha256: ${sha256(secret)}, roles: [push], tenants: [a], expires: ${expires}}`
  const store = await startTestStore(t, {
    yaml: `auth_enabled: true\nauth: {tokens: [${token('root', all, "['*']")}, ${short}]}`,
  })
  const { hostname, port } = new URL(store.url)
  const bodies = [
    [
      '/insert/jsonline',
      'application/x-ndjson',
      (text: string) => `{"_msg":"${text}","job":"lasting"}\n`,
    ],
    ['/upload', 'application/vnd.fdo.journal', (text: string) => `MESSAGE=${text}\n\n`],
  ] as const
  const lines = async () => {
    const query = encodeURIComponent('{job=~"lasting|systemd-journal"}')
    const headers = { ...as('root'), 'x-scope-orgid': 'a' }
    const answer = await get(store, `/loki/api/v1/query_range?query=${query}`, headers)
    const { data } = answer.json<{ data: { result: { values: [string, string][] }[] } }>()
    return data.result.flatMap(({ values }) => values.map(([, line]) => line))
  }
  const sendings = bodies.map(([path, type, line]) => {
    const headers = { authorization: `Bearer ${secret}`, 'content-type': type }
    const sending = request({ hostname, port, path, method: 'POST', headers })
    sending.write(line('before'))
    return { sending, line, answered: once(sending, 'response') }
  })
  for (let i = 0; i < 200 && (await lines()).length < 2; i++) await sleep(20)
  while (Date.parse(expires) > Date.now()) await sleep(20)
  for (const { sending, line, answered } of sendings) {
    sending.end(line('after'))
    const [response] = await answered
    t.equal(response.statusCode, 401)
    response.resume()
  }
  t.same(await lines(), ['before', 'before'])
})
