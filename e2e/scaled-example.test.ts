// examples/scaled: what its compose.yaml starts, started here without Docker and with its own files, answers on one port
// while a store, and then PostgreSQL, is killed.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { t as root, type Test, test } from 'tap'
import { parse } from 'yaml'
import { createPostgres, noPostgres } from '../test/postgres-server.ts'
import { flattenStreams, startStoreOn, TestStore } from './harness.ts'
import { loopbackHost, reservePort, rootDir, spawnProgram } from './skald-process.ts'
import { bucketKeys, noBucket, startBucket } from './versitygw-process.ts'

root.setTimeout(120_000)
const dir = join(rootDir, 'examples/scaled')
const read = (name: string) => readFileSync(join(dir, name), 'utf8')
const noProxy =
  spawnSync('haproxy', ['-v']).status === 0
    ? false
    : 'HAProxy is not installed: apt-get install haproxy'

interface Service {
  readonly volumes?: readonly string[]
  readonly command?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly depends_on?: Readonly<Record<string, unknown>>
  readonly ports?: readonly string[]
}

const compose = parse(read('compose.yaml'), { merge: true }) as {
  services: Readonly<Record<string, Service>>
  volumes: Readonly<Record<string, null>>
}

test('everything that compose.yaml refers to exists', async t => {
  for (const [name, { volumes = [], depends_on = {} }] of Object.entries(compose.services)) {
    for (const volume of volumes) {
      const [source = ''] = volume.split(':')
      if (source.startsWith('./')) t.ok(existsSync(join(dir, source)), `${name}: ${source}`)
      else t.ok(source in compose.volumes, `${name}: ${source}`)
    }
    for (const other of Object.keys(depends_on)) t.ok(other in compose.services, other)
  }
  const { services } = compose
  const config = parse(read('store.yaml'))
  const url = new URL(config.skald.catalog.postgres_url)
  t.equal(url.hostname in services, true, url.hostname)
  t.equal(url.password, services.database!.environment!.POSTGRES_PASSWORD)
  t.equal(url.username, services.database!.environment!.POSTGRES_USER)
  t.equal(url.pathname.slice(1), services.database!.environment!.POSTGRES_DB)
  const { endpoint, bucketnames } = config.storage_config.aws
  t.equal(new URL(endpoint).hostname in services, true, endpoint)
  t.ok(services['make-bucket']!.command!.includes(`/buckets/${bucketnames}`))
  t.equal(
    services['store-1']!.environment!.AWS_SECRET_ACCESS_KEY,
    services.bucket!.environment!.ROOT_SECRET_KEY,
  )
  const servers = [...read('haproxy.cfg').matchAll(/^ +server (\S+) (\S+):(\d+)$/gm)]
  t.equal(servers.length, 3)
  for (const [, name = '', host, port] of servers) {
    t.ok(name in services, name)
    t.equal(host, name)
    t.equal(Number(port), config.server.http_listen_port)
  }
  t.same(services.entry!.ports, ['127.0.0.1:3100:3100'])
})

test('one port answers while a store, and then PostgreSQL, is killed', {
  skip: noBucket || noPostgres || noProxy,
}, async t => {
  const testDir = t.testdir()
  const [bucket, postgres] = [await startBucket(t, testDir), await createPostgres(t)]
  const configFile = join(testDir, 'store.yaml')
  writeFileSync(
    configFile,
    read('store.yaml')
      .replace(/http:\/\/bucket:\d+/, bucket.url)
      .replace(/postgres_url: .*/, `postgres_url: ${postgres.url}`),
  )
  const env = { AWS_ACCESS_KEY_ID: bucketKeys.access, AWS_SECRET_ACCESS_KEY: bucketKeys.secret }
  const stores: TestStore[] = []
  for (const name of ['store-1', 'store-2', 'store-3']) {
    const storeDir = join(testDir, name)
    mkdirSync(storeDir)
    stores.push(await startStoreOn(t, { configFile, dir: storeDir, env }))
  }
  const url = await startProxy(t, testDir, stores)
  const entry = new TestStore('store', testDir, url, { args: [] })

  const acknowledged: string[] = []
  const statuses = new Set<number>()
  let isWriting = true
  const writing = (async () => {
    for (let i = 0; isWriting; i++) {
      const values = [[`${Date.now()}000000`, `line ${i}`]]
      const body = JSON.stringify({ streams: [{ stream: { app: 'shop' }, values }] })
      for (;;) {
        // A proxy may pass on that a store has just ended.
        const { status } = await entry
          .pushBytes(body, 'application/json')
          .catch(() => ({ status: 0 }))
        statuses.add(status)
        if (status === 204) break
        if (!isWriting) return
        await sleep(100)
      }
      acknowledged.push(`line ${i}`)
      await sleep(20)
    }
  })()
  const found = async () => {
    const query = { query: '{app="shop"}', limit: '5000', direction: 'forward' }
    return flattenStreams(await entry.query('query_range', query)).map(({ line }) => line)
  }
  /** Asks for a while. Every answer must have what was acknowledged before it. */
  const answers = async (what: string, ms: number, isLate = false) => {
    const endMs = performance.now() + ms
    for (let asked = 0; performance.now() < endMs || asked < 3; asked++) {
      const before = [...acknowledged]
      const lines = new Set(await found())
      if (isLate) continue
      const missing = before.filter(line => !lines.has(line))
      if (missing.length === 0) continue
      t.same(missing, [], what)
      return
    }
    t.pass(what)
  }

  await answers('three stores', 1_000)
  const [, second] = stores
  await second!.kill()
  // Until the proxy has noticed, it may still send requests there; it repeats those that get no connection.
  await answers('two of three stores', 3_000)
  const beforeOutage = acknowledged.length
  t.ok(beforeOutage > 20, `${beforeOutage} pushes were answered`)

  await postgres.stop({ isImmediate: true })
  // From the copies of the catalog, which may lack the last second.
  await answers('without PostgreSQL', 2_000, true)
  const late = await entry.request(
    `/loki/api/v1/query_range?${new URLSearchParams({ query: '{app="shop"}' })}`,
  )
  t.match(JSON.parse(late.body).warnings, [
    /lines that other replicas took in the last \d+ s may be missing/,
  ])
  await postgres.start()
  const endMs = performance.now() + 30_000
  const target = acknowledged.length + 20
  while (acknowledged.length < target && performance.now() < endMs) await sleep(50)
  t.ok(acknowledged.length >= target, 'pushes go on after the outage')
  await second!.start()
  isWriting = false
  await writing
  t.same((await found()).sort(), [...acknowledged].sort(), 'each line is there once')
  t.same(
    [...statuses].filter(status => ![0, 204, 502, 503, 504].includes(status)),
    [],
  )
})

/** Runs HAProxy with the example's file, on addresses of the test. Returns its URL. */
async function startProxy(t: Test, testDir: string, stores: readonly TestStore[]): Promise<string> {
  const port = await reservePort()
  const file = join(testDir, 'haproxy.cfg')
  let text = read('haproxy.cfg')
    .replace(/^resolvers docker\n(?: .*\n)+/m, '')
    .replace(' resolvers docker init-addr libc,none', '')
    .replace('bind :3100', `bind ${loopbackHost}:${port}`)
  for (const [i, { url }] of stores.entries()) {
    text = text.replace(`store-${i + 1} store-${i + 1}:3100`, `store-${i + 1} ${new URL(url).host}`)
  }
  writeFileSync(file, text)
  const proxy = spawnProgram('haproxy', {
    args: ['-f', file],
    outputFile: join(testDir, 'haproxy.log'),
  })
  t.teardown(() => proxy.end('SIGTERM'))
  const url = `http://${loopbackHost}:${port}`
  for (let tries = 0; tries < 200; tries++) {
    const isReady = await fetch(`${url}/ready`).then(
      ({ ok }) => ok,
      () => false,
    )
    if (isReady) return url
    await sleep(50)
  }
  throw new Error(`HAProxy does not answer:\n${proxy.output()}`)
}
