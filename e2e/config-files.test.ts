// Users' existing configurations start a store unchanged: that of the loki-stack chart, Loki's own,
// and ours. Keys that have no meaning here are listed once. Unknown keys are refused with their
// place, and so are files whose lines Loki would store elsewhere or whose alerts would not fire.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { t as root, type Test, test } from 'tap'
import { startStoreOn } from './harness.ts'
import { rootDir, spawnSkald } from './skald-process.ts'

root.setTimeout(170_000)

/**
 * As rendered by the chart loki-stack 2.10 with the chart loki 2.16, for a release named `logs`.
 */
const lokiStack = `auth_enabled: false
chunk_store_config:
  max_look_back_period: 0s
compactor:
  shared_store: filesystem
  working_directory: /data/loki/boltdb-shipper-compactor
ingester:
  chunk_block_size: 262144
  chunk_idle_period: 3m
  chunk_retain_period: 1m
  lifecycler:
    ring:
      replication_factor: 1
  max_transfer_retries: 0
  wal:
    dir: /data/loki/wal
limits_config:
  enforce_metric_name: false
  max_entries_limit_per_query: 5000
  reject_old_samples: true
  reject_old_samples_max_age: 168h
memberlist:
  join_members:
  - 'logs-loki-memberlist'
schema_config:
  configs:
  - from: "2020-10-24"
    index:
      period: 24h
      prefix: index_
    object_store: filesystem
    schema: v11
    store: boltdb-shipper
server:
  grpc_listen_port: 9095
  http_listen_port: 3100
storage_config:
  boltdb_shipper:
    active_index_directory: /data/loki/boltdb-shipper-active
    cache_location: /data/loki/boltdb-shipper-cache
    cache_ttl: 24h
    shared_store: filesystem
  filesystem:
    directory: /data/loki/chunks
table_manager:
  retention_deletes_enabled: false
  retention_period: 0s
`

/** The keys of Loki's own loki-local-config.yaml. */
const lokiLocal = `auth_enabled: false
server:
  http_listen_port: 3100
  grpc_listen_port: 9096
  log_level: debug
  grpc_server_max_concurrent_streams: 1000
common:
  instance_addr: 127.0.0.1
  path_prefix: /tmp/loki
  storage:
    filesystem:
      chunks_directory: /tmp/loki/chunks
      rules_directory: /tmp/loki/rules
  replication_factor: 1
  ring:
    kvstore:
      store: inmemory
query_range:
  results_cache:
    cache:
      embedded_cache:
        enabled: true
        max_size_mb: 100
limits_config:
  metric_aggregation_enabled: true
schema_config:
  configs:
    - from: 2020-10-24
      store: tsdb
      object_store: filesystem
      schema: v13
      index:
        prefix: index_
        period: 24h
pattern_ingester:
  enabled: true
  metric_aggregation:
    loki_address: localhost:3100
ruler:
  alertmanager_url: http://localhost:9093
frontend:
  encoding: protobuf
`

/** What the chart grafana/loki renders from its values for a single binary. */
const singleBinary = (overrides: string) => `auth_enabled: false
bloom_build: {builder: {planner_address: ""}, enabled: false}
bloom_gateway: {client: {addresses: ""}, enabled: false}
chunk_store_config:
  chunk_cache_config:
    memcached_client: {addresses: dnssrvnoa+_memcached-client._tcp.loki, consistent_hash: true}
common:
  compactor_grpc_address: 'loki.default.svc.cluster.local:9095'
  path_prefix: /var/loki
  replication_factor: 1
  storage:
    filesystem:
      chunks_directory: /var/loki/chunks
      rules_directory: /var/loki/rules
compactor:
  delete_request_store: filesystem
  retention_enabled: true
frontend:
  scheduler_address: ""
  tail_proxy_url: ""
frontend_worker:
  scheduler_address: ""
index_gateway:
  mode: simple
limits_config:
  allow_structured_metadata: true
  max_cache_freshness_per_query: 10m
  query_timeout: 300s
  reject_old_samples: true
  reject_old_samples_max_age: 168h
  retention_period: 672h
  split_queries_by_interval: 15m
  volume_enabled: true
memberlist:
  join_members: [loki-memberlist]
pattern_ingester:
  enabled: true
query_range:
  align_queries_with_step: true
ruler:
  storage: {local: {directory: /etc/loki/rules}, type: local}
  wal: {dir: /var/loki/ruler-wal}
runtime_config:
  file: ${overrides}
schema_config:
  configs:
    - from: "2024-04-01"
      index: {period: 24h, prefix: loki_index_}
      object_store: filesystem
      schema: v13
      store: tsdb
server:
  grpc_listen_port: 9095
  http_listen_port: 3100
  http_server_read_timeout: 600s
  http_server_write_timeout: 600s
storage_config:
  bloom_shipper: {working_directory: /var/loki/data/bloomshipper}
  boltdb_shipper: {index_gateway_client: {server_address: ""}}
  hedging: {at: 250ms, max_per_second: 20, up_to: 3}
  tsdb_shipper: {index_gateway_client: {server_address: ""}}
  use_thanos_objstore: false
tracing:
  enabled: true
`

const ours = readFileSync(join(rootDir, 'examples/loki-config.yaml'), 'utf8')

/** Starts a store with an unchanged file; only address, port and directory come from the test. */
async function startOn(t: Test, text: string) {
  const dir = t.testdir({ 'loki.yaml': text })
  const store = await startStoreOn(t, { configFile: join(dir, 'loki.yaml'), dir })
  const { url } = store
  const warnings = store
    .output()
    .split('\n')
    .flatMap(line => {
      const msg = /^level=warn ts=\S+ msg="(.*)"$/.exec(line)?.[1] ?? ''
      const [place, rest] = msg.split(/: (?=without meaning here: |ruler\.)/)
      return rest !== undefined && place?.startsWith(join(dir, 'loki.yaml')) ? [rest] : []
    })
  const push = async (ageMs: number) => {
    const timeNs = BigInt(Date.now() - ageMs) * 1_000_000n
    const answer = await fetch(`${url}/loki/api/v1/push`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        streams: [{ stream: { app: 'x' }, values: [[String(timeNs), 'hello']] }],
      }),
    })
    return answer.status
  }
  const lines = async () => {
    const answer = await fetch(
      `${url}/loki/api/v1/query_range?query=${encodeURIComponent('{app="x"}')}`,
    )
    const { data } = (await answer.json()) as { data: { result: { values: [string, string][] }[] } }
    return data.result.flatMap(({ values }) => values.map(([, line]) => line))
  }
  return { warnings, push, lines }
}

const dayMs = 86_400_000

test('the configuration of the loki-stack chart starts a store', async t => {
  const { warnings, push, lines } = await startOn(t, lokiStack)
  t.same(warnings, [
    'without meaning here: compactor.working_directory (line 6), ingester (line 7), ' +
      'limits_config.enforce_metric_name (line 18), memberlist (line 22), schema_config (line 25), ' +
      'server.grpc_listen_port (line 35), storage_config.boltdb_shipper (line 38)',
  ])
  t.equal(await push(0), 204)
  t.same(await lines(), ['hello'])
  t.equal(await push(6 * dayMs), 204)
  t.equal(await push(8 * dayMs), 400, 'reject_old_samples has its effect')
})

test("Loki's own configuration for one machine starts a store", async t => {
  const { warnings, push, lines } = await startOn(t, lokiLocal)
  t.same(warnings, [
    'without meaning here: server.grpc_listen_port (line 4), server.grpc_server_max_concurrent_streams (line 6), ' +
      'common.instance_addr (line 8), ' +
      'common.replication_factor (line 14), common.ring (line 15), query_range (line 18), ' +
      'limits_config.metric_aggregation_enabled (line 25), schema_config (line 26), ' +
      'pattern_ingester.metric_aggregation (line 37), frontend (line 41)',
  ])
  t.equal(await push(0), 204)
  t.same(await lines(), ['hello'])
})

test('the configuration of the chart grafana/loki for a single binary starts a store', async t => {
  const overrides = join(root.testdir({ 'runtime.yaml': '{}\n' }), 'runtime.yaml')
  const { warnings, push, lines } = await startOn(t, singleBinary(overrides))
  t.equal(warnings.length, 1)
  t.match(
    warnings[0],
    /^without meaning here: bloom_build \(line 2\), .*storage_config\.tsdb_shipper \(line \d+\), tracing/,
  )
  t.equal(await push(0), 204)
  t.same(await lines(), ['hello'])
  t.equal(await push(8 * dayMs), 400)
})

test('our example starts a store', async t => {
  const { warnings, push, lines } = await startOn(t, ours)
  t.same(warnings, [
    'without meaning here: server.grpc_listen_port (line 8), common.replication_factor (line 12)',
  ])
  t.equal(await push(8 * dayMs), 204)
  t.equal(await push(0), 204)
  t.same(await lines(), ['hello'])
})

test('an unknown key is refused with its line, in each file', async t => {
  const dir = t.testdir()
  const texts: readonly (readonly [name: string, text: string])[] = [
    ['loki-stack', lokiStack],
    ['loki-local', lokiLocal],
    ['ours', ours],
  ]
  for (const [name, text] of texts) {
    const file = join(dir, `${name}.yaml`)
    const broken = text.replace(/^limits_config:$/m, 'limits_config:\n  max_line_sise: 1MB')
    writeFileSync(file, broken)
    const line = broken.split('\n').findIndex(found => found.includes('max_line_sise')) + 1
    const outputFile = join(dir, `${name}.log`)
    const store = spawnSkald({ args: ['store', `-config.file=${file}`], outputFile })
    t.not((await store.exited).code, 0, name)
    t.ok(
      store
        .output()
        .includes(`:${line}:3: Unknown key max_line_sise in limits_config: did you mean`),
      store.output(),
    )
  }
})

test('files of a Loki that stores its lines or its rules elsewhere are refused', async t => {
  const dir = t.testdir()
  const texts: readonly (readonly [name: string, text: string, reasons: readonly string[]])[] = [
    [
      'gcs',
      singleBinary('/none.yaml')
        .replace('object_store: filesystem', 'object_store: gcs')
        .replace('delete_request_store: filesystem', 'delete_request_store: gcs')
        .replace(
          '  bloom_shipper',
          '  gcs: {bucket_name: b, service_account: secret}\n  bloom_shipper',
        ),
      [
        'compactor.delete_request_store: delete requests would be on the local disk, not in gcs',
        'schema_config.configs[0].object_store: the lines would be on the local disk, not in gcs',
        'storage_config.gcs: the lines would be on the local disk',
      ],
    ],
    [
      'rules',
      lokiLocal.replace(
        'ruler:\n',
        'ruler:\n  storage: {type: s3, s3: {s3: "s3://k:secret@host/b"}}\n',
      ),
      ['ruler.storage.type: rules are read from local files and by API'],
    ],
  ]
  for (const [name, text, reasons] of texts) {
    const file = join(dir, `${name}.yaml`)
    writeFileSync(file, text)
    const outputFile = join(dir, `${name}.log`)
    const store = spawnSkald({ args: ['store', `-config.file=${file}`], outputFile })
    t.not((await store.exited).code, 0, name)
    for (const reason of reasons) t.match(store.output(), reason)
    t.notMatch(store.output(), 'secret')
    const places = store.output().match(new RegExp(`${file}:\\d+:\\d+: `, 'g'))
    t.equal(places?.length, reasons.length, store.output())
  }
})

test('files of a Loki with a bucket are followed', async t => {
  const file = join(t.testdir(), 'aws.yaml')
  writeFileSync(
    file,
    singleBinary('/none.yaml')
      .replace('object_store: filesystem', 'object_store: s3')
      .replace('delete_request_store: filesystem', 'delete_request_store: s3')
      .replace('  bloom_shipper', '  aws: {s3: "s3://key:secret@region/bucket"}\n  bloom_shipper'),
  )
  const outputFile = `${file}.log`
  const check = spawnSkald({ args: ['check', file], outputFile })
  t.equal((await check.exited).code, 0, check.output())
  t.notMatch(check.output(), /secret|schema_config/)
})
