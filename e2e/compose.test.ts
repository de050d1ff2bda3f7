// examples/docker-compose: everything it mounts exists, services use each other's correct names,
// and store and agent run with its settings on paths and addresses of the test.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { t as root, test } from 'tap'
import { parse } from 'yaml'
import { flattenStreams, startStore } from './harness.ts'
import { loopbackHost, reservePort, rootDir, spawnSkald, waitUntilReady } from './skald-process.ts'

root.setTimeout(60_000)
const dir = join(rootDir, 'examples/docker-compose')
const read = (name: string) => parse(readFileSync(join(dir, name), 'utf8'))

interface Service {
  readonly image: string
  readonly command?: readonly string[]
  readonly volumes: readonly string[]
  readonly depends_on?: Readonly<Record<string, unknown>>
}

const compose = read('compose.yaml') as {
  services: Readonly<Record<string, Service>>
  volumes: Readonly<Record<string, null>>
}

test('everything that compose.yaml refers to exists', async t => {
  for (const [name, { volumes, depends_on = {} }] of Object.entries(compose.services)) {
    for (const volume of volumes) {
      const [source = ''] = volume.split(':')
      if (source.startsWith('./')) t.ok(existsSync(join(dir, source)), `${name}: ${source}`)
      else if (!source.startsWith('/')) t.ok(source in compose.volumes, `${name}: ${source}`)
    }
    for (const other of Object.keys(depends_on)) t.ok(other in compose.services, other)
  }
  for (const name of ['store', 'agent']) {
    const { command = [], volumes } = compose.services[name]!
    const file = command[1]?.split('=')[1]
    t.ok(
      volumes.some(volume => volume.split(':')[1] === file),
      `${name}: ${file} is mounted`,
    )
  }
  const [datasource] = read('grafana/datasources.yaml').datasources
  t.equal(datasource.url, 'http://store:3100')
  t.equal(read('store.yaml').server.http_listen_port, 3100)
  t.equal(read('agent.yaml').clients[0].url, `${datasource.url}/loki/api/v1/push`)
  const dashboard = readFileSync(join(dir, 'grafana/containers.json'), 'utf8')
  t.match(dashboard, `"uid": "${datasource.uid}"`)
})

test('the agent of compose.yaml reads the logs of Docker containers', async t => {
  const testDir = t.testdir()
  const store = await startStore(t, { dir: testDir })
  const id = '0123456789abcdef'.repeat(4)
  const container = join(testDir, 'containers', id)
  mkdirSync(container, { recursive: true })
  const entry = { log: 'from a container\n', stream: 'stderr', time: new Date().toISOString() }
  writeFileSync(join(container, `${id}-json.log`), `${JSON.stringify(entry)}\n`)
  writeFileSync(join(container, 'config.v2.json'), JSON.stringify({ ID: id, Name: '/shop-web-1' }))
  const config = join(testDir, 'agent.yaml')
  const text = readFileSync(join(dir, 'agent.yaml'), 'utf8')
    .replace('http://store:3100', store.url)
    .replace('/run/promtail', testDir)
    .replace('/var/lib/docker', testDir)
  writeFileSync(config, text)
  const port = await reservePort()
  const [role = ''] = compose.services.agent!.command!
  const agent = spawnSkald({
    args: [
      role,
      `-config.file=${config}`,
      `-server.http-listen-address=${loopbackHost}`,
      `-server.http-listen-port=${port}`,
    ],
    outputFile: join(testDir, 'agent.log'),
  })
  t.teardown(() => agent.end('SIGKILL'))
  await waitUntilReady(agent, `http://${loopbackHost}:${port}/ready`, 30_000)
  const query = '{job="docker", container="shop-web-1"}'
  let found = flattenStreams(await store.query('query_range', { query }))
  for (let i = 0; i < 200 && found.length === 0; i++) {
    await sleep(100)
    found = flattenStreams(await store.query('query_range', { query }))
  }
  t.match(found, [{ line: 'from a container', labels: { stream: 'stderr' } }])
  const { panels } = JSON.parse(readFileSync(join(dir, 'grafana/containers.json'), 'utf8'))
  for (const { targets } of panels) {
    const logql = targets[0].expr
      .replace('$search', 'CONTAINER')
      .replace('$container', '.*')
      .replace('$__auto', '5m')
    t.not((await store.query('query_range', { query: logql })).result.length, 0, logql)
  }
})
