// A store that asks who comes: the agent, curl, libraries of clients and the commands come in as docs/security.md shows
// it, and changed files count without a restart.

import '../test/keep-directories.ts'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-proto'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs'
import { pino } from 'pino'
import { pinoLoki } from 'pino-loki'
import { t as root, test } from 'tap'
import { WebSocket } from 'ws'
import { startStore, type TestStore } from './harness.ts'
import { cleanEnv, reservePort, skaldCommand, spawnSkald } from './skald-process.ts'

root.setTimeout(120_000)
const run = promisify(execFile)
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
// `htpasswd -nbB -C 4 ann 'correct horse'`
const ann = 'ann:$2b$04$zBFN5FIGMkFcJlJAYHdcwumgCi8NkE5BwDPuHrgLJfVbD2PA3wU8m'
const all = 'push, read, rules, delete, admin'

async function until(isTrue: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let i = 0; !(await isTrue()); i++) {
    if (i > 600) throw new Error(`not yet: ${what}`)
    await sleep(50)
  }
}

let store: TestStore
let dir: string
const bearer = (token: string) => ({ Authorization: `Bearer ${token}` })

/** Runs a command of Skald as a user does. */
async function skald(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return run(skaldCommand, [...args], { env: { ...cleanEnv(), SKALD_URL: store.url, ...env } })
}

const linesOf = async (job: string) =>
  (await skald(['query', '--output', 'raw', `{job="${job}"}`], { SKALD_TOKEN: 'root' })).stdout

test('a store with users and tokens', async t => {
  dir = root.testdir()
  writeFileSync(join(dir, 'htpasswd'), `${ann}\n`)
  store = await startStore(root, {
    ...{ dir, tenants: true },
    config: `auth:
  htpasswd_file: ${JSON.stringify(join(dir, 'htpasswd'))}
  users: [{name: ann, roles: [push, read], tenants: [shop]}]
  tokens:
    - {name: agent, sha256: ${sha256('agent')}, roles: [push], tenants: [shop]}
    - {name: root, sha256: ${sha256('root')}, roles: [${all}], tenants: [shop]}
`,
  })
  t.equal((await store.request('/config')).status, 401)
})

test('agents push with a password, a token, and a token in a file', async t => {
  const token = join(dir, 'token')
  writeFileSync(token, 'agent\n')
  const logins = {
    basic: 'basic_auth: {username: ann, password: "correct horse"}',
    token: 'bearer_token: agent',
    file: `bearer_token_file: ${JSON.stringify(token)}`,
  }
  const config = join(dir, 'agent.yaml')
  writeFileSync(
    config,
    `server: {http_listen_address: 127.0.0.1, http_listen_port: ${await reservePort()}}
positions: {filename: ${JSON.stringify(join(dir, 'positions.yaml'))}}
clients:
${Object.entries(logins)
  .map(
    ([name, login]) =>
      `  - {url: "${store.url}/loki/api/v1/push", batchwait: 100ms, external_labels: {client: ${name}}, ${login}}\n`,
  )
  .join('')}scrape_configs:
  - job_name: app
    static_configs: [{labels: {job: agent, __path__: ${JSON.stringify(join(dir, 'app.log'))}}}]
`,
  )
  appendFileSync(join(dir, 'app.log'), 'from the agent\n')
  const agent = spawnSkald({
    args: ['agent', `-config.file=${config}`],
    outputFile: join(dir, 'agent.log'),
  })
  t.teardown(() => agent.end('SIGTERM'))
  await until(async () => (await linesOf('agent')).split('\n').length > 3, 'three lines')
  t.equal(await linesOf('agent'), 'from the agent\n'.repeat(3))
  await agent.end('SIGTERM')
})

test('curl, pino-loki and OpenTelemetry show who they are', async t => {
  const body = (line: string) =>
    JSON.stringify({
      streams: [{ stream: { job: 'curl' }, values: [[`${Date.now()}000000`, line]] }],
    })
  const push = ['-fsS', '-H', 'Content-Type: application/json', `${store.url}/loki/api/v1/push`]
  await run('curl', [...push, '-u', 'ann:correct horse', '-d', body('basic')])
  await run('curl', [...push, '-H', 'Authorization: Bearer agent', '-d', body('bearer')])
  await run('curl', [...push, '-u', 'agent:agent', '-d', body('a token as password')])
  await t.rejects(run('curl', [...push, '-u', 'ann:wrong', '-d', body('wrong')]), /401/)
  t.same((await linesOf('curl')).trim().split('\n').sort(), [
    'a token as password',
    'basic',
    'bearer',
  ])

  const transport = pinoLoki({
    host: store.url,
    basicAuth: { username: 'ann', password: 'correct horse' },
    labels: { job: 'pino' },
    batching: { interval: 1 },
  })
  pino(transport).info('from pino')
  transport.end()
  await once(transport, 'close')
  t.match(await linesOf('pino'), /from pino/)

  const exporter = new OTLPLogExporter({
    url: `${store.url}/otlp/v1/logs`,
    headers: bearer('agent'),
  })
  const provider = new LoggerProvider({
    resource: resourceFromAttributes({ 'service.name': 'otel' }),
    processors: [new BatchLogRecordProcessor({ exporter })],
  })
  provider.getLogger('x').emit({ body: 'from OpenTelemetry' })
  await provider.shutdown()
  const asked = await skald([
    'query',
    '--token',
    'root',
    '--output',
    'raw',
    '{service_name="otel"}',
  ])
  t.equal(asked.stdout, 'from OpenTelemetry\n')
})

test('commands and live tails show who they are', async t => {
  const query = ['query', '{job="curl"}']
  await t.rejects(skald(query), /answered 401: sign in first/)
  t.match((await skald([...query, '--user', 'ann:correct horse'])).stdout, /bearer/)
  const env = { SKALD_USER: 'ann', SKALD_PASSWORD: 'correct horse' }
  t.match((await skald(query, env)).stdout, /bearer/)
  t.match((await skald(['labels'], env)).stdout, /job/)
  const url = store.url.replace('//', '//ann:correct%20horse@')
  t.match((await skald(query, { SKALD_URL: url })).stdout, /bearer/)
  await t.rejects(skald([...query, '--token', 'agent']), /answered 403: agent needs the role read/)
  await t.rejects(
    skald([...query, '--token', 'x', '--user', 'y:z']),
    /a user and a token are given/,
  )
  await t.rejects(skald([...query, '--user', 'ann']), /the password of ann is missing/)
  await t.rejects(skald([...query, '--token', 'root', '--tenant', 'other']), /answered 403/)

  const tail = `${store.url.replace('http', 'ws')}/loki/api/v1/tail?query={job="curl"}`
  const open = new WebSocket(tail, { headers: bearer('root') })
  await once(open, 'open')
  open.terminate()
  const [error] = await once(new WebSocket(tail), 'error')
  t.match(error.message, /401/)
})

test('changed files count without a restart, and those with a mistake do not', async t => {
  const config = join(dir, 'store.yaml')
  const written = readFileSync(config, 'utf8')
  const statusOf = async (token: string) =>
    (await store.request('/loki/api/v1/labels', { headers: bearer(token) })).status
  const made = await skald([
    'token',
    'create',
    '--role',
    'read',
    '--tenant',
    'shop',
    '--name',
    'new',
  ])
  const token = made.stderr.trim()
  t.match(token, /^skald_[\w-]{43}$/)
  t.match(made.stdout, `sha256: ${sha256(token)}`)
  t.equal(await statusOf(token), 401)
  const entry = `    - {name: new, sha256: ${sha256(token)}, roles: [read], tenants: [shop]}\n`
  writeFileSync(config, written + entry)
  await until(async () => (await statusOf(token)) === 200, 'the new token')
  writeFileSync(config, written + entry.replace('roles: [read]', 'roles: [reader]'))
  await until(() => store.output().includes('there is no role reader'), 'the mistake')
  t.equal(await statusOf(token), 200, 'what was in force stays')
  const metrics = (await store.request('/metrics', { headers: bearer('root') })).body
  t.match(metrics, /^skald_auth_config_usable 0$/m)
  writeFileSync(config, written)
  await until(async () => (await statusOf(token)) === 401, 'the token is gone')
  writeFileSync(join(dir, 'htpasswd'), '# nobody\n')
  const asAnn = { headers: { Authorization: `Basic ${btoa('ann:correct horse')}` } }
  await until(
    async () => (await store.request('/loki/api/v1/labels', asAnn)).status !== 200,
    'the user is gone',
  )
  t.notMatch(store.output(), /correct horse|skald_[\w-]{43}/, 'nothing secret is in the log')
})

test('the README shows a store with TLS and one token in three commands', async t => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
  const part = readme.slice(readme.indexOf('tls-and-token.yaml'))
  const [, config = ''] = /^tls-and-token\.yaml\n([\s\S]*?)```/.exec(part) ?? []
  const [, commands = ''] = /```sh machine\n([\s\S]*?)```/.exec(part) ?? []
  const [openssl = '', create = '', start = ''] = commands.trim().split('\n')
  const at = t.testdir({ 'tls-and-token.yaml': config })
  const shell = (line: string) =>
    run('sh', ['-c', line.replace('npx skald', JSON.stringify(skaldCommand))], {
      cwd: at,
      env: cleanEnv(),
    })
  await shell(openssl)
  const token = (await shell(create)).stderr.trim().split('\n').at(-1)!
  const port = await reservePort()
  const args = [...start.replace('npx skald ', '').split(' '), `-server.http-listen-port=${port}`]
  const inside = args.map(arg => arg.replace('tls-and', join(at, 'tls-and')))
  const file = join(at, 'tls-and-token.yaml')
  writeFileSync(file, readFileSync(file, 'utf8').replace(/: (server\.(crt|key))/g, `: ${at}/$1`))
  const secure = spawnSkald({
    args: [...inside, `-common.path-prefix=${at}/data`],
    outputFile: join(at, 'store.log'),
  })
  t.teardown(() => secure.end('SIGTERM'))
  const curl = ['-sS', '--cacert', join(at, 'server.crt'), '-o', '/dev/null', '-w', '%{http_code}']
  const ask = async (...more: string[]) =>
    (await run('curl', [...curl, ...more, `https://localhost:${port}/loki/api/v1/labels`])).stdout
  await until(() => secure.output().includes('store is ready'), 'the store')
  t.equal(await ask(), '401')
  t.equal(await ask('-H', `Authorization: Bearer ${token}`), '200')
})

test('skald check names what is probably a mistake', async t => {
  const check = async (text: string) => {
    const path = join(dir, 'checked.yaml')
    writeFileSync(path, text)
    return (await skald(['check', path])).stdout
  }
  writeFileSync(join(dir, 'htpasswd'), `${ann}\n`)
  const entry = (expires: string) =>
    `{name: old, sha256: ${sha256('old')}, roles: [push], tenants: [a], expires: ${expires}}`
  t.match(
    await check(`auth: {tokens: [${entry('2020-01-01T00:00:00Z')}]}`),
    /the token old has expired/,
  )
  t.notMatch(await check(`auth: {tokens: [${entry('2099-01-01T00:00:00Z')}]}`), /expire/)
  const users = (file: string) =>
    `auth: {htpasswd_file: ${file}, users: [{name: bob, roles: [read], tenants: [a]}]}`
  const told = await check(users(join(dir, 'htpasswd')))
  t.match(told, /the user bob has no password/)
  t.match(told, /the user ann of .* may do nothing/)
  t.match(await check(users('/nowhere/htpasswd')), /not on this machine/)
  writeFileSync(join(dir, 'bad'), 'ann:plain\n')
  await t.rejects(check(users(join(dir, 'bad'))), /bad, line 1: the password is neither/)
  await t.rejects(skald(['token', 'create', '--role', 'write']), /--role takes push, read/)
  await t.rejects(
    skald(['token', 'create', '--role', 'read', '--expires', 'soon']),
    /--expires takes/,
  )
})

test('the agent of skald all comes in to its own store', async t => {
  const port = await reservePort()
  const config = join(dir, 'all.yaml')
  writeFileSync(
    config,
    `auth_enabled: false
server: {http_listen_address: 127.0.0.1, http_listen_port: ${port}}
common: {path_prefix: ${JSON.stringify(join(dir, 'all'))}}
auth: {tokens: [{name: me, sha256: ${sha256('root')}, roles: [read, admin]}]}
`,
  )
  const process = spawnSkald({
    args: ['all', `-config.file=${config}`],
    outputFile: join(dir, 'all.log'),
  })
  t.teardown(() => process.end('SIGTERM'))
  const url = `http://127.0.0.1:${port}`
  const get = (path: string, headers = {}) => fetch(`${url}${path}`, { headers })
  await until(async () => (await get('/agent/ready').catch(() => ({ ok: false }))).ok, 'the agent')
  t.equal((await get('/agent/targets')).status, 401)
  t.equal((await get('/agent/targets', bearer('root'))).status, 200)
  const shown = await (await get('/agent/config', bearer('root'))).text()
  t.match(shown, /bearer_token: .*secret/)
  t.notMatch(process.output(), /answered 401|401 Unauthorized/)
})
