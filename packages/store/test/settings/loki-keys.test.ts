// Every key of Loki's configuration reference has a class, and Loki's own defaults are never
// refused.

import { readFileSync } from 'node:fs'
import { test } from 'tap'
import { parse, stringify } from 'yaml'
import { loadStoreConfig } from '../../src/config.ts'
import { classOf } from '../../src/setting-table.ts'
import { judgeSettings } from '../../src/settings/judge.ts'
import { refusedKeys } from '../../src/settings/refused.ts'
import type { SettingClass } from '../../src/settings/setting.ts'

interface Key {
  readonly path: string
  readonly kind: string
  readonly settingClass: string
  readonly value: unknown
}

const keys = readKeys(
  readFileSync(new URL('../fixtures/loki-keys.txt', import.meta.url), 'utf8').split('\n'),
)

/** Reads the list. A reference to a block is replaced by the block's keys. */
function readKeys(lines: readonly string[]): Key[] {
  const blocks = new Map<string, string[]>([['', []]])
  let block = ''
  for (const line of lines) {
    if (line === '' || line.startsWith('#')) continue
    if (line.startsWith('@')) {
      block = line
      blocks.set(block, [])
    } else blocks.get(block)!.push(line)
  }
  const read = (name: string, prefix: string, inherited: string): Key[] =>
    blocks.get(name)!.flatMap(line => {
      const [key = '', kind = '', ...rest] = line.split(' ')
      const settingClass = name === '' ? rest.shift()! : inherited
      const path = prefix + key
      if (kind.startsWith('@')) return read(kind, `${path}.`, settingClass)
      const text = rest.join(' ')
      return [{ path, kind, settingClass, value: text === '' ? undefined : parse(text) }]
    })
  const all = read('', '', '')
  // If a path occurs twice, the last one counts.
  return [...new Map(all.map(key => [key.path, key])).values()]
}

const nameOfClass: Readonly<Record<string, SettingClass>> = {
  followed: 'followed',
  idle: 'without meaning',
  refused: 'refused',
}

/** Builds a file with one value. */
function fileWith(path: string, value: unknown): object {
  const parts = path.replaceAll('[]', '.[]').replaceAll('*', 'name').split('.')
  return parts.reduceRight<unknown>(
    (inner, part) => (part === '[]' ? [inner] : { [part]: inner }),
    value,
  ) as object
}

test("every key of Loki's reference has the class written next to it", async t => {
  t.ok(keys.length > 2500, `${keys.length} keys`)
  t.same(
    keys
      .filter(({ path, settingClass }) => classOf(path) !== nameOfClass[settingClass])
      .map(({ path }) => `${path}: ${classOf(path)}`),
    [],
  )
  t.equal(classOf('server.nothing'), undefined)
  t.equal(classOf('nothing'), undefined)
})

test('keys of older versions of Loki have their class', async t => {
  const f = (path: string, want: SettingClass) => t.equal(classOf(path), want, path)
  f('chunk_store_config.max_look_back_period', 'followed')
  f('compactor.deletion_mode', 'followed')
  f('ingester.max_transfer_retries', 'without meaning')
  f('ingester_rf1.enabled', 'without meaning')
  f('block_scheduler.interval', 'without meaning')
  f('limits_config.enforce_metric_name', 'without meaning')
  f('compactor.shared_store', 'refused')
  f('storage_config.boltdb_shipper.shared_store', 'refused')
  f('storage_config.s3', 'refused')
  f('kafka_ingester.enabled', 'refused')
})

test('a key without meaning is listed, alone or with its block, and no other key is', async t => {
  for (const { path, settingClass, value = 'x' } of keys) {
    const findings = judgeSettings(fileWith(path, value)).filter(({ kind }) => kind === 'idle')
    const named = findings.map(finding => finding.keys.join('.'))
    const isNamed = named.some(name => `${path.replaceAll('[]', '.0')}.`.startsWith(`${name}.`))
    if (settingClass === 'idle' && !isNamed) t.fail(`${path} is not named`)
    if (settingClass === 'followed' && named.length > 0) t.fail(`${path} is named`)
  }
  t.pass()
})

/** Builds a file with all of Loki's defaults, as Loki shows them at /config. */
function allDefaults(): Record<string, Record<string, unknown>> {
  const file: Record<string, unknown> = {}
  for (const { path, value } of keys) {
    if (value === undefined || /[[*]/.test(path)) continue
    const parts = path.split('.')
    let block = file
    for (const part of parts.slice(0, -1)) {
      block[part] ??= {}
      block = block[part] as Record<string, unknown>
    }
    block[parts.at(-1)!] = value
  }
  return file as Record<string, Record<string, unknown>>
}

test("a store starts with all of Loki's defaults and a local store", async t => {
  const file = {
    ...allDefaults(),
    schema_config: { configs: [{ from: '2024-01-01', store: 'tsdb', object_store: 'filesystem' }] },
  }
  const { config, doubts } = loadStoreConfig(stringify(file), 'loki.yaml')
  t.same(doubts, [])
  t.equal(config.listenPort, 3100)
  t.equal(config.limits.maxStreams, 5000)
})

/** For each key that can be refused: a refused value, and what the message says to do. */
const refusals: readonly (readonly [path: string, value: unknown, way: RegExp])[] = [
  ['target', 'read', /; write all, or remove this key$/],
  ['http_prefix', '/loki', /; write server\.http_path_prefix$/],
  ['metrics_namespace', 'logs', /; remove it, and use loki_/],
  ['server.http_listen_network', 'tcp6', /; write server\.http_listen_address/],
  ['server.proxy_protocol_enabled', true, /; let the proxy speak plain HTTP/],
  [
    'server.cluster_validation.http.enabled',
    true,
    /; let a proxy in front of the store refuse them/,
  ],
  ['querier.per_request_limits_enabled', true, /; remove it, and put the limits of each tenant/],
  ['distributor.kafka_writes_enabled', true, /; remove this key$/],
  ['distributor.dataobj_tee.enabled', true, /; remove this key$/],
  ['distributor.ingester_writes_enabled', false, /; remove this key, or push/],
  ['ingester.kafka_ingestion.enabled', true, /; let an agent read the topic/],
  ['kafka_ingester.enabled', true, /; let an agent read the topic/],
  [
    'distributor.otlp_config.default_resource_attributes_as_index_labels',
    ['service.name'],
    /; list the ones you want in limits_config\.otlp_config\.resource_attributes with ignore_defaults: true/,
  ],
  ['limits_config.otlp_config.severity_text_as_label', true, /; use those in queries/],
  ['limits_config.block_ingestion_policy_until', { a: '2030-01-01' }, /block_ingestion_until/],
  ['limits_config.policy_enforced_labels', { a: ['app'] }, /; use limits_config\.enforced_labels/],
  ['compactor.skip_latest_n_tables', 2, /; remove this key, and set limits_config\.retention/],
  ['compactor.tables_to_compact', 2, /; remove this key, and set limits_config\.retention/],
  ['compactor.delete_request_store', 's3', /; keep the lines in local files: .*: filesystem$/],
  ['common.storage.s3.signature_version', 'v2', /; write v4, or remove this key$/],
  ['storage_config.aws.signature_version', 'v2', /; write v4, or remove this key$/],
  ['common.storage.object_store.s3.sts_endpoint', 'https://sts', /; set the environment variable/],
  ['storage_config.object_store.s3.sts_endpoint', 'https://sts', /; set the environment variable/],
  ['compactor.shared_store', 'gcs', /shared_store: filesystem$/],
  ['storage_config.boltdb_shipper.shared_store', 's3', /shared_store: filesystem$/],
  ['storage_config.tsdb_shipper.shared_store', 's3', /shared_store: filesystem$/],
  [
    'schema_config.configs[].object_store',
    'gcs',
    /, not in gcs; use a bucket that speaks S3 .*object_store: filesystem$/,
  ],
  ['schema_config.configs[].store', 'cassandra', /store: tsdb$/],
  ['ruler.storage.type', 's3', /; write local, and load the rules with lokitool/],
  ['ruler_storage.backend', 's3', /; write local, and load the rules with lokitool/],
]

test('a key that can be refused is, if it asks for something Skald does not do', async t => {
  for (const [path, value, way] of refusals) {
    const [finding, ...others] = judgeSettings(fileWith(path, value)).filter(
      ({ kind }) => kind === 'error',
    )
    t.equal(finding?.keys.join('.').replaceAll('.0.', '[].'), path)
    t.match(finding?.message, way, path)
    t.same(others, [])
  }
  const shown = new Set(refusals.map(([path]) => path))
  t.same(
    refusedKeys
      .map(({ key }) => key)
      // Tested in storage-in-use.test.ts.
      .filter(key => !/^(common\.storage|storage_config)\.(object_store\.)?\w+$/.test(key))
      .filter(key => !shown.has(key)),
    [],
  )
})

test('a value that asks for what Skald does anyway passes', async t => {
  for (const { path, settingClass, value } of keys) {
    if (settingClass !== 'refused' || value === undefined || path.includes('*')) continue
    if (/^(common\.storage|storage_config)\./.test(path)) continue
    t.same(
      judgeSettings(fileWith(path, value)).filter(({ kind }) => kind === 'error'),
      [],
      path,
    )
  }
  t.same(judgeSettings({ target: 'all,table-manager', metrics_namespace: null }), [])
})
