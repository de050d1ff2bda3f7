import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { type Test, test } from 'tap'
import { JobTargets } from '../../../src/discovery/job-targets.ts'
import { type ConfigError, loadAgentConfig } from '../../../src/index.ts'
import { AgentMetrics } from '../../../src/metrics/agent-metrics.ts'
import { type FakeContainer, startDockerApi } from '../../docker-api.ts'
import { startReceiver, startTestAgent, waitFor } from '../../harness.ts'

/** Returns a directory whose path is short enough for a socket. */
function socketDir(t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'skald-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

function configOf(dir: string, url: string, { entry = '', job = '' } = {}): string {
  return `server: {http_listen_address: 127.0.0.1, http_listen_port: 0}
positions: {filename: "${dir}/positions.yaml", sync_period: 50ms}
clients: [{url: "${url}", batchwait: 20ms, backoff_config: {min_period: 20ms, max_period: 50ms}}]
target_config: {sync_period: 200ms}
scrape_configs:
  - job_name: docker
    docker_sd_configs: [{host: "unix://${dir}/docker.sock", refresh_interval: 1h${entry}}]
    relabel_configs:
      - {source_labels: [__meta_docker_container_name], regex: /(.*), target_label: container}
      - {source_labels: [__meta_docker_container_log_stream], target_label: stream}
${job}`
}

const container = (id: string, more: Partial<FakeContainer> = {}): FakeContainer => ({
  Id: id,
  Names: [`/${id}`],
  HostConfig: { NetworkMode: 'bridge', LogConfig: { Type: 'local' } },
  NetworkSettings: { Networks: { bridge: { NetworkID: 'n1', IPAddress: '172.17.0.2' } } },
  ...more,
})

async function setUp(t: Test, options: { entry?: string; job?: string } = {}) {
  const dir = socketDir(t)
  const api = await startDockerApi(t, `${dir}/docker.sock`)
  const receiver = await startReceiver(t)
  const start = () => startTestAgent(t, configOf(dir, receiver.url, options))
  const linesOf = () => receiver.entries.map(({ line }) => line)
  const positions = () => {
    const path = `${dir}/positions.yaml`
    return existsSync(path) ? readFileSync(path, 'utf8') : ''
  }
  return { dir, api, receiver, start, linesOf, positions }
}

test('docker_sd_configs sets the same labels as Prometheus', async t => {
  const dir = socketDir(t)
  const api = await startDockerApi(t, `${dir}/docker.sock`)
  const discover = async (entry: string) => {
    const text = configOf(dir, 'http://h/p', { entry })
    const [config] = (await loadAgentConfig({ text, path: 'a.yaml' })).scrapeConfigs
    const targets = new JobTargets({
      ...{ config: config!, hostname: 'host', env: {}, logger: pino({ level: 'silent' }) },
      metrics: new AgentMetrics({ version: 'test' }),
      userAgent: 'skald-agent/test',
    })
    targets.start()
    await waitFor(() => targets.isComplete)
    await targets.stop()
    return targets.offered.map(({ discovered, outcome }) => ({
      labels: Object.fromEntries(
        [...discovered].map(([name, value]) => [name.replace('__meta_docker_', ''), value]),
      ),
      outcome: typeof outcome === 'string' ? outcome : 'read',
    }))
  }
  api.networks = [
    { Id: 'n1', Name: 'bridge', Scope: 'local', Internal: false, Ingress: false, Labels: {} },
    {
      Id: 'n2',
      Name: 'shop',
      Scope: 'swarm',
      Internal: true,
      Ingress: true,
      Labels: { 'a.b': 'c' },
    },
  ]
  api.containers.set(
    'web',
    container('web', {
      Labels: { 'com.docker.compose.project': 'shop' },
      HostConfig: { NetworkMode: 'shop' },
      NetworkSettings: {
        Networks: {
          bridge: { NetworkID: 'n1', IPAddress: '172.17.0.2' },
          shop: { NetworkID: 'n2', IPAddress: '10.1.0.2' },
        },
      },
      Ports: [
        { IP: '0.0.0.0', PrivatePort: 80, PublicPort: 8080, Type: 'tcp' },
        { PrivatePort: 443, Type: 'tcp' },
        { PrivatePort: 53, Type: 'udp' },
      ],
    }),
  )
  api.containers.set(
    'side',
    container('side', {
      HostConfig: { NetworkMode: 'container:web' },
      NetworkSettings: { Networks: {} },
    }),
  )
  api.containers.set('host', container('host', { HostConfig: { NetworkMode: 'host' } }))
  api.containers.set('none', container('none', { NetworkSettings: { Networks: {} } }))
  const common = {
    container_id: 'web',
    container_name: '/web',
    container_network_mode: 'shop',
    container_label_com_docker_compose_project: 'shop',
    network_id: 'n2',
    network_name: 'shop',
    network_scope: 'swarm',
    network_internal: 'true',
    network_ingress: 'true',
    network_label_a_b: 'c',
    network_ip: '10.1.0.2',
  }
  const found = await discover('')
  t.same(
    found.filter(({ labels }) => labels.container_id === 'web'),
    [
      {
        labels: {
          ...{ ...common, __address__: '10.1.0.2:80', port_private: '80' },
          ...{ port_public: '8080', port_public_ip: '0.0.0.0' },
        },
        outcome: 'read',
      },
      {
        labels: { ...common, __address__: '10.1.0.2:443', port_private: '443' },
        outcome: 'exists',
      },
    ],
  )
  const addressOf = (id: string) =>
    found.find(({ labels }) => labels.container_id === id)?.labels.__address__
  t.equal(addressOf('side'), '10.1.0.2:80')
  t.equal(addressOf('host'), 'localhost')
  t.equal(addressOf('none'), 'localhost')
  const all = await discover(', match_first_network: false, port: 9, host_networking_host: h')
  t.equal(all.filter(({ labels }) => labels.container_id === 'web').length, 4)
  t.equal(all.find(({ labels }) => labels.container_id === 'host')?.labels.__address__, 'h')
  const filtered = await discover(
    ', filters: [{name: label, values: ["com.docker.compose.project=shop"]}]',
  )
  t.same([...new Set(filtered.map(({ labels }) => labels.container_id))], ['web'])
})

test('A container is read through the API where its file is not there', async t => {
  const { api, receiver, start } = await setUp(t)
  api.run(container('web'))
  api.write('web', 'one\n')
  const time = api.write('web', 'bad\r\n', { stream: 'stderr' })
  await start()
  await receiver.until(() => receiver.entries.length === 2)
  t.same(receiver.entries.map(({ labels, line }) => [labels, line]).sort(), [
    ['{container="web", stream="stderr"}', 'bad'],
    ['{container="web", stream="stdout"}', 'one'],
  ])
  const bad = receiver.entries.find(({ line }) => line === 'bad')!
  t.equal(bad.timestampNs, BigInt(Date.parse('2026-11-20T10:00:00Z')) * 1_000_000n + 2n, time)
  // A container that starts later is found by its event, not by the refresh an hour later.
  api.run(container('later'))
  api.write('later', 'hello\n')
  await receiver.until(() => receiver.entries.length === 3)
})

test('Docker is reachable over TCP too', async t => {
  const dir = socketDir(t)
  const api = await startDockerApi(t)
  const receiver = await startReceiver(t)
  api.run(container('web'))
  api.write('web', 'one\n')
  const text = configOf(dir, receiver.url).replace(`unix://${dir}/docker.sock`, api.url)
  await startTestAgent(t, text)
  await receiver.until(() => receiver.entries.length === 1)
  t.match(api.url, /^tcp:/)
})

test('A stream continues where it broke, even within a frame, without duplicates', async t => {
  const { api, receiver, start, linesOf } = await setUp(t)
  api.run(container('web'))
  const time = '2026-11-20T10:00:01.000000005Z'
  await start()
  await waitFor(() => api.followerCount === 1)
  api.write('web', 'same time 1\n', { time })
  api.write('web', 'same time 2\n', { time })
  await receiver.until(() => receiver.entries.length === 2)
  api.breakAll(Buffer.from([1, 0, 0, 0, 0, 0, 0, 9, 0x32]))
  api.write('web', 'same time 3\n', { time })
  api.write('web', 'after\n', { time: '2026-11-20T10:00:02.000000000Z' })
  await receiver.until(() => receiver.entries.length === 4)
  t.same(linesOf(), ['same time 1', 'same time 2', 'same time 3', 'after'])
  const since = api.requests.findLast(({ path }) => path.endsWith('/logs'))!.query.get('since')
  t.equal(since, '1795168800.000000005', 'a second earlier, for the other stream')
})

test('Parts of a long line are joined, separately for each stream', async t => {
  const { api, receiver, start, linesOf } = await setUp(t)
  api.run(container('web'))
  const time = '2026-11-20T10:00:01.000000005Z'
  const part = 'x'.repeat(16_384)
  await start()
  await waitFor(() => api.followerCount === 1)
  api.write('web', part, { time })
  api.write('web', 'between\n', { stream: 'stderr', time: '2026-11-20T10:00:01.000000006Z' })
  api.write('web', part, { time })
  await receiver.until(() => receiver.entries.length === 1)
  api.breakAll()
  await waitFor(() => api.followerCount === 1)
  api.write('web', 'end\n', { time })
  await receiver.until(() => receiver.entries.length === 2)
  t.same(linesOf(), ['between', `${part}${part}end`])
})

test('A container with a terminal has lines without frames', async t => {
  const { api, receiver, start, linesOf } = await setUp(t)
  api.run(container('tty', { Config: { Tty: true } }))
  api.write('tty', 'one\r\n')
  api.write('tty', 'two\r\n')
  await start()
  await receiver.until(() => receiver.entries.length === 2)
  t.same(linesOf(), ['one', 'two'])
})

test('The position of a stream follows the answers of the server, across restarts', async t => {
  const { api, receiver, start, linesOf, positions } = await setUp(t)
  api.run(container('web'))
  api.write('web', 'one\n')
  const first = await start()
  await receiver.until(() => receiver.entries.length === 1)
  await waitFor(() => positions().includes('"cursor-web": "1795168800"'))
  receiver.respond(503)
  api.write('web', 'two\n')
  api.write('web', 'three\n')
  await waitFor(() => receiver.refusals > 0)
  await first.stop()
  t.match(positions(), '1795168800.000000001 1')
  receiver.respond(204)
  await start()
  await receiver.until(() => receiver.entries.length === 3)
  t.same(linesOf(), ['one', 'two', 'three'])
})

test('A container that ends is read to its end, and one that returns continues', async t => {
  const { api, receiver, start, linesOf } = await setUp(t)
  api.run(container('web'))
  const agent = await start()
  await waitFor(() => api.followerCount === 1)
  api.write('web', 'last words\n')
  api.write('web', 'no line feed')
  api.end('web')
  await receiver.until(() => receiver.entries.length === 2)
  await waitFor(() => agent.files().length === 0)
  api.run(container('web'))
  api.write('web', 'again\n')
  await receiver.until(() => receiver.entries.length === 3)
  t.same(linesOf(), ['last words', 'no line feed', 'again'])
})

test('A container that ends right after its start is read', async t => {
  const { api, receiver, start, linesOf } = await setUp(t)
  await start()
  await waitFor(() => api.requests.some(({ path }) => path === '/events'))
  for (const id of ['quick', 'quicker']) {
    api.run(container(id))
    api.write(id, `of ${id}\n`)
    api.end(id)
  }
  await receiver.until(() => receiver.entries.length === 2)
  t.same(linesOf().sort(), ['of quick', 'of quicker'])
})

test('The agent keeps asking a Docker that is down, and continues reading when it is back', async t => {
  const { api, receiver, start, linesOf } = await setUp(t)
  api.failWith = 500
  api.run(container('web'))
  api.write('web', 'one\n')
  await start()
  await waitFor(() => api.requests.length >= 2)
  api.failWith = 0
  await receiver.until(() => receiver.entries.length === 1)
  t.same(linesOf(), ['one'])
})

/** A record as Docker's json-file driver writes it. */
const record = (log: string, stream = 'stdout', nanos = 1) =>
  `${JSON.stringify({ log, stream, time: `2026-11-20T10:00:00.${String(nanos).padStart(9, '0')}Z` })}\n`

test('A container’s file is read if it is accessible, across rotation', async t => {
  const job =
    '    pipeline_stages: [{regex: {expression: "^(?P<level>[A-Z]+)"}}, {labels: {level: ""}}]\n'
  const { dir, api, receiver, start, linesOf } = await setUp(t, { job })
  const LogPath = `${dir}/web-json.log`
  const HostConfig = { NetworkMode: 'bridge', LogConfig: { Type: 'json-file' } }
  writeFileSync(LogPath, `${record('INFO "one"\n')}${record('WARN two\n', 'stderr', 2)}torn{\n`)
  api.run(container('web', { LogPath, HostConfig }))
  const agent = await start()
  await receiver.until(() => receiver.entries.length === 2)
  t.same(receiver.entries.map(({ labels, line }) => [labels, line]).sort(), [
    ['{container="web", level="INFO", stream="stdout"}', 'INFO "one"'],
    ['{container="web", level="WARN", stream="stderr"}', 'WARN two'],
  ])
  t.equal(receiver.entries[0]!.timestampNs % 10n > 0n, true)
  appendFileSync(LogPath, record('x'.repeat(16_384)))
  appendFileSync(LogPath, record('y\n', 'stdout', 3))
  await receiver.until(() => receiver.entries.length === 3)
  t.equal(linesOf()[2]!.length, 16_385)
  renameSync(LogPath, `${LogPath}.1`)
  writeFileSync(LogPath, record('after\n', 'stdout', 4))
  await receiver.until(() => receiver.entries.length === 4)
  t.notOk(api.requests.some(({ path }) => path.endsWith('/logs')))
  const text = await agent.metrics.registry.metrics()
  t.match(text, 'promtail_docker_target_entries_total 4')
  t.match(text, 'promtail_docker_target_parsing_errors_total 1')
})

test('A rule may drop one stream, or the whole container', async t => {
  const job = `      - {source_labels: [stream], regex: stderr, action: drop}
      - {source_labels: [container], regex: quiet, action: drop}
`
  const { api, receiver, start, linesOf } = await setUp(t, { job })
  api.run(container('web'))
  api.run(container('quiet'))
  api.write('web', 'err\n', { stream: 'stderr' })
  api.write('quiet', 'never\n')
  api.write('web', 'out\n')
  await start()
  await receiver.until(() => receiver.entries.length === 1)
  t.same(linesOf(), ['out'])
  t.notOk(api.requests.some(({ path }) => path === '/containers/quiet/logs'))
})

test('docker_sd_configs refuses invalid entries and reports the line', async t => {
  const refused = async (body: string, message: RegExp) => {
    const text = `clients: [{url: "http://h/p"}]
scrape_configs:
  - job_name: d
    docker_sd_configs: [${body}]
`
    try {
      await loadAgentConfig({ text, path: 'a.yaml' })
      t.fail(body)
    } catch (error) {
      t.equal((error as ConfigError).problems[0]?.line, 4)
      t.match((error as ConfigError).problems[0]?.message, message)
    }
  }
  await refused('{}', /needs a host/)
  await refused('{host: "docker.sock"}', /host must be an address of Docker/)
  await refused('{host: "tcp://h:2375", refresh_interval: often}', /must be a duration/)
  await refused('{host: "tcp://h:2375", filters: [{values: [a]}]}', /needs a name/)
  await refused('{host: "tcp://h:2375", hots: 1}', /Unknown key hots/)
})
