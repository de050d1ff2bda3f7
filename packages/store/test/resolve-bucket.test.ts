// A bucket as Loki's keys describe it. No message and no page shows a secret.

import { ConfigError } from '@skald/config-reading'
import { test } from 'tap'
import { loadStoreConfig } from '../src/config.ts'
import { configInForce } from '../src/config-in-force.ts'

const load = (text: string) => loadStoreConfig(text, 'loki.yaml')
const bucketOf = (text: string) => load(text).config.bucket

const problems = (text: string): string[] => {
  try {
    load(text)
  } catch (error) {
    if (error instanceof ConfigError)
      return error.problems.map(({ line, message }) => `${line}: ${message}`)
    throw error
  }
  return []
}
const aws = (keys: string) => `storage_config: {aws: {${keys}}}`

test('a file without a bucket has none', async t => {
  t.equal(bucketOf('auth_enabled: false'), undefined)
  t.equal(
    bucketOf(`schema_config: {configs: [{object_store: filesystem}]}\n${aws('bucketnames: b')}`),
    undefined,
  )
})

test('keys of aws, with those of common.storage.s3 where they say nothing', async t => {
  const bucket = bucketOf(`
common:
  storage:
    s3: {bucketnames: other, region: eu-west-1, sse: {type: SSE-KMS, kms_key_id: k}}
storage_config:
  aws:
    bucketnames: "logs, more"
    access_key_id: id
    secret_access_key: 12345
    s3forcepathstyle: true
    storage_class: STANDARD_IA
    sse: {kms_encryption_context: '{"a":"b"}'}
    http_config: {response_header_timeout: 5s, insecure_skip_verify: true, ca_file: /ca.pem}
    backoff_config: {min_period: 1s, max_retries: 2}
  object_prefix: deep/
compactor: {retention_delete_delay: 5m}
skald: {cache_max_bytes: 1GB}
`)
  t.match(bucket, {
    bucket: 'logs',
    prefix: 'deep/skald/',
    region: 'eu-west-1',
    credentials: { accessKeyId: 'id', secretAccessKey: '12345' },
    isPathStyle: true,
    storageClass: 'STANDARD_IA',
    encryption: { kind: 'kms', keyId: 'k', context: '{"a":"b"}' },
    http: { answerTimeoutMs: 5000, isUnverified: true, caFile: '/ca.pem' },
    backoff: { retriesMax: 2, minMs: 1000, maxMs: 3000 },
    cacheMaxBytes: 1024 ** 3,
    deleteDelayMs: 300_000,
  })
  t.equal(bucket?.endpoint, undefined)
})

test('the URL form', async t => {
  const f = (url: string, want: object) => t.match(bucketOf(aws(`s3: "${url}"`)), want, url)
  f('s3://eu-west-1/logs', { bucket: 'logs', region: 'eu-west-1', endpoint: undefined })
  f('s3://id:se%2Fcret@minio.:9000/logs', {
    bucket: 'logs',
    endpoint: 'http://minio.:9000',
    region: 'us-east-1',
    credentials: { accessKeyId: 'id', secretAccessKey: 'se/cret' },
  })
  f('https://id:s@s3.example.com/logs', { endpoint: 'https://s3.example.com' })
  t.match(bucketOf(aws('s3: "s3://a:b@eu-west-1/logs", bucketnames: other, region: r')), {
    bucket: 'other',
    region: 'r',
    credentials: { accessKeyId: 'a' },
  })
})

test('endpoints', async t => {
  const f = (keys: string, want: string | undefined) =>
    t.equal(bucketOf(aws(`bucketnames: b, ${keys}`))?.endpoint, want, keys)
  f('endpoint: "minio:9000", insecure: true', 'http://minio:9000')
  f('endpoint: "minio:9000"', 'https://minio:9000')
  f('endpoint: "http://minio:9000/", insecure: false', 'http://minio:9000')
  f('region: eu-west-1', undefined)
  f('endpoint: s3.eu-west-1.amazonaws.com', undefined)
  f('endpoint: x.s3.eu-west-1.vpce.amazonaws.com', 'https://x.s3.eu-west-1.vpce.amazonaws.com')
  t.equal(bucketOf(aws('bucketnames: b, endpoint: s3.amazonaws.com'))?.region, 'us-east-1')
  t.equal(
    bucketOf(aws('bucketnames: b, endpoint: s3.eu-west-1.amazonaws.com'))?.region,
    'eu-west-1',
  )
})

test('the form of the Thanos client', async t => {
  const bucket = bucketOf(`
storage_config:
  use_thanos_objstore: true
  object_store:
    storage_prefix: loki
    s3: {bucket_name: logs, endpoint: "minio:9000", insecure: true, http: {tls_ca_path: /ca, max_connections_per_host: 3}, max_retries: 1}
`)
  t.match(bucket, {
    bucket: 'logs',
    prefix: 'loki/skald/',
    endpoint: 'http://minio:9000',
    isPathStyle: true,
    http: { caFile: '/ca', connectionsMax: 3 },
    backoff: { retriesMax: 1 },
  })
  const onAws = bucketOf(
    'storage_config: {object_store: {s3: {bucket_name: b, endpoint: s3.eu-west-1.amazonaws.com}}}',
  )
  t.match(onAws, { endpoint: undefined, region: 'eu-west-1', isPathStyle: false })
})

test('mistakes are reported at their keys, without secrets', async t => {
  const f = (text: string, want: readonly (string | RegExp)[]) =>
    t.match(problems(text), want, text)
  f('schema_config: {configs: [{object_store: s3}]}', [
    /^1: storage_config\.aws\.bucketnames: no bucket is named: write bucketnames, or the URL s3$/,
  ])
  f(aws('bucketnames: b, secret_access_key: s3cret'), [/access_key_id is missing$/])
  f(aws('bucketnames: b, access_key_id: id'), [/secret_access_key is missing$/])
  f(aws('s3: "ftp://k:s3cret@host/b"'), [/aws\.s3: must be a URL such as s3:/])
  f(aws('bucketnames: b, sse: {type: SSE-KMS}'), [/aws\.sse: SSE-KMS needs kms_key_id$/])
  f(aws('bucketnames: b, endpoint: "http://k:s3cret@h"'), [/aws\.endpoint: must be a host/])
  f(aws('bucketnames: b, secret_access_key: [s3cret], access_key_id: {a: s3cret}'), [
    /must be a text/,
    /must be a text/,
  ])
  f(aws('bucketnames: b, buckets: c'), [/Unknown key buckets in storage_config\.aws/])
  for (const text of [
    aws('s3: "ftp://k:s3cret@host/b"'),
    aws('bucketnames: b, secret_access_key: [s3cret]'),
    aws('bucketnames: b, endpoint: "http://k:s3cret@h"'),
  ])
    t.notMatch(problems(text).join(), 's3cret')
})

test('/config shows the bucket and hides its secrets', async t => {
  const loaded = load(
    aws(
      's3: "s3://the-key:the-secret@eu-west-1/logs", session_token: the-token, access_key_id: a-key, secret_access_key: a-secret',
    ),
  )
  const shown = JSON.stringify(configInForce(loaded, 'info'))
  t.match(shown, '"bucketnames":"logs"')
  t.match(shown, '"secret_access_key":"********"')
  for (const secret of ['the-key', 'the-secret', 'the-token', 'a-key', 'a-secret'])
    t.notMatch(shown, secret)
})

test('only the schema that points to the bucket is not listed as without meaning', async t => {
  const idle = (text: string) => load(text).idleKeys.map(({ message }) => message)
  t.same(idle(`schema_config: {configs: [{object_store: s3}]}\n${aws('bucketnames: b')}`), [])
  t.same(idle('schema_config: {configs: [{object_store: filesystem}]}'), ['schema_config'])
})
