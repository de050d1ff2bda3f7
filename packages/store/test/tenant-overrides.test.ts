import { rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { loadStoreConfig } from '../src/config.ts'
import { TenantOverrides } from '../src/tenant-overrides.ts'
import { createTestLogger } from './harness.ts'

async function open(
  t: Test,
  texts: Readonly<Record<string, string>>,
  { period = '0s', mayDelete = false } = {},
) {
  const dir = t.testdir(texts)
  const paths = Object.keys(texts).map(name => join(dir, name))
  const loaded = loadStoreConfig(
    `limits_config: {max_line_size: 100, reject_old_samples: true}
runtime_config: {file: ${JSON.stringify(paths.join(','))}, period: ${period}}
compactor: {retention_enabled: ${mayDelete}}`,
    'store.yaml',
  )
  const { logger, messages } = createTestLogger()
  const readings: boolean[] = []
  const overrides = new TenantOverrides({
    files: loaded.config.overrides,
    limits: loaded.config.limits,
    mayDelete: loaded.config.mayDelete,
    rawLimits: loaded.raw.limits_config,
    logger,
    onRead: isUsable => readings.push(isUsable),
  })
  t.teardown(() => overrides.close())
  const write = (text: string) => writeFile(paths[0]!, text)
  return { overrides, paths, write, messages, readings, limits: loaded.config.limits }
}

test('a tenant has its own limits, and all others have those of the configuration', async t => {
  const { overrides, limits, readings } = await open(t, {
    'o.yaml': `overrides:
  one:
    max_line_size: 1KB
    ingestion_rate_mb: 0.5
    otlp_config: {log_attributes: [{action: drop, attributes: [a]}]}
  two: {max_line_size: , max_label_names_per_series: 3}
  three:
`,
  })
  t.equal(overrides.limitsOf('one'), limits, 'before the start')
  await overrides.start()
  const one = overrides.limitsOf('one')
  t.equal(one.maxLineBytes, 1024)
  t.equal(one.ingestionRateBytes, 512 * 1024)
  t.equal(one.rejectOlderThanNs, limits.rejectOlderThanNs)
  t.equal(one.otlp.record('a'), 'drop')
  t.equal(one.otlp.resource('service.name'), 'index_label')
  t.match(overrides.limitsOf('two'), { maxLineBytes: 100, maxLabelNames: 3 })
  t.equal(overrides.limitsOf('three').maxLineBytes, 100)
  t.equal(overrides.limitsOf('four'), limits)
  t.equal(overrides.limitsOf('one'), one, 'the same object until they change')
  t.same(readings, [true])
})

test('a retention period applies only if the compactor may delete', async t => {
  const text = `overrides:
  one: {retention_period: 1d, retention_stream: [{selector: '{app="x"}', period: 48h}]}`
  for (const mayDelete of [false, true]) {
    const { overrides } = await open(t, { 'o.yaml': text }, { mayDelete })
    await overrides.start()
    t.equal(overrides.limitsOf('one').retentionNs, mayDelete ? 86_400_000_000_000n : 0n)
    t.same(
      overrides
        .limitsOf('one')
        .retentionStreams.map(({ periodNs, priority }) => [periodNs, priority]),
      mayDelete ? [[172_800_000_000_000n, 0]] : [],
    )
    t.equal(overrides.limitsOf('two').retentionNs, 0n)
    t.same(overrides.limitsOf('two').retentionStreams, [])
  }
})

test('keys of a tenant that have no meaning are listed once, and older names apply', async t => {
  const { overrides, messages, paths } = await open(t, {
    'o.yaml':
      'overrides:\n  one:\n    tsdb_max_query_parallelism: 5\n    allow_deletes: false\n    log_level_fields: [a]\nconfigs: {}\n',
  })
  await overrides.start()
  t.equal(overrides.limitsOf('one').deletionMode, 'disabled')
  t.equal(overrides.limitsOf('two').deletionMode, 'filter-and-delete')
  const told = [
    `without meaning here: ${paths[0]}:6:1: configs, ` +
      `${paths[0]}:3:5: overrides.one.tsdb_max_query_parallelism, ${paths[0]}:5:5: overrides.one.log_level_fields`,
  ]
  t.same(messages(), told)
  await overrides.reload()
  t.same(messages(), told)
})

test('keys of later files win', async t => {
  const { overrides } = await open(t, {
    'a.yaml': 'overrides: {one: {max_line_size: 1, max_label_names_per_series: 1}}',
    'b.yaml': 'overrides: {one: {max_line_size: 2}}',
  })
  await overrides.start()
  t.match(overrides.limitsOf('one'), { maxLineBytes: 2, maxLabelNames: 1 })
})

test('a changed file is read again, and a broken one leaves the old limits in force', async t => {
  const { overrides, write, messages, readings, paths } = await open(t, {
    'o.yaml': 'overrides: {one: {max_line_size: 1}}',
  })
  const size = () => overrides.limitsOf('one').maxLineBytes
  await overrides.start()
  const before = overrides.limitsOf('one')
  await overrides.reload()
  t.equal(overrides.limitsOf('one'), before, 'nothing has changed')
  await write('overrides: {one: {max_line_size: 2}}')
  await overrides.reload()
  t.equal(size(), 2)
  for (const [broken, message] of [
    ['overrides: {one: {max_line_size: 3}', /o\.yaml:1:\d+: This is not YAML: /],
    [
      'overrides:\n  one:\n    max_lines: 3',
      /o\.yaml:3:5: Unknown key max_lines in overrides\.one: /,
    ],
    [
      'overrides:\n  one:\n    max_line_size: big',
      /o\.yaml:3:5: overrides\.one\.max_line_size must be a byte size/,
    ],
    [
      'overrides: {one: {max_label_names_per_series: -1}}',
      /max_label_names_per_series must not be negative/,
    ],
    ['overrides: 5', /overrides must be a map/],
    ['[]', /must be a map/],
    [
      'overrides:\n  one:\n    ruler_alertmanager_config: "route: x"',
      /o\.yaml:3:5: overrides\.one\.ruler_alertmanager_config must be a map /,
    ],
    ['override: {}', /Unknown key override in the configuration: did you mean overrides\?/],
  ] as const) {
    await write(broken)
    await overrides.reload()
    t.equal(size(), 2, broken)
    t.match(messages().at(-1), message)
    t.match(messages().at(-1), /^cannot load the overrides, the previous ones stay in force: /)
    t.equal(readings.at(-1), false)
  }
  await rename(paths[0]!, `${paths[0]}.away`)
  await overrides.reload()
  t.equal(size(), 2)
  t.match(messages().at(-1), /ENOENT/)
  await rm(`${paths[0]}.away`)
  await write('')
  await overrides.reload()
  t.equal(size(), 100)
  t.equal(readings.at(-1), true)
})

test('the file is read again periodically', async t => {
  const text = 'overrides: {one: {max_line_size: 1}}'
  const { overrides, write } = await open(t, { 'o.yaml': text }, { period: '10ms' })
  await overrides.start()
  await write('overrides: {one: {max_line_size: 2}}')
  while (overrides.limitsOf('one').maxLineBytes !== 2) await new Promise(setImmediate)
  t.pass()
})

test('a start needs valid files', async t => {
  const { overrides } = await open(t, { 'o.yaml': 'overrides: {one: {max_line_size: no}}' })
  await t.rejects(overrides.start(), { code: 'CONFIG', message: /overrides\.one\.max_line_size/ })
  const { overrides: missing, paths } = await open(t, { 'o.yaml': '' })
  await rm(paths[0]!)
  await t.rejects(missing.start(), { code: 'ENOENT' })
})
