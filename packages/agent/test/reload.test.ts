import { appendFileSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import pino from 'pino'
import { type Test, test } from 'tap'
import { type Agent, ConfigError, loadAgentConfig } from '../src/index.ts'
import { lines, spawnAgent, startReceiver, startTestAgent, text, waitFor } from './harness.ts'

interface Parts {
  readonly server?: string
  readonly clients: string
  readonly jobs: string
  readonly top?: string
}

const configOf = (directory: string, { server = '', clients, jobs, top = '' }: Parts) =>
  `server: {http_listen_address: 127.0.0.1, http_listen_port: 0, enable_runtime_reload: true${server}}
positions: {filename: "${directory}/positions.yaml", sync_period: 50ms}
target_config: {sync_period: 200ms}
${top}
clients: [${clients}]
scrape_configs:
${jobs}`

const clientOf = (url: string, more = '') =>
  `{url: "${url}", batchwait: 20ms, backoff_config: {min_period: 20ms, max_period: 50ms}${more}}`

const jobOf = (directory: string, name: string, more = '') => `  - job_name: ${name}
    static_configs: [{labels: {job: ${name}, __path__: "${directory}/${name}.log"}}]
${more}`

const metricOf = async (agent: Agent, name: string) =>
  Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(await agent.metrics.registry.metrics())?.[1])

/** Starts an agent with a configuration that the test can change. */
async function startReloadable(t: Test, first: Parts, directory: string) {
  const state = { parts: first }
  const loadConfig = () =>
    loadAgentConfig({ text: configOf(directory, state.parts), path: `${directory}/agent.yaml` })
  const agent = await startTestAgent(t, configOf(directory, first), { loadConfig })
  const reload = (parts: Partial<Parts>) => {
    state.parts = { ...state.parts, ...parts }
    return agent.reload()
  }
  return { agent, reload }
}

test('A reload starts what is new, ends what is gone, and leaves the rest undisturbed', async t => {
  const directory = t.testdir({ 'a.log': 'begin a\n', 'b.log': 'b 1\n', 'c.log': 'c 1\n' })
  const receiver = await startReceiver(t)
  const multiline = '    pipeline_stages: [{multiline: {firstline: "^begin", max_wait_time: 1h}}]\n'
  const [a, b, c] = [jobOf(directory, 'a', multiline), jobOf(directory, 'b'), jobOf(directory, 'c')]
  const clients = clientOf(receiver.url)
  const { agent, reload } = await startReloadable(t, { clients, jobs: a + b }, directory)
  await receiver.until(() => receiver.entries.length === 1)
  const pathsOf = () => agent.files().map(({ path }) => path.at(-5))
  await waitFor(() => pathsOf().length === 2)

  t.equal(await reload({ jobs: a + c }), 'changed')
  await receiver.until(() => receiver.entries.length === 2)
  t.same(pathsOf(), ['a', 'c'])
  appendFileSync(`${directory}/b.log`, 'b 2\n')
  // The stage held its first line all along: job a and its stage were not touched.
  appendFileSync(`${directory}/a.log`, 'more of a\nbegin next\n')
  await receiver.until(() => receiver.entries.length === 3)
  t.same(
    receiver.entries.map(({ line }) => line),
    ['b 1', 'c 1', 'begin a\nmore of a'],
  )
  // Once it is back, it continues where it was.
  t.equal(await reload({ jobs: a + b + c }), 'changed')
  await receiver.until(() => receiver.entries.length === 4)
  t.equal(receiver.entries[3]!.line, 'b 2')
  t.equal(await metricOf(agent, 'promtail_config_reload_success_total'), 2)
  t.equal(await metricOf(agent, 'promtail_targets_active_total'), 3)
})

test('A changed job continues with its new stages; no line is lost or doubled, whatever the server does', async t => {
  const directory = t.testdir({ 'a.log': text(lines('n', 1, 500)) })
  const receiver = await startReceiver(t)
  const clients = clientOf(receiver.url)
  const stage = (version: number) =>
    `    pipeline_stages: [{replace: {expression: "(n)", replace: "n"}}, {static_labels: {v: "${version}"}}]\n`
  const jobs = (version: number) => jobOf(directory, 'a', version === 0 ? '' : stage(version))
  const { reload } = await startReloadable(t, { clients, jobs: jobs(0) }, directory)
  await receiver.until(() => receiver.entries.length === 500)
  for (let version = 1; version <= 4; version++) {
    appendFileSync(`${directory}/a.log`, text(lines('n', version * 500 + 1, version * 500 + 500)))
    t.equal(await reload({ jobs: jobs(version) }), 'changed')
  }
  await receiver.until(() => receiver.entries.length === 2500)
  // The server is down while the job changes.
  receiver.respond(503)
  appendFileSync(`${directory}/a.log`, text(lines('n', 2501, 2600)))
  await waitFor(() => receiver.refusals > 0)
  await reload({ jobs: jobs(5) })
  receiver.respond(204)
  appendFileSync(`${directory}/a.log`, 'last\n')
  const hasLast = () => receiver.entries.some(({ line }) => line === 'last')
  await receiver.until(hasLast)
  await receiver.until(() => new Set(receiver.entries.map(({ line }) => line)).size === 2601)
  // Lines sent twice have the same time, so that a store keeps them once.
  const times = new Map<string, Set<bigint>>()
  for (const { line, timestampNs } of receiver.entries) {
    times.set(line, (times.get(line) ?? new Set()).add(timestampNs))
  }
  t.equal(Math.max(...[...times.values()].map(({ size }) => size)), 1)
  const early = receiver.entries.slice(0, 2500).map(({ line }) => line)
  t.equal(new Set(early).size, 2500, 'while the server answers, nothing is sent twice')
})

test('A bad configuration leaves the old one running, and is counted', async t => {
  const directory = t.testdir({ 'a.log': '1\n' })
  const receiver = await startReceiver(t)
  const parts = { clients: clientOf(receiver.url), jobs: jobOf(directory, 'a') }
  const { agent, reload } = await startReloadable(t, parts, directory)
  await receiver.until(() => receiver.entries.length === 1)
  const bad = '    pipeline_stages: [{regex: {expression: "("}}]\n'
  await t.rejects(reload({ jobs: jobOf(directory, 'a', bad) }), ConfigError)
  await t.rejects(reload({ clients: '{}' }), { message: /agent\.yaml:5:11: A client needs a url/ })
  appendFileSync(`${directory}/a.log`, '2\n')
  await receiver.until(() => receiver.entries.length === 2)
  t.ok(agent.isReady)
  t.equal(await metricOf(agent, 'promtail_config_reload_fail_total'), 2)
  t.equal(await metricOf(agent, 'promtail_config_reload_success_total'), 0)
  t.equal(await reload(parts), 'unchanged')
})

test('A changed client, even with only a new secret, continues where the old one was', async t => {
  const directory = t.testdir({ 'a.log': '1\n' })
  const [first, second] = [await startReceiver(t), await startReceiver(t)]
  const jobs = jobOf(directory, 'a')
  const clients = clientOf(first.url, ', tenant_id: one')
  const { reload } = await startReloadable(t, { clients, jobs }, directory)
  await first.until(() => first.entries.length === 1)
  t.equal(await reload({ clients: clientOf(first.url, ', tenant_id: two') }), 'changed')
  appendFileSync(`${directory}/a.log`, '2\n')
  await first.until(() => first.entries.length === 2)
  t.same(
    first.entries.map(({ tenant, line }) => [tenant, line]),
    [
      ['one', '1'],
      ['two', '2'],
    ],
  )
  const secret = (password: string) =>
    clientOf(second.url, `, basic_auth: {username: u, password: ${password}}`)
  t.equal(await reload({ clients: secret('a') }), 'changed')
  t.equal(await reload({ clients: secret('b') }), 'changed')
  t.equal(await reload({ clients: secret('b') }), 'unchanged')
  appendFileSync(`${directory}/a.log`, '3\n')
  await second.until(() => second.entries.length === 1)
  t.equal(second.entries[0]!.line, '3')
})

test('A second client starts alongside the first, which is not disturbed', async t => {
  const directory = t.testdir({ 'a.log': '1\n' })
  const [first, second] = [await startReceiver(t), await startReceiver(t)]
  const jobs = jobOf(directory, 'a')
  const clients = clientOf(first.url)
  const { reload } = await startReloadable(t, { clients, jobs }, directory)
  await first.until(() => first.entries.length === 1)
  await reload({ clients: `${clients}, ${clientOf(second.url)}` })
  await second.until(() => second.entries.length === 1)
  appendFileSync(`${directory}/a.log`, '2\n')
  await second.until(() => second.entries.length === 2)
  await first.until(() => first.entries.length === 2)
  await reload({ clients: clientOf(second.url) })
  appendFileSync(`${directory}/a.log`, '3\n')
  await second.until(() => second.entries.length === 3)
  t.equal(first.entries.length, 2)
})

test('Changed limits are applied, a changed server block is not', async t => {
  const directory = t.testdir({ 'a.log': '12345678\n' })
  const receiver = await startReceiver(t)
  const parts = { clients: clientOf(receiver.url), jobs: jobOf(directory, 'a') }
  const { agent, reload } = await startReloadable(t, parts, directory)
  await receiver.until(() => receiver.entries.length === 1)
  const limits = 'limits_config: {max_line_size: 4, max_line_size_truncate: true}'
  t.equal(await reload({ top: limits }), 'changed')
  appendFileSync(`${directory}/a.log`, 'abcdefgh\n')
  await receiver.until(() => receiver.entries.length === 2)
  t.equal(receiver.entries[1]!.line, 'abcd')
  t.equal(await reload({ server: ', log_level: debug' }), 'unchanged')
  t.equal(agent.config.server.logLevel, 'info')
})

test('Metrics of changed stages start over, with their new kind', async t => {
  const directory = t.testdir({ 'a.log': '1\n' })
  const receiver = await startReceiver(t)
  const clients = clientOf(receiver.url)
  const stage = (kind: string, action: string) =>
    `    pipeline_stages: [{metrics: {seen: {type: ${kind}, source: job, config: {action: ${action}}}}}]\n`
  const counter = jobOf(directory, 'a', stage('Counter', 'inc'))
  const { agent, reload } = await startReloadable(t, { clients, jobs: counter }, directory)
  await receiver.until(() => receiver.entries.length === 1)
  t.match(await agent.metrics.registry.metrics(), '# TYPE promtail_custom_seen counter')
  await reload({ jobs: jobOf(directory, 'a', stage('Gauge', 'dec')) })
  appendFileSync(`${directory}/a.log`, '2\n')
  await receiver.until(() => receiver.entries.length === 2)
  const shown = await agent.metrics.registry.metrics()
  t.match(shown, '# TYPE promtail_custom_seen gauge')
  t.match(shown, /promtail_custom_seen\{.*\} -1/)
  await reload({ jobs: jobOf(directory, 'a') })
  t.notMatch(await agent.metrics.registry.metrics(), /promtail_custom_seen/)
})

test('/reload answers as asked for, and is not there unless it is enabled', async t => {
  const directory = t.testdir({ 'a.log': '1\n' })
  const receiver = await startReceiver(t)
  const parts = { clients: clientOf(receiver.url), jobs: jobOf(directory, 'a') }
  let now: Parts = parts
  const path = `${directory}/agent.yaml`
  const loadConfig = () => loadAgentConfig({ text: configOf(directory, now), path })
  const agent = await startTestAgent(t, configOf(directory, parts), { loadConfig })
  const ask = async (method: string) => {
    const response = await fetch(`${agent.url}/reload`, { method })
    return `${response.status} ${await response.text()}`
  }
  t.equal(await ask('GET'), '200 Configuration unchanged\n')
  now = { ...parts, top: 'limits_config: {max_streams: 5}' }
  t.equal(await ask('POST'), '200 Configuration changed\n')
  now = { ...parts, jobs: '  - job_name: ""\n' }
  t.match(await ask('POST'), `500 failed to reload config: ${path}:7:5: job_name is empty`)
  const closed = t.testdir({})
  const off = configOf(closed, parts).replace('enable_runtime_reload: true', 'disable: false')
  const other = await startTestAgent(t, off)
  t.equal((await fetch(`${other.url}/reload`)).status, 404)
})

test('A reload reports which changed blocks need a restart', async t => {
  const directory = t.testdir({ 'a.log': '1\n' })
  const receiver = await startReceiver(t)
  const clients = clientOf(receiver.url)
  const path = `${directory}/agent.yaml`
  const write = (parts: Partial<Parts>, positions = 'sync_period: 50ms') => {
    const text = configOf(directory, { clients, jobs: jobOf(directory, 'a'), ...parts })
    writeFileSync(path, text.replace('sync_period: 50ms', positions))
  }
  write({})
  let logged = ''
  const hear = (line: string) => {
    logged += line
  }
  const loadConfig = () => loadAgentConfig({ text: readFileSync(path, 'utf8'), path })
  const logger = pino({ level: 'warn' }, { write: hear })
  const agent = await startTestAgent(t, readFileSync(path, 'utf8'), { loadConfig, logger })
  const ask = async () => (await fetch(`${agent.url}/reload`)).text()
  t.equal(await ask(), 'Configuration unchanged\n')
  t.equal(logged, '')
  write({ server: ', log_level: debug', top: 'wal: {enabled: true}' }, 'sync_period: 1m')
  const blocks = 'Restart the agent for what changed in: server, positions, wal\n'
  t.equal(await ask(), `Configuration unchanged\n${blocks}`)
  for (const block of ['server', 'positions', 'wal']) {
    t.match(logged, new RegExp(`"block":"${block}".*restart the agent`))
  }
  // Other changes apply, and the rest is reported again.
  write({ server: ', log_level: debug', top: 'limits_config: {max_streams: 5}' })
  t.equal(await ask(), 'Configuration changed\nRestart the agent for what changed in: server\n')
  write({ top: 'limits_config: {max_streams: 5}' })
  t.equal(await ask(), 'Configuration unchanged\n', 'written back')
})

test('SIGHUP reads the configuration file again', async t => {
  const directory = t.testdir({ 'a.log': '1\n', 'b.log': '2\n' })
  const receiver = await startReceiver(t)
  const clients = clientOf(receiver.url)
  const path = `${directory}/agent.yaml`
  writeFileSync(path, configOf(directory, { clients, jobs: jobOf(directory, 'a') }))
  const child = await spawnAgent(t, path)
  let logged = ''
  child.stderr!.on('data', chunk => {
    logged += chunk
  })
  await receiver.until(() => receiver.entries.length === 1)
  writeFileSync(path, 'clients: [')
  child.kill('SIGHUP')
  await waitFor(() => logged.includes('the old one stays in force'))
  t.match(logged, /agent\.yaml:\d+:\d+: This is not YAML/)
  const both = jobOf(directory, 'a') + jobOf(directory, 'b')
  writeFileSync(path, configOf(directory, { clients, jobs: both }))
  child.kill('SIGHUP')
  await receiver.until(() => receiver.entries.length === 2)
  t.equal(receiver.entries[1]!.line, '2')
})

test('Sources other than files come, stay and go with a reload', async t => {
  const directory = t.testdir({ 'a.log': 'a 1\n' })
  const receiver = await startReceiver(t)
  const source = (name: string) => `  - job_name: ${name}
    loki_push_api:
      server: {http_listen_address: 127.0.0.1, http_listen_port: 0, grpc_listen_port: 0}
      labels: {job: ${name}}
`
  const clients = clientOf(receiver.url)
  const a = jobOf(directory, 'a')
  const { agent, reload } = await startReloadable(t, { clients, jobs: a }, directory)
  const placeOf = (name: string) => agent.sources().find(({ job }) => job === name)!.place
  const push = async (place: string, line: string) => {
    const request = fetch(`${place}/promtail/api/v1/raw`, { method: 'POST', body: line })
    return (await request.catch(() => undefined))?.status
  }
  await receiver.until(() => receiver.entries.length === 1)
  t.equal(await reload({ jobs: a + source('p') }), 'changed')
  const place = placeOf('p')
  t.equal(await push(place, 'pushed'), 204)
  await receiver.until(() => receiver.entries.length === 2)
  // A second source is added; the first one is not touched.
  t.equal(await reload({ jobs: a + source('p') + source('q') }), 'changed')
  t.equal(await push(place, 'pushed again'), 204)
  t.equal(await push(placeOf('q'), 'pushed to q'), 204)
  await receiver.until(() => receiver.entries.length === 4)
  // With another client all sources restart and reach it.
  const second = await startReceiver(t)
  const both = `${clients}, ${clientOf(second.url, ', name: second')}`
  t.equal(await reload({ clients: both }), 'changed')
  t.equal(await push(placeOf('p'), 'to both'), 204)
  await second.until(() => second.entries.some(({ line }) => line === 'to both'))
  await receiver.until(() => receiver.entries.some(({ line }) => line === 'to both'))
  const last = placeOf('p')
  t.equal(await reload({ jobs: a }), 'changed')
  t.same(agent.sources(), [])
  t.equal(await push(last, 'too late'), undefined)
})

test('-config.auto-reload reads the configuration file again when it changes', async t => {
  const directory = t.testdir({ 'a.log': '1\n', 'b.log': '2\n', 'c.log': '3\n', v1: {}, v2: {} })
  const receiver = await startReceiver(t)
  const clients = clientOf(receiver.url)
  const write = (version: string, ...jobs: string[]) =>
    writeFileSync(
      `${directory}/${version}/agent.yaml`,
      configOf(directory, { clients, jobs: jobs.map(job => jobOf(directory, job)).join('') }),
    )
  // A ConfigMap: the file is a link into a directory that gets replaced.
  write('v1', 'a')
  write('v2', 'a', 'b')
  const path = `${directory}/agent.yaml`
  symlinkSync('v1', `${directory}/data`)
  symlinkSync('data/agent.yaml', path)
  const child = await spawnAgent(t, path, { args: ['-config.auto-reload'] })
  let logged = ''
  child.stderr!.on('data', chunk => {
    logged += chunk
  })
  await receiver.until(() => receiver.entries.length === 1)
  symlinkSync('v2', `${directory}/next`)
  renameSync(`${directory}/next`, `${directory}/data`)
  await receiver.until(() => receiver.entries.length === 2)
  t.equal(receiver.entries[1]?.line, '2')
  writeFileSync(`${directory}/v2/agent.yaml`, 'clients: [')
  await waitFor(() => logged.includes('the old one stays in force'))
  write('v2', 'a', 'b', 'c')
  await receiver.until(() => receiver.entries.length === 3)
  const count = (text: string) => logged.split(text).length - 1
  t.equal(count('the old one stays in force'), 1, 'what cannot be used is told once')
  t.equal(count('Configuration reloaded'), 2)
})

test('A mistake in one job does not affect the lines of others; a reload requires its correction', async t => {
  const directory = t.testdir({ 'a.log': 'a 1\n', 'b.log': 'b 1\n', 'c.log': 'c 1\n' })
  const receiver = await startReceiver(t)
  const path = `${directory}/agent.yaml`
  const replace = (expression: string) =>
    `    pipeline_stages: [replace: {expression: '${expression}', replace: x}]\n`
  const write = (expression: string, encoding: string) => {
    const jobs = [
      jobOf(directory, 'a'),
      jobOf(directory, 'b', replace(expression)),
      jobOf(directory, 'c', `    encoding: ${encoding}\n`),
    ]
    const clients = clientOf(receiver.url)
    writeFileSync(path, configOf(directory, { clients, jobs: jobs.join('') }))
  }
  write('b', 'klingon')
  const child = await spawnAgent(t, path)
  let logged = ''
  child.stderr!.on('data', chunk => {
    logged += chunk
  })
  await receiver.until(() => receiver.entries.length === 2)
  const linesOf = () => receiver.entries.map(({ line }) => line).sort()
  t.same(linesOf(), ['a 1', 'b 1'], 'the job goes on without the stage, the files are not read')

  write('(b)', 'klingon')
  child.kill('SIGHUP')
  await waitFor(() => logged.includes('the old one stays in force'))
  t.match(
    logged,
    /agent\.yaml:\d+:\d+: \S+\.encoding must be an IANA name .*found the text \\"klingon\\"/,
  )
  write('(b)', 'latin1')
  appendFileSync(`${directory}/b.log`, 'b 2\n')
  await receiver.until(() => receiver.entries.length === 3)
  child.kill('SIGHUP')
  await receiver.until(() => receiver.entries.length === 4)
  appendFileSync(`${directory}/b.log`, 'b 3\n')
  await receiver.until(() => receiver.entries.length === 5)
  t.same(linesOf(), ['a 1', 'b 1', 'b 2', 'c 1', 'x 3'])
})

test('Parts left out because of a mistake are counted, and shown with the configuration', async t => {
  const directory = t.testdir({ 'a.log': 'a 1\n' })
  const receiver = await startReceiver(t)
  const clients = clientOf(receiver.url)
  const sound = jobOf(directory, 'a')
  const wrong = jobOf(directory, 'b', '    encoding: klingon\n')
  const { agent, reload } = await startReloadable(t, { clients, jobs: sound + wrong }, directory)
  await receiver.until(() => receiver.entries.length === 1)
  t.equal(await metricOf(agent, 'skald_agent_config_mistakes'), 1)
  const page = () => fetch(`${agent.url}/config`).then(response => response.text())
  t.match(
    await page(),
    /test\.yaml:\d+:\d+: \S+\.encoding must be an IANA name .*found the text &quot;klingon&quot;/,
  )
  t.equal(await reload({ jobs: sound }), 'unchanged')
  t.notMatch(await page(), 'klingon')
  t.equal(await metricOf(agent, 'skald_agent_config_mistakes'), 0)
})
