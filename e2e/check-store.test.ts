// Checks of a store's configuration: `skald check` of twenty faulty files, each with file, line,
// column and remedy, and /config of a running store with file, environment and flags.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { t as root, type Test, test } from 'tap'
import { parse } from 'yaml'
import { loopbackHost, reservePort, spawnSkald, waitUntilReady } from './skald-process.ts'

root.setTimeout(170_000)

/** Runs the command until it ends. */
async function run(t: Test, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const outputFile = join(t.testdirName, `${args[0]}-${Math.random()}.log`)
  const skald = spawnSkald({ args, outputFile, env })
  const { code } = await skald.exited
  return { code, output: skald.output() }
}

/** Faulty files. The mistake is at the position in the message, and the message says what to do. */
const faulty: readonly (readonly [text: string, message: string])[] = [
  [
    'auth_enabled: false\nserver:\n  http_listen_prot: 3100\n',
    '3:3: Unknown key http_listen_prot in server: did you mean http_listen_port?',
  ],
  [
    'limits_config:\n  retention_perid: 744h\n',
    '2:3: Unknown key retention_perid in limits_config: did you mean retention_period?',
  ],
  [
    'querrier: {max_concurrent: 4}\n',
    '1:1: Unknown key querrier in the configuration: did you mean querier?',
  ],
  ['runtime_config: {files: x}\n', '1:18: Unknown key files in runtime_config: did you mean file?'],
  [
    'server:\n  log_level: infos\n',
    '2:3: server.log_level must be one of info, debug, warn, error, found the text "infos": did you mean info?',
  ],
  [
    'server: {http_listen_port: 99999}\n',
    '1:10: server.http_listen_port must be at most 65535, found the number 99999',
  ],
  ['auth_enabled: perhaps\n', '1:1: auth_enabled must be true or false, found the text "perhaps"'],
  [
    'limits_config:\n  max_line_size: big\n',
    '2:3: limits_config.max_line_size must be a byte size such as 256KB or 1048576, found the text "big"',
  ],
  [
    'limits_config:\n  query_timeout: fast\n',
    '2:3: limits_config.query_timeout must be a duration such as 30s, 10m or 7d, found the text "fast"',
  ],
  [
    `limits_config:\n  retention_stream:\n    - selector: '{app='\n      period: 24h\n`,
    '2:3: limits_config.retention_stream: "{app=" is not a selector',
  ],
  [
    'limits_config:\n  deletion_mode: whole-stream\n',
    '2:3: limits_config.deletion_mode must be one of filter-and-delete, filter-only, disabled, found',
  ],
  [
    'auth_enabled: true\nauth_enabled: false\n',
    '2:1: auth_enabled is given twice in the configuration: remove one of the two',
  ],
  ['server: {http_listen_port: 1\n', '2:1: This is not YAML: '],
  [
    'schema_config:\n  configs:\n    - from: 2024-01-01\n      object_store: s3\n',
    '4:7: storage_config.aws.bucketnames: no bucket is named: ',
  ],
  [
    'common:\n  storage:\n    gcs:\n      bucket_name: logs\n',
    '3:5: common.storage.gcs: the lines would be on the local disk, not in that storage; use a bucket that speaks S3 ',
  ],
  [
    'ruler_storage:\n  backend: gcs\n',
    '2:3: ruler_storage.backend: rules are read from local files and by API, so the alerts in that storage would not fire; write local',
  ],
  [
    'querier:\n  per_request_limits_enabled: true\n',
    '2:3: querier.per_request_limits_enabled: limits that a proxy sends in request headers would not apply; remove it',
  ],
  [
    'server:\n  http_tls_config:\n    cert_file: /c.pem\n',
    '2:3: server.http_tls_config.key_file: it is missing: write the file of the key',
  ],
  [
    'target: write\n',
    '1:1: target: one process does everything, and cannot run as write alone; write all',
  ],
  [
    'distributor: {kafka_writes_enabled: true}\n',
    '1:15: distributor.kafka_writes_enabled: the store takes pushes and keeps lines in local files, and does not write or read Kafka; remove this key',
  ],
]

test('skald check reports file, line, column and remedy for twenty faulty files', async t => {
  const dir = t.testdir({})
  t.equal(faulty.length, 20)
  const paths = faulty.map(([text], i) => {
    const path = join(dir, `${i}.yaml`)
    writeFileSync(path, text)
    return path
  })
  const { code, output } = await run(t, ['check', ...paths])
  t.equal(code, 1)
  const lines = output.trimEnd().split('\n')
  t.equal(lines.length, faulty.length, output)
  for (const [i, [, message]] of faulty.entries()) {
    const place = `${paths[i]}:${message}`
    t.equal(lines[i]?.slice(0, place.length), place)
  }
})

test('skald check reports all mistakes of a file, in one format for agent and store files', async t => {
  const dir = t.testdir({
    'store.yaml': 'server:\n  nothing: 1\nlimits_config:\n  max_line_size: big\ntarget: read\n',
    'agent.yaml': 'server:\n  nothing: 1\nclients:\n  - url: http://h\nscrape_configs: []\n',
    'good.yaml': 'server: {grpc_listen_port: 1}\nruler:\n  rule_path: /tmp/loki/rules-temp\n',
  })
  const path = (name: string) => join(dir, name)
  const { code, output } = await run(t, [
    'check',
    ...['store.yaml', 'agent.yaml', 'good.yaml'].map(path),
  ])
  t.equal(code, 1)
  const found = (name: string) =>
    output
      .split('\n')
      .flatMap(line => (line.startsWith(path(name)) ? [line.slice(path(name).length)] : []))
  t.match(found('store.yaml'), [
    /^:2:3: Unknown key nothing in server: known keys are http_listen_address, /,
    /^:4:3: limits_config\.max_line_size must be a byte size/,
    /^:5:1: target: /,
  ])
  t.match(found('agent.yaml'), [/^:2:3: Unknown key nothing in server: known keys are /])
  t.match(found('good.yaml'), [
    /^:1:10: server\.grpc_listen_port has no meaning here: it may be removed$/,
    /^:3:3: ruler\.rule_path has no meaning here: it may be removed$/,
    /^: valid store configuration$/,
  ])
})

test('/config shows the configuration in force: file, environment and flags', async t => {
  const dir = t.testdir({})
  mkdirSync(join(dir, 'data'))
  const port = await reservePort()
  const configFile = join(dir, 'loki.yaml')
  writeFileSync(
    configFile,
    `auth_enabled: \${AUTH}
server:
  http_listen_port: 1
  http_path_prefix: /logs
  log_level: info
  grpc_listen_port: 9095
  http_server_idle_timeout: 3m
common: {path_prefix: /nowhere, replication_factor: 1}
storage_config: {aws: {secret_access_key: verysecret}}
schema_config: {configs: [{from: 2024-01-01, object_store: filesystem}]}
table_manager: {retention_deletes_enabled: true, retention_period: \${DAYS:-7}d}
limits_config: {per_stream_rate_limit: 5MB}
`,
  )
  const skald = spawnSkald({
    args: [
      ...['store', `-config.file=${configFile}`, '-config.expand-env'],
      ...[`-server.http-listen-address=${loopbackHost}`, `-server.http-listen-port=${port}`],
      ...[`-common.path-prefix=${join(dir, 'data')}`, '-log.level=warn', '-server.path-prefix=/l/'],
      ...['-target=all', '-server.grpc-listen-port=9095'],
    ],
    outputFile: join(dir, 'store.log'),
    env: { AUTH: 'true' },
  })
  t.teardown(() => skald.end('SIGTERM'))
  const url = `http://${loopbackHost}:${port}/l`
  await waitUntilReady(skald, `${url}/ready`, 30_000)
  const text = await (await fetch(`${url}/config`)).text()
  t.notMatch(text, 'verysecret')
  t.notMatch(text, 'grpc_listen_port')
  const shown = parse(text)
  t.match(shown, {
    target: 'all',
    auth_enabled: true,
    server: {
      http_listen_address: loopbackHost,
      http_listen_port: port,
      http_path_prefix: '/l',
      log_level: 'warn',
      http_server_idle_timeout: '3m',
    },
    common: { path_prefix: join(dir, 'data') },
    compactor: { retention_enabled: true },
    limits_config: {
      retention_period: '7d',
      per_stream_rate_limit: '5MB',
      ingestion_rate_mb: 4,
      max_line_size: '256KB',
    },
  })
  t.same(Object.keys(shown.common), ['path_prefix'])
  t.match(
    skald.output(),
    `${configFile}: without meaning here: server.grpc_listen_port (line 6), common.replication_factor (line 8), ` +
      'storage_config.aws (line 9), schema_config (line 10)',
  )
  t.match(skald.output(), 'command line: without meaning here: -server.grpc-listen-port')
  await fetch(`${url}/log_level`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: 'log_level=debug',
  })
  t.equal(parse(await (await fetch(`${url}/config`)).text()).server.log_level, 'debug')
})

test('flags for a single part of Loki are refused, and -print-config-stderr prints', async t => {
  const dir = t.testdir({ 'loki.yaml': 'auth_enabled: false\n' })
  const file = `-config.file=${join(dir, 'loki.yaml')}`
  const refused = await run(t, ['store', file, '-target=read'])
  t.equal(refused.code, 1)
  t.match(refused.output, /command line: -target: .* read alone does not exist; write -target=all/)
  const unknown = await run(t, ['store', file, '-querier.max-concurrent=3'])
  t.not(unknown.code, 0)
  t.match(unknown.output, /flag provided but not defined: -querier\.max-concurrent/)
  const printed = await run(t, [
    ...['store', file, '-verify-config', '-print-config-stderr', '-log.level=error'],
    '-target=all',
  ])
  t.equal(printed.code, 0)
  t.match(printed.output, /^ {2}log_level: error$/m)
  t.match(printed.output, /^config is valid$/m)
})
