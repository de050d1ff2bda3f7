import { ConfigError } from '@skald/config-reading'
import { test } from 'tap'
import { loadStoreConfig } from '../src/config.ts'
import { defaultMaxMemory } from '../src/memory/memory-plan.ts'

const load = (text: string) => loadStoreConfig(text, 'store.yaml')
const second = 1_000_000_000n

/** Returns the problems of a file as `line: message`. */
function problems(text: string): string[] {
  try {
    load(text)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.problems.map(({ line, message }) => `${line}: ${message}`)
  }
  return []
}

test("an empty file gives Loki's defaults", async t => {
  const { config, idleKeys, doubts } = load('')
  t.same([idleKeys, doubts], [[], []])
  t.match(config, {
    authEnabled: true,
    listenAddress: '',
    listenPort: 3100,
    httpReadTimeoutMs: 30_000,
    httpPathPrefix: '',
    logLevel: 'info',
    logFormat: 'logfmt',
    dataDir: './data',
  })
  t.match(config.limits, {
    maxLineBytes: 256 * 1024,
    truncateLongLines: false,
    maxLabelNameBytes: 1024,
    maxLabelValueBytes: 2048,
    maxLabelNames: 15,
    creationGraceNs: 600n * second,
    discoverLogLevels: true,
    allowStructuredMetadata: true,
    maxStructuredMetadataBytes: 64 * 1024,
    maxStructuredMetadataEntries: 128,
    queryTimeoutNs: 60n * second,
    maxConcurrentTails: 10,
    volumeEnabled: true,
    volumeMaxSeries: 1000,
  })
  t.equal(config.limits.rejectOlderThanNs, undefined)
  t.match(config.limits.query, {
    maxQuerySeries: 500,
    maxEntriesLimitPerQuery: 5000,
    maxQueryLengthNs: 721n * 3600n * second,
    maxQueryRangeNs: 0n,
  })
  t.same(load('# nothing\n').config, config)
})

test("Loki's keys take effect", async t => {
  const { config, idleKeys } = load(`
auth_enabled: false
target: all
server:
  http_listen_address: 127.0.0.1
  http_listen_port: 0
  http_path_prefix: /logs/
  http_server_read_timeout: 1m30s
  log_level: warn
  log_format: json
common:
  path_prefix: /var/lib/skald
limits_config:
  max_line_size: 1MB
  max_line_size_truncate: true
  max_label_names_per_series: 30
  reject_old_samples: true
  reject_old_samples_max_age: 7d
  creation_grace_period: 1h30m
  discover_service_name: []
  discover_log_levels: false
  max_query_length: 0
  required_labels: [app]
`)
  t.same(idleKeys, [])
  t.match(config, {
    authEnabled: false,
    listenAddress: '127.0.0.1',
    listenPort: 0,
    httpReadTimeoutMs: 90_000,
    httpPathPrefix: '/logs',
    logLevel: 'warn',
    logFormat: 'json',
    dataDir: '/var/lib/skald',
  })
  t.match(config.limits, {
    maxLineBytes: 1024 * 1024,
    truncateLongLines: true,
    maxLabelNames: 30,
    rejectOlderThanNs: 7n * 86_400n * second,
    creationGraceNs: 5400n * second,
    discoverServiceName: [],
    discoverLogLevels: false,
  })
  t.match(config.limits.query, { maxQueryLengthNs: 0n, requiredLabels: ['app'] })
})

test('retention is on only if the compactor may delete', async t => {
  const retention = (text: string) => load(text).config.limits.retentionNs
  t.equal(retention(''), 0n)
  t.equal(retention('limits_config: {retention_period: 30d}'), 0n)
  const enabled = 'compactor: {retention_enabled: true, working_directory: /x}\n'
  t.equal(retention(`${enabled}limits_config: {retention_period: 744h}`), 744n * 3600n * second)
  t.equal(retention(enabled), 0n)
})

test("the retention of an old configuration's table manager applies", async t => {
  const f = (text: string, mayDelete: boolean, hours: bigint) => {
    const { config } = load(text)
    t.same([config.mayDelete, config.limits.retentionNs], [mayDelete, hours * 3600n * second], text)
  }
  const manager = 'table_manager: {retention_deletes_enabled: true, retention_period: 336h}'
  f(manager, true, 336n)
  f('table_manager: {retention_deletes_enabled: false, retention_period: 336h}', false, 0n)
  f(`${manager}\nlimits_config: {retention_period: 48h}`, true, 48n)
  f(`${manager}\nlimits_config: {retention_period: 0}`, true, 336n)
  t.same(load(`${manager}\n`).idleKeys, [])
  t.match(problems('table_manager:\n  retention_period: often'), [
    /^2: table_manager\.retention_period must be a duration such as /,
  ])
})

test('durations', async t => {
  const f = (text: string, want: bigint) =>
    t.equal(
      load(`limits_config: {query_timeout: ${text}}`).config.limits.queryTimeoutNs,
      want,
      text,
    )
  f('30s', 30n * second)
  f('1m', 60n * second)
  f('1h30m', 5400n * second)
  f('1w', 7n * 86_400n * second)
  f('1.5h', 5400n * second)
  f('100ms', second / 10n)
  f('0', 0n)
  f('0s', 0n)
  t.match(problems('limits_config:\n  query_timeout: fast'), [
    /^2: limits_config\.query_timeout must be a duration such as 30s, 10m or 7d, found the text "fast"$/,
  ])
  t.match(problems('limits_config:\n  query_timeout: 5'), [
    /^2: limits_config\.query_timeout must be a duration .*, found the number 5$/,
  ])
})

test('sizes', async t => {
  const f = (text: string, want: number) =>
    t.equal(load(`limits_config: {max_line_size: ${text}}`).config.limits.maxLineBytes, want, text)
  f('0', 0)
  f('1000', 1000)
  f('256KB', 256 * 1024)
  f('1MB', 1024 * 1024)
  t.match(problems('limits_config: {max_line_size: big}'), [
    /^1: limits_config\.max_line_size must be a byte size/,
  ])
  t.match(problems('limits_config: {max_line_size: -1}'), [
    /^1: limits_config\.max_line_size must be/,
  ])
})

test('memory is a byte size; 0 means no limit, and the machine decides if it is not set', async t => {
  t.equal(load('max_memory: 400MB').config.maxMemoryBytes, 400 * 1024 * 1024)
  t.equal(load('max_memory: 0').config.maxMemoryBytes, 0)
  t.equal(load('').config.maxMemoryBytes, defaultMaxMemory())
  t.match(problems('max_memory: much'), [/^1: max_memory must be a byte size/])
})

test('unknown keys are all reported at once, with their lines', async t => {
  t.same(problems('auth_enabled: false\nserver:\n  http_listen_prot: 80\nnonsense: 1\n').sort(), [
    '3: Unknown key http_listen_prot in server: did you mean http_listen_port?',
    '4: Unknown key nonsense in the configuration: known keys are auth, auth_enabled, chunk_store_config, common, ' +
      'compactor, limits_config, max_memory, page, pattern_ingester, querier, receivers, ruler, ruler_storage, runtime_config, server, skald, storage_config, table_manager',
  ])
  t.match(problems('limits_config:\n  nonsense: 1'), [
    /^2: Unknown key nonsense in limits_config: remove it, or check its spelling$/,
  ])
  t.same(problems('compactor:\n  retention_stream: []\nhttp_listen_port: 80'), [
    '2: Unknown key retention_stream in compactor: did you mean limits_config.retention_stream?',
    '3: Unknown key http_listen_port in the configuration: did you mean server.http_listen_port?',
  ])
  t.same(problems('multi_tenant_queries_enabled: true'), [
    '1: Unknown key multi_tenant_queries_enabled in the configuration: did you mean querier.multi_tenant_queries_enabled?',
  ])
  t.same(problems('querrier: {}'), [
    '1: Unknown key querrier in the configuration: did you mean querier?',
  ])
})

test('values of the wrong type are reported with their line', async t => {
  const f = (text: string, want: string) => t.same(problems(text), [want])
  f('auth_enabled: maybe', '1: auth_enabled must be true or false, found the text "maybe"')
  f(
    'server:\n  http_listen_port: 70000',
    '2: server.http_listen_port must be at most 65535, found the number 70000',
  )
  f(
    'server:\n  http_listen_port: "x"',
    '2: server.http_listen_port must be a whole number, found the text "x"',
  )
  f(
    'server:\n\n  log_level: debugg',
    '3: server.log_level must be one of info, debug, warn, error, found the text "debugg": did you mean debug?',
  )
  f(
    'limits_config:\n  required_labels: app',
    '2: limits_config.required_labels must be a list, found the text "app"',
  )
  f(
    'limits_config:\n  required_labels: [a,\n    {}]',
    '3: limits_config.required_labels[1] must be a string, found a map',
  )
  f(
    'limits_config: {max_query_series: -1}',
    '1: limits_config.max_query_series must not be negative, found the number -1',
  )
  f(
    'limits_config: {query_timeout: [1]}',
    '1: limits_config.query_timeout must be a duration such as 30s, 10m or 7d, found a list',
  )
  f(
    'limits_config: {max_line_size: true}',
    '1: limits_config.max_line_size must be a byte size such as 256KB or 1048576, found the boolean true',
  )
  f(
    'just text',
    '1: the configuration must be a map (a config block of keys and values), found the text "just text"',
  )
  f(
    '- a\n- b',
    '1: the configuration must be a map (a config block of keys and values), found a list',
  )
})

test('a plain number or boolean is accepted as a text, and numbers follow YAML 1.1', async t => {
  const { config, raw } = load(`common: {path_prefix: 2024}
server: {http_path_prefix: yes, http_listen_port: 0x50}
limits_config: {max_query_series: 1_000, max_line_size: 2048, required_labels: [1, on]}
`)
  t.match(config, { dataDir: '2024', httpPathPrefix: 'yes', listenPort: 80 })
  t.match(config.limits.query, { maxQuerySeries: 1000, requiredLabels: ['1', 'on'] })
  t.equal(raw.limits_config.max_line_size, 2048, '/config shows a number as a number')
})

test('a merged map gives its keys', async t => {
  const { config } = load(`server: {log_level: warn, http_listen_port: 1}
limits_config: {<<: [{max_query_series: 7}, {max_query_series: 8, volume_max_series: 9}]}
`)
  t.equal(config.logLevel, 'warn')
  t.equal(config.limits.query.maxQuerySeries, 7)
  t.equal(config.limits.volumeMaxSeries, 9)
  t.same(problems('server:\n  <<: {log_level: loud}\n  log_level: warn'), [])
  t.match(problems('server:\n  <<: {log_level: loud}\n'), [/^2: server\.log_level must be one of/])
})

test("an agent's configuration is refused in one sentence", async t => {
  t.match(problems('server: {http_listen_port: 9080}\nclients: []\nscrape_configs: []\n'), [
    /^3: This is an agent's \(Promtail's\) configuration, .*: run skald agent with it$/,
  ])
})

test('aliases that would fill the memory are refused', async t => {
  const levels = Array.from({ length: 9 }, (_, i) => {
    const items = Array.from({ length: 10 }, () => (i === 0 ? 'x' : `*l${i - 1}`))
    return `l${i}: &l${i} [${items.join(', ')}]`
  })
  t.match(problems(levels.join('\n')), [
    /^1: Aliases make this document more than \d+ values larger/,
  ])
})

test('all mistakes are reported at once, in file order', async t => {
  t.match(
    problems(`server:
  http_server_read_timeout: fast
  nothing: 1
querier: {per_request_limits_enabled: true}
limits_config:
  max_line_size: big
  max_query_series: -1
auth_enabled: perhaps
`),
    [
      /^2: server\.http_server_read_timeout must be a duration/,
      /^3: Unknown key nothing in server/,
      /^4: querier\.per_request_limits_enabled: /,
      /^6: limits_config\.max_line_size must be a byte size/,
      /^7: limits_config\.max_query_series must not/,
      /^8: auth_enabled must/,
    ],
  )
})

test('a mistake in an alias or a merged map is reported where it is written', async t => {
  t.same(problems('server: &s\n  log_level: loud\ncommon:\n  storage: {filesystem: *s}'), [
    '2: server.log_level must be one of info, debug, warn, error, found the text "loud"',
    '2: Unknown key log_level in common.storage.filesystem: did you mean server.log_level?',
  ])
})

test('a block or key without a value gets its default', async t => {
  const { config } = load('auth_enabled:\nserver:\n  http_listen_port:\nlimits_config:\nruler:\n')
  t.equal(config.authEnabled, true)
  t.equal(config.listenPort, 3100)
  t.equal(config.limits.maxLabelNames, 15)
  t.match(problems('serverr:\nserver:\n  port:\n').sort(), [
    /^1: Unknown key serverr in the configuration: did you mean server\?/,
    /^3: Unknown key port in server/,
  ])
})

test('invalid YAML is reported with its line', async t => {
  t.match(problems('auth_enabled: false\nserver: {http_listen_port: 1'), [/^\d+: /])
  t.match(problems('a: 1\n b: 2'), [/^[12]: /])
  t.match(problems('server:\n  log_level: info\n  log_level: warn'), [
    /^3: log_level is given twice in server/,
  ])
  t.match(problems('a: 1\n---\nb: 1'), [/^2: A second YAML document begins here/])
  t.match(problems('auth_enabled: true\nauth_enabled: false'), [
    /^2: auth_enabled is given twice in the configuration: remove one of the two/,
  ])
  try {
    load('a: 1\n b: 2')
  } catch (error) {
    t.match(error, {
      code: 'CONFIG',
      path: 'store.yaml',
      message: /^store\.yaml:\d+:\d+: This is not YAML: /,
    })
  }
})

test('keys that have no meaning here are accepted, and listed with their place', async t => {
  const { idleKeys } = load(`
auth_enabled: false
schema_config: {configs: [{from: 2024-01-01, store: tsdb, object_store: filesystem}]}
server: {grpc_listen_port: 9096}
common:
  path_prefix: /data
  replication_factor: 1
  ring: {kvstore: {store: inmemory}}
  storage: {s3: {bucketnames: x}, filesystem: {chunks_directory: /c}}
storage_config: {boltdb_shipper: {shared_store: filesystem}, filesystem: {directory: /d}}
limits_config: {ingestion_rate_mb: 50, enforce_metric_name: false}
analytics: {reporting_enabled: false}
`)
  t.same(
    idleKeys.map(({ line, column, message }) => `${line}:${column} ${message}`),
    [
      '3:1 schema_config',
      '4:10 server.grpc_listen_port',
      '7:3 common.replication_factor',
      '8:3 common.ring',
      '9:13 common.storage.s3',
      '10:18 storage_config.boltdb_shipper',
      '11:40 limits_config.enforce_metric_name',
      '12:1 analytics',
    ],
  )
})

test('older names apply if the newer one is not set', async t => {
  const mode = (text: string) => load(text).config.limits.deletionMode
  t.equal(mode('limits_config: {allow_deletes: false}'), 'disabled')
  t.equal(mode('limits_config: {allow_deletes: true}'), 'filter-and-delete')
  t.equal(mode('limits_config: {allow_deletes: false, deletion_mode: filter-only}'), 'filter-only')
  t.equal(mode('compactor: {deletion_mode: filter-only}'), 'filter-only')
  t.equal(
    mode('compactor: {deletion_mode: disabled}\nlimits_config: {deletion_mode: filter-and-delete}'),
    'filter-and-delete',
  )
  const lookback = (text: string) => load(text).config.limits.maxQueryLookbackNs
  const older = 'chunk_store_config: {max_look_back_period: 168h}\n'
  t.equal(lookback(older), 168n * 3600n * second)
  t.equal(lookback(`${older}limits_config: {max_query_lookback: 24h}`), 24n * 3600n * second)
  t.match(problems('chunk_store_config: {max_look_back_period: far}'), [
    /^1: chunk_store_config\.max_look_back_period must be a duration/,
  ])
})

test('the HTTP server applies the timeouts and limits of the file', async t => {
  const { config } = load(`server:
  http_server_read_timeout: 20s
  http_server_idle_timeout: 3m
  http_listen_conn_limit: 7
  register_instrumentation: false
`)
  t.match(config, {
    ...{ httpReadTimeoutMs: 20_000, httpHeadTimeoutMs: 20_000, httpIdleTimeoutMs: 180_000 },
    ...{ connectionsMax: 7, hasMetrics: false },
  })
  const { httpHeadTimeoutMs, httpIdleTimeoutMs } = load(
    'server: {http_server_read_header_timeout: 5s, http_server_idle_timeout: 0}',
  ).config
  t.same([httpHeadTimeoutMs, httpIdleTimeoutMs], [5000, 30_000])
})

test("the data directory comes from path_prefix, otherwise from Loki's storage keys", async t => {
  const f = (text: string, want: string) => t.equal(load(text).config.dataDir, want, text)
  f('', './data')
  f('common: {path_prefix: /p}\nstorage_config: {filesystem: {directory: /d}}', '/p')
  f('storage_config: {filesystem: {directory: /d}}', '/d')
  f('common: {storage: {filesystem: {chunks_directory: /c, rules_directory: /r}}}', '/c')
  f('storage_config:\n  filesystem:\n', './data')
  f('common: {storage: }', './data')
})

test('ingestion can be blocked until a time', async t => {
  const f = (text: string, want: bigint | undefined) => {
    const { ingestionBlock } = load(`limits_config: {block_ingestion_until: ${text}}`).config.limits
    t.equal(ingestionBlock?.untilNs, want, text)
  }
  f('2030-01-01T00:00:00Z', 1_893_456_000n * second)
  f('"2030-01-01T02:00:00+02:00"', 1_893_456_000n * second)
  f('2030-01-01', 1_893_456_000n * second)
  f('"2030-01-01T00:00"', 1_893_456_000n * second)
  f('"0"', undefined)
  f('0', undefined)
  f('', undefined)
  t.match(problems('limits_config:\n  block_ingestion_until: soon'), [
    /^2: limits_config\.block_ingestion_until must be a time such as .*, found the text "soon"$/,
  ])
  const status =
    'limits_config: {block_ingestion_until: 2030-01-01, block_ingestion_status_code: 999}'
  t.match(problems(status), [/status 999 is out of range/])
})

test('invalid blocked queries are reported', async t => {
  const f = (rule: string) => problems(`limits_config:\n  blocked_queries: [${rule}]`)
  t.same(f('{pattern: "{app=~\\".*\\"}", types: "metric,filter"}, {hash: 5}'), [])
  t.match(f('{pattern: "(", regex: true}'), [
    /^2: limits_config\.blocked_queries: error parsing regexp/,
  ])
  t.match(f('{types: [slow]}'), [/slow is not a query type: use metric, filter or limited/])
  t.match(f('{text: x}'), [/Unknown key text in limits_config\.blocked_queries\[0\]: /])
})

test('otlp_config: invalid rules are reported', async t => {
  const rules = (text: string) =>
    problems(`limits_config:\n  otlp_config: {log_attributes: [${text}]}`)
  t.same(rules('{action: drop, attributes: [a]}, {action: structured_metadata, regex: "b.*"}'), [])
  t.match(rules('{action: index_label, attributes: [a]}'), [
    /^2: limits_config\.otlp_config: log_attributes: only resource_attributes can have/,
  ])
  t.match(rules('{action: drop}'), [/a rule needs attributes or a regex$/])
  t.match(rules('{action: drop, attributes: [a], regex: b}'), [/either attributes or a regex/])
  t.match(rules('{action: drop, regex: "("}'), [/error parsing regexp/])
  t.match(rules('{action: keep, attributes: [a]}'), [/action must be one of index_label, /])
  t.match(rules('{attributes: [a]}'), [/log_attributes\[0\] needs the key action/])
})

test('rates are as configured, and unlimited without configuration', async t => {
  t.match(load('').config.limits, {
    ingestionRateBytes: undefined,
    ingestionBurstBytes: undefined,
    streamRateBytes: undefined,
    streamBurstBytes: undefined,
    maxStreams: 0,
  })
  const { config, idleKeys } = load(`limits_config:
  ingestion_rate_mb: 1.5
  ingestion_burst_size_mb: 0
  per_stream_rate_limit: 5MB
  per_stream_rate_limit_burst: 1048576
  max_global_streams_per_user: 10
  max_query_lookback: 30d
  max_query_bytes_read: 10GB
`)
  t.same(idleKeys, [])
  t.match(config.limits, {
    ingestionRateBytes: 1.5 * 1024 * 1024,
    ingestionBurstBytes: 0,
    streamRateBytes: 5 * 1024 * 1024,
    streamBurstBytes: 1024 * 1024,
    maxStreams: 10,
    maxQueryLookbackNs: 30n * 86_400n * second,
    maxQueryBytesRead: 10 * 1024 ** 3,
  })
  t.equal(
    load('limits_config: {max_streams_per_user: 5, max_global_streams_per_user: 10}').config.limits
      .maxStreams,
    5,
  )
  t.match(problems('limits_config:\n  per_stream_rate_limit: much'), [
    /^2: limits_config\.per_stream_rate_limit must be a byte size/,
  ])
  t.match(problems('limits_config:\n  ingestion_rate_mb: -1'), [
    /^2: limits_config\.ingestion_rate_mb/,
  ])
})

test('overrides come from runtime_config or the older keys', async t => {
  const f = (text: string, paths: readonly string[], periodMs: number) =>
    t.same(load(text).config.overrides, { paths, periodMs }, text)
  f('', [], 10_000)
  f('runtime_config: {file: /a.yaml}', ['/a.yaml'], 10_000)
  f('runtime_config: {file: "/a.yaml, /b.yaml", period: 1m}', ['/a.yaml', '/b.yaml'], 60_000)
  f(
    'limits_config: {per_tenant_override_config: /a.yaml, per_tenant_override_period: 5s}',
    ['/a.yaml'],
    5000,
  )
  f('runtime_config: {file: /a.yaml, period: 0}', ['/a.yaml'], 0)
  t.match(problems('runtime_config:\n  period: often'), [
    /^2: runtime_config\.period must be a duration/,
  ])
})

test('streams can have their own retention periods', async t => {
  const load = (rules: string, mayDelete = true) =>
    loadStoreConfig(
      `compactor: {retention_enabled: ${mayDelete}}\nlimits_config:\n  retention_stream:\n${rules}`,
      'x.yaml',
    ).config.limits.retentionStreams
  const rule = `  - selector: '{env="dev"}'\n    priority: 1\n    period: 24h\n`
  t.same(load(rule), [
    {
      matchers: [{ name: 'env', op: '=', value: 'dev' }],
      priority: 1,
      periodNs: 86_400_000_000_000n,
    },
  ])
  t.same(load(rule, false), [], 'nothing is deleted unless it is allowed')
  const fails = (rules: string, message: RegExp) =>
    t.throws(() => load(rules), { code: 'CONFIG', message })
  fails(
    `  - {selector: '{a="b"}', period: 23h}`,
    /:3:3: .*retention period must be >= 24h was 23h0m0s/,
  )
  fails(
    `  - {selector: '{a=', period: 24h}`,
    /limits_config.retention_stream: "{a=" is not a selector/,
  )
  fails(`  - {selector: '{a="b"} |= "x"', period: 24h}`, /is not a selector/)
  fails(`  - {selector: '{a="b"}', period: soon}`, /retention_stream/)
  fails(`  - {period: 24h}`, /selector/)
  fails(`  - {selector: '{a="b"}', period: 24h, days: 3}`, /Unknown key days in limits_config/)
})
