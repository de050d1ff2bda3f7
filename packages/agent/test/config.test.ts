import { test } from 'tap'
import { ConfigError, defaultAgentConfig, loadAgentConfig } from '../src/index.ts'

const base = `clients:
  - url: http://127.0.0.1:3100/loki/api/v1/push
scrape_configs:
  - job_name: a
    static_configs:
      - labels: {job: a, __path__: /var/log/*.log}
`

/** Loads a text and returns its problems as `line:message`. */
async function problemsOf(text: string): Promise<string[]> {
  try {
    await loadAgentConfig({ text, path: 'agent.yaml' })
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.problems.map(({ line, message }) => `${line}:${message}`)
  }
}

test('loadAgentConfig fills in Promtail’s defaults', async t => {
  const config = await loadAgentConfig({ text: base, path: 'agent.yaml' })
  t.equal(config.server.httpListenPort, 80)
  t.equal(config.positions.filename, '/var/log/positions.yaml')
  t.match(config.clients[0], { batchWaitMs: 1000, batchBytesMax: 1_048_576, tenantId: '' })
  t.equal(config.clients[0]?.backoff.attemptsMax, 0, 'a batch is tried without end')
})

test('loadAgentConfig finds all mistakes at once, in order', async t => {
  const problems = await problemsOf(`server: {http_listen_prt: 5}
target_config: {sync_period: soon}
${base}    pipeline_stages:
      - regex: {expression: '('}
      - drop: {expression: x, drop_reason: y}
`)
  t.equal(problems.length, 4)
  t.match(problems[0], /^1:Unknown key http_listen_prt in server: did you mean http_listen_port\?/)
  t.match(problems[1], /^2:sync_period must be a duration/)
  t.match(problems[2], /^10:expression \( does not compile/)
  t.match(problems[3], /^11:Unknown key drop_reason in drop/)
})

test('loadAgentConfig says file, line and column', async t => {
  await t.rejects(loadAgentConfig({ text: `${base}nothing: 1\n`, path: '/etc/agent.yaml' }), {
    code: 'CONFIG_INVALID',
    message: /^\/etc\/agent.yaml:7:1: Unknown key nothing/,
  })
})

test('loadAgentConfig refuses what is not built by its name', async t => {
  const [problem] = await problemsOf(base.replace(/static_configs:[\s\S]*/, 'ec2_sd_configs: []\n'))
  t.match(problem, /^5:ec2_sd_configs is not supported/)
})

test('loadAgentConfig refuses each other kind of discovery, and says what to do instead', async t => {
  const kinds = ['azure', 'digitalocean', 'ec2', 'gce', 'openstack', 'triton']
  for (const kind of kinds) {
    const body = `${kind}_sd_configs: [{server: a}]\n`
    const problems = await problemsOf(base.replace(/static_configs:[\s\S]*/, body))
    t.equal(problems.length, 1, kind)
    const instead = /^5:\w+_sd_configs is not supported: .*(file_sd_configs|docker_sd_configs)/
    t.match(problems[0], instead, kind)
  }
})

test('loadAgentConfig reads YAML 1.1 booleans and merged maps', async t => {
  const config = await loadAgentConfig({
    text: `defaults: &d {url: "http://h/p", batchwait: 5s}\n`.replace('defaults: &d', 'client: &d'),
    path: 'agent.yaml',
  })
  t.equal(config.clients[0]?.batchWaitMs, 5000)
  const merged = await loadAgentConfig({
    text: `clients:\n  - &c {url: "http://h/p", batchwait: 5s}\n  - {<<: *c, name: b, drop_rate_limited_batches: yes}\n`,
    path: 'agent.yaml',
  })
  t.match(merged.clients[1], { name: 'b', batchWaitMs: 5000, dropsRateLimited: true })
})

test('loadAgentConfig expands the environment only when told', async t => {
  const text = base.replace('job: a', `job: "\${JOB:-none}"`)
  const jobOf = async (expandEnv: boolean) => {
    const config = await loadAgentConfig({ text, path: 'a.yaml', expandEnv, env: { JOB: 'web' } })
    return config.scrapeConfigs[0]?.staticConfigs[0]?.labels.get('job')
  }
  t.equal(await jobOf(true), 'web')
  t.equal(await jobOf(false), `\${JOB:-none}`)
})

test('Flags win over the file, but not over its external labels', async t => {
  const text = base.replace('/push\n', '/push\n    external_labels: {a: file}\n')
  const config = await loadAgentConfig({
    text,
    path: 'a.yaml',
    flags: {
      'server.http-listen-port': '9999',
      'client.external-labels': 'a=flag,b=flag',
      'client.url': 'http://other/push',
    },
  })
  t.equal(config.server.httpListenPort, 9999)
  t.strictSame(
    config.clients.map(({ transport }) => transport.url.host),
    ['other', '127.0.0.1:3100'],
  )
  t.strictSame(Object.fromEntries(config.clients[1]!.externalLabels), { a: 'file', b: 'flag' })
})

test('defaultAgentConfig can be loaded', async t => {
  const text = defaultAgentConfig({ pushUrl: 'http://127.0.0.1:3100/push', dataDir: '/data' })
  const config = await loadAgentConfig({ text, path: 'embedded' })
  t.equal(config.positions.filename, '/data/positions.yaml')
  t.ok(config.target.readsFilesOnce)
  t.equal(config.scrapeConfigs[0]?.jobName, 'pods')
})
