import { test } from 'tap'
import { ConfigError, defaultAgentConfig, loadAgentConfig } from '../../src/index.ts'

const base = `clients:
  - url: http://127.0.0.1:3100/loki/api/v1/push
scrape_configs:
  - job_name: a
    static_configs:
      - labels: {job: a, __path__: /var/log/*.log}
`

/** Loads a configuration and returns its problems as `line:message`. */
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
  t.match(problems[1], /^2:target_config\.sync_period must be a duration/)
  t.match(
    problems[2],
    /^10:scrape_configs\[0\]\.pipeline_stages\[0\]\.regex\.expression \( does not compile/,
  )
  t.match(
    problems[3],
    /^11:Unknown key drop_reason in scrape_configs\[0\]\.pipeline_stages\[1\]\.drop: /,
  )
})

test('loadAgentConfig reports file, line and column', async t => {
  await t.rejects(loadAgentConfig({ text: `${base}nothing: 1\n`, path: '/etc/agent.yaml' }), {
    code: 'CONFIG',
    message: /^\/etc\/agent.yaml:7:1: Unknown key nothing/,
  })
})

test('loadAgentConfig refuses unsupported keys by name', async t => {
  const [problem] = await problemsOf(base.replace(/static_configs:[\s\S]*/, 'ec2_sd_configs: []\n'))
  t.match(problem, /^5:scrape_configs\[0\]\.ec2_sd_configs is not supported/)
})

test('loadAgentConfig refuses every unsupported kind of discovery and says what to do instead', async t => {
  const kinds = ['azure', 'digitalocean', 'ec2', 'gce', 'openstack', 'triton']
  for (const kind of kinds) {
    const body = `${kind}_sd_configs: [{server: a}]\n`
    const problems = await problemsOf(base.replace(/static_configs:[\s\S]*/, body))
    t.equal(problems.length, 1, kind)
    const instead =
      /^5:scrape_configs\[0\]\.\w+_sd_configs is not supported: .*(file_sd_configs|docker_sd_configs)/
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

test("loadAgentConfig refuses a store's configuration in one sentence", async t => {
  t.match(await problemsOf('auth_enabled: false\nserver: {http_listen_port: 3100}\ncommon: {}\n'), [
    /^1:This is a store's \(Loki's\) configuration, .*: run skald store with it$/,
  ])
})

test('loadAgentConfig names the stage or key that was meant', async t => {
  const text = `${base.replace('- labels:', '- lables: {}\n        labels:')}    pipeline_stages: [{regexp: {expression: a}}]\n`
  t.match(await problemsOf(text), [
    /^6:Unknown key lables in scrape_configs\[0\]\.static_configs\[0\]: did you mean labels\?$/,
    /^8:Unknown stage type regexp: did you mean regex\?$/,
  ])
})

test('loadAgentConfig refuses aliases that would fill the memory', async t => {
  const levels = Array.from({ length: 9 }, (_, i) => {
    const items = Array.from({ length: 10 }, () => (i === 0 ? 'x' : `*l${i - 1}`))
    return `l${i}: &l${i} [${items.join(', ')}]`
  })
  t.match(await problemsOf(`${levels.join('\n')}\n${base}`), [/^1:Aliases make this document more/])
})

test('loadAgentConfig reports a duplicate key once', async t => {
  const problems = await problemsOf(`${base}    job_name: b\n`)
  t.equal(problems.length, 1)
  t.match(problems[0], /^7:job_name is given twice/)
})

test('loadAgentConfig refuses aliases of unknown anchors or of an enclosing value', async t => {
  const circle = `${base}    pipeline_stages: &s [{match: {selector: '{a="b"}', stages: *s}}]\n`
  t.match(await problemsOf(circle), [
    /^7:\*s is inside the value that &s names, which would never end$/,
  ])
  t.match(await problemsOf(`${base}    relabel_configs: &r [*r]\n`), [
    /^7:\*r is inside the value that &r names/,
  ])
  const unknown = `${base}    relabel_configs: *none\n`
  t.match(await problemsOf(unknown), [/^7:\*none names nothing: write &none before/])
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

test('Flags override the file, except for its external labels', async t => {
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

test('loadAgentConfig accepts the numbers of YAML 1.1, and no strings as numbers', async t => {
  const portOf = async (port: string) => {
    const text = `server: {http_listen_port: ${port}}\n${base}`
    return (await loadAgentConfig({ text, path: 'a.yaml' })).server.httpListenPort
  }
  for (const port of ['80', '8_0', '0x50', '0120', '0b1010000', '8e1', '80.0']) {
    t.equal(await portOf(port), 80, port)
  }
  for (const port of ['"80"', '80.5', '1e2x', '65536', '-1', '99999999999999999999']) {
    t.match(await problemsOf(`server: {http_listen_port: ${port}}\n${base}`), [/^1:/], port)
  }
  t.match(await problemsOf(base.replace('/push', '/push\n    batchsize: "5"')), [/without quotes/])
})

test('loadAgentConfig refuses what Promtail cannot start with', async t => {
  const client = (keys: string) => base.replace('/push\n', `/push\n    ${keys}\n`)
  const job = (source: string) => base.replace(/static_configs:[\s\S]*/, `${source}\n`)
  const mistakes: readonly [string, RegExp][] = [
    [`server: {external_url: "http://[::1"}\n${base}`, /^1:server\.external_url must be a URL/],
    [
      `server: {http_listen_network: udp}\n${base}`,
      /^1:server\.http_listen_network must be one of tcp/,
    ],
    [
      `server: {grpc_listen_port: 70000}\n${base}`,
      /^1:server\.grpc_listen_port must be at most 65535, found the number 70000/,
    ],
    [`server: {grpc_tls_config: {bogus: 1}}\n${base}`, /^1:Unknown key bogus/],
    [`server: {tls_min_version: TLS12}\n${base}`, /^1:server\.tls_min_version must be one of/],
    [`server: {http_path_prefix: agent}\n${base}`, /^1:server\.http_path_prefix must start with/],
    [`positions: {sync_period: 0s}\n${base}`, /^1:positions\.sync_period must be above zero/],
    [`positions: {filename: ""}\n${base}`, /^1:positions\.filename must name/],
    [`wal: {watchConfig: {foo: 1s}}\n${base}`, /^1:Unknown key foo/],
    ['clients: []\n', /^1:At least one client/],
    [
      base.replace('/loki/api', '/%zz'),
      /^2:clients\[0\]\.url must be an http or https URL .*, found the text/,
    ],
    [
      base.replace('url: ', 'url: " ').replace('/push', '/push"'),
      /^2:clients\[0\]\.url must be an http or https URL .*, found the text/,
    ],
    [client('no_proxy: a'), /^3:no_proxy needs a proxy_url/],
    [client('http_headers: {Authorization: {values: [a]}}'), /^3:setting header Authorization/],
    [
      client('tls_config: {ca: nothing}'),
      /^3:clients\[0\]\.tls_config: the given ca contains no PEM certificate/,
    ],
    [client('tls_config: {cert: a}'), /^3:clients\[0\]\.tls_config needs both/],
    [client('tls_config: {cert: a, key: b}'), /^3:clients\[0\]\.tls_config cannot be used/],
    [client('tls_config: {min_version: TLS13, max_version: TLS12}'), /^3:max_version must not/],
    [job('static_configs:'), /^4:no valid target scrape config/],
    [job('gelf:'), /^4:no valid target scrape config/],
    [job('file_sd_configs: [{files: ["[.json"]}]'), /^5:\[\.json is not a valid glob/],
    [
      job('file_sd_configs: [{files: [a.json], refresh_interval: 1.5s}]'),
      /^5:.*\.refresh_interval must be/,
    ],
    [job('file_sd_configs: [{files: [a.json], refresh_interval: 0s}]'), /^5:.* above zero/],
    [
      job('syslog: {listen_address: ":0", max_message_length: 8KB}'),
      /^5:.*\.max_message_length must be/,
    ],
    [
      job('loki_push_api: {server: {http_listen_port: 1, disable: true}}'),
      /^5:Unknown key disable/,
    ],
  ]
  for (const [text, expected] of mistakes) t.match(await problemsOf(text), [expected], text)
})

test('loadAgentConfig starts with what Promtail starts with', async t => {
  const client = (keys: string) => base.replace('/push\n', `/push\n    ${keys}\n`)
  const job = (source: string) => base.replace(/static_configs:[\s\S]*/, `${source}\n`)
  const texts = [
    `server: {http_tls_config: {}, http_listen_conn_limit: -1, log_format: ""}\n${base}`,
    `server: {grpc_server_stats_tracking_enabled: true}\n${base}`,
    `server: {grpc_server_recv_buffer_pools_enabled: false}\n${base}`,
    `server: {report_grpc_codes_in_instrumentation_label_enabled: true}\n${base}`,
    client('proxy_url: ""'),
    client('bearer_token_file: /none/comes/later'),
    client('basic_auth: {username: a, password_file: /none/comes/later}'),
    job('file_sd_configs: [{files: [a.json], refresh_interval: 1d}]'),
    job('syslog: {listen_address: ":0", listen_protocol: "", syslog_format: "", tls_config: {}}'),
  ]
  for (const text of texts) t.strictSame(await problemsOf(text), [], text)
})

test('A client without a url adds its labels to all clients', async t => {
  const text = `client: {external_labels: {a: all, b: all}}\n${base.replace('/push\n', '/push\n    external_labels: {a: own, c: ~}\n')}`
  const [client, second] = (await loadAgentConfig({ text, path: 'a.yaml' })).clients
  t.strictSame(Object.fromEntries(client!.externalLabels), { a: 'own', b: 'all', c: '' })
  t.equal(second, undefined)
  t.match(await problemsOf('client: {external_labels: {a: b}}\n'), [/^1:At least one client/])
})

test('Null label values are empty', async t => {
  const text = base.replace('job: a,', 'job: ~, b: null, c: "~",')
  const [job] = (await loadAgentConfig({ text, path: 'a.yaml' })).scrapeConfigs
  const labels = Object.fromEntries(job!.staticConfigs[0]!.labels)
  t.match(labels, { job: '', b: '', c: '~' })
})

test('defaultAgentConfig can be loaded', async t => {
  const text = defaultAgentConfig({ pushUrl: 'http://127.0.0.1:3100/push', dataDir: '/data' })
  const config = await loadAgentConfig({ text, path: 'embedded' })
  t.equal(config.positions.filename, '/data/positions.yaml')
  t.ok(config.target.readsFilesOnce)
  t.equal(config.scrapeConfigs[0]?.jobName, 'pods')
})

const soundJob = `  - job_name: sound
    static_configs: [{labels: {job: b, __path__: /var/log/b}}]
`
// What is appended to the job of `base`, in line 7, and what remains of that job without it.
const partsWithoutEffect = [
  {
    part: 'encoding: klingon',
    problem: /encoding must be an IANA name .*, found the text "klingon"/,
    left: undefined,
  },
  { part: 'pipeline_stages: [replace: {expression: x, replace: z}]', problem: /has no group/ },
  {
    part: "pipeline_stages: [replace: {expression: '(x)', replace: '{{ .x'}]",
    problem: /replace is not a template/,
  },
  { part: 'pipeline_stages: [regex: {expression: (x)}]', problem: /needs a named group/ },
  { part: 'pipeline_stages: [labels: ]', problem: /labels stage needs/ },
  { part: 'pipeline_stages: [static_labels: {}]', problem: /static_labels stage needs/ },
  { part: 'pipeline_stages: [structured_metadata: ]', problem: /structured_metadata stage needs/ },
  { part: 'pipeline_stages: [metrics: ]', problem: /metrics stage needs/ },
  {
    part: `pipeline_stages: [match: {selector: '{a="b"}', stages: [regex: {expression: x}]}]`,
    problem: /needs a named group/,
    left: { stages: 1, targets: 1 },
  },
  {
    part: '  - labels: {job: c, __path__: "/var/log/[z"}',
    problem: /is not a valid glob/,
    left: { stages: 0, targets: 1 },
  },
]

test('loadAgentConfig leaves out a part without effect if another job is correct', async t => {
  for (const { part, problem, ...rest } of partsWithoutEffect) {
    const left = 'left' in rest ? rest.left : { stages: 0, targets: 1 }
    const text = `${base}    ${part}\n${soundJob}`
    const config = await loadAgentConfig({ text, path: 'agent.yaml' })
    t.equal(config.leftOut.length, 1, part)
    t.match(config.leftOut[0], /^agent\.yaml:7:\d+: /, part)
    t.match(config.leftOut[0], problem)
    const jobs = config.scrapeConfigs
    t.same(
      jobs.map(({ jobName }) => jobName),
      left ? ['a', 'sound'] : ['sound'],
      part,
    )
    const [job] = jobs
    if (left) t.same({ stages: job?.stages.length, targets: job?.staticConfigs.length }, left)
  }
})

test('loadAgentConfig refuses a part without effect if that loses nothing', async t => {
  for (const { part, problem } of partsWithoutEffect) {
    const alone = `${base}    ${part}\n`
    const [found, more] = await problemsOf(alone)
    t.match(found, /^7:/, part)
    t.match(found, problem)
    t.notOk(more)
    const everywhere = `${alone}${soundJob}    encoding: romulan\n`
    t.match(await problemsOf(everywhere), [problem, /romulan/], 'no job is without a mistake')
    const source = { text: `${alone}${soundJob}`, path: 'agent.yaml' }
    await t.rejects(loadAgentConfig({ ...source, isStrict: true }), { message: problem })
  }
  const [first, second, third] = await problemsOf(
    `${base}    encoding: klingon\n${soundJob}    encoding: utf-8\nnothing: 1\n`,
  )
  t.match(first, /klingon/, 'beside a mistake of another kind it is told as well')
  t.match(second, /^11:Unknown key nothing/)
  t.notOk(third)
})

test('loadAgentConfig reads a job with a known encoding, whatever else is wrong in it', async t => {
  const text = `${base}    encoding: UTF-8\n    pipeline_stages: [labels: ]\n${soundJob}`
  const { scrapeConfigs, leftOut } = await loadAgentConfig({ text, path: 'agent.yaml' })
  t.equal(scrapeConfigs.length, 2)
  t.equal(leftOut.length, 1)
})

test('loadAgentConfig refuses buckets that do not increase', async t => {
  const f = async (buckets: string, want: RegExp | undefined) => {
    const config = `{type: Histogram, description: d, config: {buckets: ${buckets}}}`
    const problems = await problemsOf(`${base}    pipeline_stages: [{metrics: {m: ${config}}}]\n`)
    if (want) t.match(problems, [want], buckets)
    else t.strictSame(problems, [], buckets)
  }
  await f('[1, 0.5]', /^7:Each bucket must be above the one before it: 0.5 comes after 1/)
  await f('[1, 1]', /1 comes after 1/)
  await f('[1, .inf, 2]', /2 comes after Infinity/)
  await f('[.inf, .inf]', /above the one before/)
  await f('[-1, 0, 1, .inf]', undefined)
  await f('[]', undefined)
})

test('loadAgentConfig refuses a job whose targets have no path, unless another job is correct', async t => {
  const without = (more = '') => `${base.replace(', __path__: /var/log/*.log', '')}${more}`
  t.match(await problemsOf(without()), [/^5:No target of the job has a path/])
  const rule = (text: string) => without(`    relabel_configs: [{${text}}]\n`)
  t.match(await problemsOf(rule('target_label: other')), [/No target of the job has a path/])
  t.strictSame(await problemsOf(rule('target_label: __path__, replacement: /x')), [])
  t.strictSame(await problemsOf(rule('action: labelmap, regex: a')), [])
  const both = `${without()}  - job_name: b
    static_configs: [{labels: {__path__: /var/log/*.log}}]
`
  const config = await loadAgentConfig({ text: both, path: 'agent.yaml' })
  t.match(config.leftOut, [/No target of the job has a path/])
  await t.rejects(loadAgentConfig({ text: both, path: 'agent.yaml', isStrict: true }))
  const flags = { stdin: 'true' }
  await t.resolves(loadAgentConfig({ text: without(), path: 'agent.yaml', flags, isStrict: true }))
})

test('loadAgentConfig reports where -config.expand-env caused a mistake, and leaves groups alone', async t => {
  const stages = `    pipeline_stages:
      - template: {source: a, template: '{{ regexReplaceAll "(.*?)\\\\.(.*)" .Value "$1" }}'}
      - template: {source: a, template: '{{ nothing'}
`
  const load = (text: string) => loadAgentConfig({ text, path: 'agent.yaml', expandEnv: true })
  const failed = await load(base + stages).then(
    () => t.fail('it is no template'),
    (error: ConfigError) => error.problems,
  )
  t.match(failed, [
    { line: 8, message: /is not a template.*-config.expand-env changed this line/ },
    { line: 9, message: /^((?!expand-env).)*$/ },
  ])
  const rules = `    relabel_configs: [{source_labels: [job], replacement: '/p/$1/\${1}/$\${1}', target_label: p}]
`
  const { doubts, scrapeConfigs } = await load(base + rules)
  t.strictSame(doubts, [])
  t.equal(scrapeConfigs[0]?.relabelRules[0]?.replacement, '/p/$1/${1}/${1}')
})

test('loadAgentConfig names -config.expand-env if a variable is not filled in', async t => {
  const wait = base.replace('clients:', 'server: {http_listen_port: "${PORT}"}\nclients:')
  t.match(await problemsOf(wait), [/\$\{PORT\} is only expanded with -config\.expand-env=true/])
  const flow = base.replace('clients:', 'server: {http_listen_port: ${PORT}}\nclients:')
  const mistakes = await problemsOf(flow)
  t.match(mistakes[0], /^1:.*not YAML.*-config\.expand-env=true/)
  t.ok(
    mistakes.every(text => text.startsWith('1:')),
    'what only follows from that is not told',
  )
  const options = { text: flow, path: 'agent.yaml', expandEnv: true, env: { PORT: '9081' } }
  const { server } = await loadAgentConfig(options)
  t.equal(server.httpListenPort, 9081)
})
