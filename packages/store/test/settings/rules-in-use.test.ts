// Where the ruler of a configuration has its rules, and what of it is refused.

import { test } from 'tap'
import { stringify } from 'yaml'
import { loadStoreConfig } from '../../src/config.ts'

const load = (file: object) => loadStoreConfig(stringify(file), 'loki.yaml')
const doubtsIn = (file: object) => load(file).doubts.map(({ message }) => message)

test('a file without a ruler has none, and the stock file of Loki has one', async t => {
  t.equal(load({}).config.ruler, undefined)
  t.equal(load({ ruler: {} }).config.ruler, undefined)
  const stock = {
    common: {
      path_prefix: '/tmp/loki',
      storage: { filesystem: { rules_directory: '/tmp/loki/rules' } },
    },
    ruler: { alertmanager_url: 'http://localhost:9093' },
  }
  const { ruler } = load(stock).config
  t.equal(ruler?.directory, '/tmp/loki/rules')
  t.same(
    ruler?.alertmanager.servers.map(({ url }) => url),
    ['http://localhost:9093'],
  )
  t.same(doubtsIn(stock), [])
})

test('the directory comes from the block that Loki would read', async t => {
  const older = { storage: { type: 'local', local: { directory: '/older' } } }
  const f = (file: object, want: string) => t.equal(load(file).config.ruler?.directory, want)
  f({ ruler: older }, '/older')
  f({ ruler_storage: { backend: 'local', local: { directory: '/newer' } } }, '/newer')
  f({ ruler_storage: { backend: 'filesystem', filesystem: { dir: '/newer' } } }, '/newer')
  const both = { ruler: older, ruler_storage: { backend: 'local', local: { directory: '/newer' } } }
  f(both, '/older')
  f({ ...both, storage_config: { use_thanos_objstore: true } }, '/newer')
})

test('rules in a bucket are refused, unless the other block counts', async t => {
  t.throws(() => load({ ruler: { storage: { type: 's3', s3: { s3: 's3://x/y' } } } }), /lokitool/)
  const both = {
    ruler: { storage: { type: 'local', local: { directory: '/rules' } } },
    ruler_storage: { backend: 's3' },
  }
  t.equal(load(both).config.ruler?.directory, '/rules')
})

test('replicas may have rules', async t => {
  const file = {
    schema_config: { configs: [{ from: '2024-01-01', store: 'tsdb', object_store: 's3' }] },
    storage_config: { aws: { bucketnames: 'b', region: 'eu' } },
    skald: { catalog: { postgres_url: 'postgres://db/skald' } },
  }
  t.equal(load(file).config.ruler, undefined)
  const { config } = load({ ...file, ruler: { alertmanager_url: 'http://am:9093' } })
  t.match(config.ruler?.alertmanager.servers, [{ url: 'http://am:9093' }])
  t.equal(config.catalog?.postgresUrl, 'postgres://db/skald')
})

test('hosts of Alertmanagers that are discovered are names of SRV records', async t => {
  const f = (alertmanager_url: string, more: object = {}) =>
    load({ ruler: { enable_alertmanager_discovery: true, alertmanager_url, ...more } })
  const { ruler } = f('http://ann:pass@_web._tcp.am.example.com/am').config
  t.match(ruler?.alertmanager, {
    servers: [
      { url: 'http://_web._tcp.am.example.com/am', access: { basicAuth: { username: 'ann' } } },
    ],
    discoveryMs: 60_000,
  })
  t.throws(() => f('http://am:9093'), /names of SRV records without a port/)
  t.throws(() => f('http://_web._tcp.am:9093'), /names of SRV records without a port/)
  const often = { alertmanager_refresh_interval: '10ms' }
  t.throws(
    () => f('http://_web._tcp.am', often),
    /alertmanager_refresh_interval: must be at least 1s/,
  )
  const plain = load({ ruler: { alertmanager_url: 'http://am:9093' } }).config.ruler
  t.equal(plain?.alertmanager.discoveryMs, undefined)
})

test('the connection to Alertmanagers may have cipher suites of its own', async t => {
  const f = (tls_cipher_suites: string) =>
    load({ ruler: { alertmanager_url: 'https://am', alertmanager_client: { tls_cipher_suites } } })
  const access = f('TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384').config.ruler?.alertmanager.servers[0]
    ?.access
  t.match(access?.tls.ciphers, /:ECDHE-RSA-AES256-GCM-SHA384$/)
  t.throws(
    () => f('TLS_A'),
    /alertmanager_client: tls_cipher_suites: there is no cipher suite TLS_A/,
  )
})

test('addresses and passwords are never in a message', async t => {
  const secret = 'http://user:hunter2@'
  for (const ruler of [
    { alertmanager_url: `${secret}` },
    { remote_write: { enabled: true, clients: { a: { url: 'ftp://user:hunter2@x' } } } },
    { webhooks: [{ url: `${secret}chat.example` }] },
  ]) {
    try {
      load({ ruler })
      t.fail('is refused')
    } catch (error) {
      t.notMatch((error as Error).message, /hunter2/)
    }
  }
})

test('the servers of the ruler are read with their credentials', async t => {
  const { ruler } = load({
    ruler: {
      alertmanager_url: 'http://ann:p%40ss@a:9093/am/,https://b:9093',
      alertmanager_client: {
        type: 'Token',
        credentials_file: '/token',
        tls_min_version: 'VersionTLS12',
      },
      remote_write: {
        enabled: true,
        clients: {
          one: {
            url: 'http://prom:9090/api/v1/write',
            headers: { 'X-Scope-OrgID': 'other', 'X-A': 'b' },
            basic_auth: { username: 'u', password_file: '/p' },
            protobuf_message: 'io.prometheus.write.v2.Request',
            queue_config: { max_samples_per_send: 10, min_shards: 4 },
          },
        },
      },
      webhooks: [
        { name: 'chat', url: 'https://chat.example/x' },
        { type: 'generic', url_file: '/u' },
      ],
      webhook_hosts: ['*.example'],
    },
  }).config
  t.match(ruler?.alertmanager.servers, [
    {
      url: 'http://a:9093/am',
      access: { basicAuth: { username: 'ann', password: { text: 'p@ss' } } },
    },
    {
      url: 'https://b:9093',
      access: {
        basicAuth: undefined,
        authorization: { type: 'Token', credentials: { file: '/token' } },
        tls: { minVersion: 'TLSv1.2' },
      },
    },
  ])
  const [client] = ruler!.remoteWrite.clients
  t.match(client, {
    id: 'one',
    version: 2,
    samplesPerSend: 10,
    backoffMaxMs: 5000,
    timeoutMs: 30_000,
  })
  t.same([...client!.headers], [['X-A', 'b']], 'no header names another tenant')
  t.same(client!.access.basicAuth, { username: 'u', password: { file: '/p' } })
  t.match(ruler?.webhooks, [
    { name: 'chat', kind: 'slack', url: { text: 'https://chat.example/x' } },
    { name: 'webhook-1', kind: 'generic', url: { file: '/u' } },
  ])
  t.throws(
    () => load({ ruler: { webhooks: [{ url: 'https://chat.example/x' }] } }),
    /webhook-0: its host is not in ruler.webhook_hosts: add the host there/,
  )
})

test('requests of remote write may be signed for AWS', async t => {
  const url = 'http://prometheus/write'
  const loadClient = (client: object) =>
    load({ ruler: { remote_write: { enabled: true, clients: { aws: { url, ...client } } } } })
  const accessOf = (client: object) =>
    loadClient(client).config.ruler?.remoteWrite.clients[0]?.access
  const usual = {
    ...{ region: '', accessKey: '', secretKey: '', profile: '', roleArn: '', externalId: '' },
    ...{ isFipsSts: false, service: 'aps' },
  }
  t.equal(accessOf({})?.sigv4, undefined)
  t.equal(accessOf({ sigv4: null })?.sigv4, undefined)
  t.same(accessOf({ sigv4: {} })?.sigv4, usual)
  const keys = { access_key: 'AKID', secret_key: 'hidden-key' }
  const sigv4 = { region: 'eu', ...keys, use_fips_sts_endpoint: true, service_name: 'other' }
  t.match(accessOf({ sigv4 })?.sigv4, {
    ...{ region: 'eu', accessKey: 'AKID', secretKey: 'hidden-key', isFipsSts: true },
    service: 'other',
  })
  t.throws(() => accessOf({ sigv4: { access_key: 'AKID' } }), /access_key and secret_key belong/)
  t.throws(() => accessOf({ sigv4: { external_id: 'x' } }), /write role_arn too/)
  const basic_auth = { username: 'ann', password: 'p' }
  t.throws(() => accessOf({ sigv4: {}, basic_auth }), /aws: sigv4 signs requests, so remove/)
  t.throws(() => accessOf({ sigv4: {}, bearer_token: 'p' }), /aws: sigv4 signs requests, so remove/)
  t.throws(() => accessOf({ sigv4: { regoin: 'eu' } }), /regoin/)

  const limits = (config: object | null) =>
    load({ limits_config: { ruler_remote_write_sigv4_config: config } }).config
  t.match(limits({ region: 'eu', ...keys }).limits.ruler.remoteWriteSigv4, {
    ...{ region: 'eu', accessKey: 'AKID', secretKey: 'hidden-key', service: 'aps' },
  })
  t.equal(limits(null).limits.ruler.remoteWriteSigv4, undefined)
  t.throws(() => limits({ service_name: 'other' }), /service_name/)
})

test('a ruler with a query frontend evaluates rules itself, and names the keys', async t => {
  const file = { ruler: { evaluation: { mode: 'remote', query_frontend: { address: 'q:9095' } } } }
  t.same(doubtsIn(file), [])
  t.same(
    load(file).idleKeys.map(({ message }) => message),
    ['ruler.evaluation.mode', 'ruler.evaluation.query_frontend'],
  )
})
