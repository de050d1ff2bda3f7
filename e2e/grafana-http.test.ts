// Rows 83 to 90 and 94 of docs/clients.md: rules, long URLs, connections, and separation of
// tenants.

import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import { t as root, test } from 'tap'
import { type SeededStore, startSeeded } from './client-seed.ts'
import { startStore } from './harness.ts'
import { checkStrictly } from './strict-answer.ts'

root.setTimeout(170_000)

const query = '{service_name="seed"}'
let seed: SeededStore
/** Keeps connections like Grafana: for 90 s. */
const agent = new Agent({ keepAlive: true, maxSockets: 1 })
let idleSinceMs = 0

interface Got {
  readonly status: number | undefined
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: Buffer
  readonly port: number | undefined
}

function get(path: string, headers = {}, keeper?: Agent): Promise<Got> {
  return new Promise((resolve, reject) => {
    request(`${seed.store.url}${path}`, { headers, agent: keeper }, answer => {
      const { localPort: port } = answer.socket
      const pieces: Buffer[] = []
      answer.on('data', (piece: Buffer) => pieces.push(piece))
      answer.on('end', () => {
        const { statusCode: status } = answer
        resolve({ status, headers: answer.headers, body: Buffer.concat(pieces), port })
      })
    })
      .on('error', reject)
      .end()
  })
}

let firstPort: number | undefined
test('a store with the lines of the seed', async t => {
  seed = await startSeeded(root, { dir: root.testdir() })
  t.equal(seed.entries.length, 300)
  // Reused at the end of this file.
  firstPort = (await get('/loki/api/v1/labels', {}, agent)).port
  idleSinceMs = performance.now()
})

test('rules are an empty list of groups', async t => {
  const { status, headers, body } = await seed.store.request('/prometheus/api/v1/rules?type=alert')
  t.equal(status, 200)
  t.match(headers.get('content-type'), /json/)
  t.match(JSON.parse(body), { status: 'success', data: { groups: [] } })
})

test('the look for a ruler finds a plain 404, so that rules are read-only', async t => {
  const { status, body } = await seed.store.request('/api/prom/rules/test/test')
  t.same([status, body.trim()], [404, '404 page not found'])
})

test('a query of 60 KB in the URL is read, whatever it is encoded to', async t => {
  const alternatives = Array.from({ length: 4000 }, (_, i) => `service-${i}`).join('|')
  const long = `{service_name=~"seed|${alternatives}"}`
  t.ok(long.length > 50_000)
  for (const text of [long, `{service_name="${'ß'.repeat(30_000)}"}`]) {
    const params = new URLSearchParams({ query: text, ...seed.range })
    const { status, body } = await get(`/loki/api/v1/query_range?${params}`)
    t.equal(status, 200, String(body).slice(0, 200))
  }
})

test('a client that goes away ends its query', async t => {
  const count = async () => {
    const { body } = await seed.store.request('/metrics')
    const found =
      /loki_request_duration_seconds_count\{[^}]*query_range[^}]*status_code="499"[^}]*\} (\d+)/
    return Number(found.exec(body)?.[1] ?? 0)
  }
  const before = await count()
  const stage = '| label_format a=`{{ __line__ | repeat 4000 | replace "1" "22" | upper | len }}`'
  const params = new URLSearchParams({
    query: `${query} ${stage.repeat(3)} | a = 1`,
    ...seed.range,
  })
  const asked = request(`${seed.store.url}/loki/api/v1/query_range?${params}`)
  asked.on('error', () => {
    // The request is destroyed below.
  })
  asked.end()
  await sleep(150)
  asked.destroy()
  for (let i = 0; i < 100 && (await count()) === before; i++) await sleep(50)
  t.equal(await count(), before + 1)
  t.equal((await seed.ask('labels', seed.range)).status, 200)
})

test('a large answer is compressed for who takes gzip', async t => {
  const params = new URLSearchParams({ query, ...seed.range, limit: '1000' })
  const { headers, body } = await get(`/loki/api/v1/query_range?${params}`, {
    'accept-encoding': 'gzip, deflate, br',
  })
  t.equal(headers['content-encoding'], 'gzip')
  checkStrictly(gunzipSync(body).toString('utf8'))
})

test('fifty calls at once are all answered', async t => {
  const paths = ['labels', 'label/env/values', `index/stats?query=${encodeURIComponent(query)}`]
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, i) => seed.store.request(`/loki/api/v1/${paths[i % 3]}`)),
  )
  t.same([...new Set(answers.map(({ status }) => status))], [200])
})

test('a tenant sees no labels, lines or sizes of another', async t => {
  const dir = t.testdir()
  const store = await startStore(t, { dir, tenants: true })
  const asTenant = (tenant: string) => ({ headers: { 'X-Scope-OrgID': tenant } })
  for (const tenant of ['t1', 't2']) {
    const values = [[`${Date.now()}000000`, `of ${tenant}`]]
    const body = JSON.stringify({ streams: [{ stream: { owner: tenant }, values }] })
    const { status } = await store.request('/loki/api/v1/push', {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...asTenant(tenant).headers },
      body,
    })
    t.equal(status, 204)
  }
  const paths = [
    'label/owner/values',
    'series',
    `query_range?${new URLSearchParams({ query: '{owner=~".+"}' })}`,
    `index/volume?${new URLSearchParams({ query: '{owner=~".+"}' })}`,
    'detected_labels',
  ]
  for (const path of paths) {
    const { status, body } = await store.request(`/loki/api/v1/${path}`, asTenant('t1'))
    t.equal(status, 200)
    t.notMatch(body, /t2/, path)
  }
  t.equal((await store.request('/loki/api/v1/labels')).status, 401)
})

test('buildinfo has the fields that tools read', async t => {
  const info = await seed.json<Record<string, unknown>>('status/buildinfo')
  t.same(Object.keys(info), [
    'version',
    'revision',
    'branch',
    'buildUser',
    'buildDate',
    'goVersion',
  ])
  t.match(info.version, /\d+\.\d+/)
})

test('a connection that was idle for longer than Node keeps one is used again', async t => {
  // By default, Node closes after 5 s and one second of grace.
  await sleep(Math.max(0, 7_000 - (performance.now() - idleSinceMs)))
  const { status, port, headers } = await get('/loki/api/v1/labels', {}, agent)
  t.same([status, port], [200, firstPort], 'the same connection')
  const [, seconds] = /timeout=(\d+)/.exec(String(headers['keep-alive'])) ?? []
  t.ok(Number(seconds) > 90, 'the store promises to keep it for longer than Grafana does')
  agent.destroy()
})
