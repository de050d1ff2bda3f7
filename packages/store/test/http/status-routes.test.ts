import { join } from 'node:path'
import { test } from 'tap'
import { parse } from 'yaml'
import { dayNs, jsonStream, midnightNs, startTestStore } from '../harness.ts'

test('a started store is ready', async t => {
  const store = await startTestStore(t)
  const answer = await store.get('/ready')
  t.equal(answer.statusCode, 200)
  t.equal(answer.body, 'ready\n')
  t.equal(answer.headers['content-type'], 'text/plain; charset=utf-8')
})

test('metrics have the names that dashboards use', async t => {
  const store = await startTestStore(t)
  const future = BigInt(Date.now()) * 1_000_000n + dayNs
  await store.push([
    jsonStream({ app: 'x' }, [
      [midnightNs, 'hello'],
      [future, 'later'],
    ]),
  ])
  await store.get('/flush')
  const answer = await store.get('/metrics')
  t.equal(answer.statusCode, 200)
  t.match(answer.headers['content-type'], /^text\/plain; version=0\.0\.4/)
  for (const line of [
    'loki_distributor_lines_received_total{tenant="fake"} 2',
    'loki_distributor_bytes_received_total{tenant="fake"} 10',
    'loki_discarded_samples_total{reason="too_far_in_future",tenant="fake"} 1',
    'loki_discarded_bytes_total{reason="too_far_in_future",tenant="fake"} 5',
    'loki_request_duration_seconds_count{method="POST",route="loki_api_v1_push",status_code="400"} 1',
    'skald_commits_total 1',
    'skald_compactions_total 1',
    'skald_compaction_running 0',
    'skald_segments{level="1"} 1',
    'skald_streams 1',
    'skald_pending_push_bytes 0',
  ]) {
    t.ok(answer.body.split('\n').includes(line), line)
  }
  t.match(answer.body, /^skald_disk_free_bytes [1-9]\d*$/m)
  t.match(answer.body, /^skald_retention_min_free_bytes [1-9]\d*$/m)
  t.match(answer.body, /^skald_growth_bytes_per_day\{tenant="fake"\} 0$/m)
  t.match(answer.body, /^skald_full_in_seconds \+Inf$/m)
  t.match(answer.body, /^skald_segment_bytes\{level="1"\} \d+$/m)
  t.match(answer.body, /^skald_commit_bytes_total \d+$/m)
  t.match(answer.body, /^process_cpu_seconds_total /m)
})

test('config shows only the configuration in force', async t => {
  const store = await startTestStore(t, {
    yaml: `auth_enabled: false
target: all
storage_config: {aws: {secret_access_key: verysecret}}
schema_config: {configs: [{object_store: filesystem}]}
chunk_store_config: {max_look_back_period: 30d}
compactor: {deletion_mode: filter-only, working_directory: /x}
limits_config: {max_line_size: 1MB, bloom_ngram_skip: 1}`,
  })
  const { body } = await store.get('/config')
  const shown = parse(body)
  t.match(shown, {
    auth_enabled: false,
    limits_config: {
      ...{ max_line_size: '1MB', max_label_names_per_series: 15 },
      ...{ max_query_lookback: '30d', deletion_mode: 'filter-only' },
      ...{ ingestion_rate_mb: 0, per_stream_rate_limit: 0 },
    },
  })
  t.same(Object.keys(shown).sort(), [
    ...['auth_enabled', 'common', 'compactor', 'limits_config', 'max_memory'],
    ...['page', 'pattern_ingester', 'querier', 'receivers', 'runtime_config', 'server'],
    'target',
  ])
  t.same(Object.keys(shown.compactor).sort(), [
    ...['delete_max_interval', 'delete_request_cancel_period', 'retention_enabled'],
    ...['retention_max_bytes', 'retention_min_age', 'retention_min_free_bytes'],
  ])
  t.ok(shown.compactor.retention_min_free_bytes > 0, 'the default depends on the disk')
  t.match(body, /^# Outlook: holds 0 B, and nothing was written lately\n/)
  t.notMatch(body, /verysecret|bloom|null/)
})

test('config shows the default rates with tenants, and the overrides file set by its older name', async t => {
  const dir = t.testdir({ 'o.yaml': 'overrides: {}\n' })
  const file = join(dir, 'o.yaml')
  const store = await startTestStore(t, {
    dir,
    yaml: `auth_enabled: true
limits_config: {per_tenant_override_config: ${file}, per_tenant_override_period: 7s, per_stream_rate_limit: 5MB}`,
  })
  t.match(parse((await store.get('/config')).body), {
    runtime_config: { file, period: '7s' },
    limits_config: {
      ...{ ingestion_rate_mb: 4, ingestion_burst_size_mb: 6 },
      ...{ per_stream_rate_limit: '5MB', per_stream_rate_limit_burst: 15 * 1024 * 1024 },
    },
  })
})

test('metrics are not served if register_instrumentation is false', async t => {
  const store = await startTestStore(t, {
    server: 'register_instrumentation: false',
  })
  t.equal((await store.get('/metrics')).statusCode, 404)
  t.equal((await store.get('/ready')).statusCode, 200)
})

test('buildinfo reports the version', async t => {
  const store = await startTestStore(t)
  t.match((await store.get('/loki/api/v1/status/buildinfo')).json(), { version: '1.2.3' })
})

test("buildinfo has Loki's fields", async t => {
  const store = await startTestStore(t)
  const answer = await store.get('/loki/api/v1/status/buildinfo')
  t.match(answer.headers['content-type'], /^application\/json/)
  t.same(Object.keys(answer.json()), [
    'version',
    'revision',
    'branch',
    'buildUser',
    'buildDate',
    'goVersion',
  ])
})

test('services lists what is running', async t => {
  const store = await startTestStore(t)
  const { body, headers } = await store.get('/services')
  t.match(body, /^(\w+ => Running\n)+$/)
  t.match(body, /^ingester => Running$/m)
  t.equal(headers['content-type'], 'text/plain; charset=utf-8')
})

test('the log level can be read and set', async t => {
  const store = await startTestStore(t)
  const levelOf = async () => (await store.get('/log_level')).json<{ message: string }>().message
  const post = (url: string, payload = '') =>
    store.app.inject({
      method: 'POST',
      url,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      payload,
    })
  t.equal(await levelOf(), 'Current log level is debug')
  const set = await post('/log_level', 'log_level=warn')
  t.same(set.json(), { status: 'success', message: 'Log level set to warn' })
  t.equal(await levelOf(), 'Current log level is warn')
  t.equal((await post('/log_level?log_level=error')).statusCode, 200)
  for (const level of ['', 'silent', 'loud']) {
    const refused = await post('/log_level', `log_level=${level}`)
    t.equal(refused.statusCode, 400)
    t.same(refused.json(), { status: 'failed', message: `unrecognized log level "${level}"` })
  }
  t.equal(await levelOf(), 'Current log level is error')
})

test('flush answers once level 0 is merged', async t => {
  const store = await startTestStore(t)
  await store.push([jsonStream({ app: 'x' }, [[midnightNs, 'hello']])])
  t.equal((await store.get('/flush')).statusCode, 204)
  t.notMatch((await store.get('/metrics')).body, /skald_segments\{level="0"\}/)
  t.same(await store.lines('{app="x"}'), ['hello'])
})
