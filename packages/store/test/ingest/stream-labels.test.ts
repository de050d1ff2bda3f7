import { labelSetToObject } from '@skald/wire'
import { test } from 'tap'
import { loadStoreConfig } from '../../src/config.ts'
import { StreamLabelsResolver } from '../../src/ingest/stream-labels.ts'
import type { TenantLimits } from '../../src/tenant-limits.ts'

const defaults = loadStoreConfig('', 'test.yaml').config.limits
const resolver = (overrides: Partial<TenantLimits> = {}) =>
  new StreamLabelsResolver({ ...defaults, ...overrides })

test('a stream gets its service_name from the first label that names one', async t => {
  const named = (text: string, want: string) => {
    const found = resolver().resolve(text)
    t.equal(found.kind, 'accepted', text)
    if (found.kind === 'accepted') t.equal(labelSetToObject(found.labels).service_name, want, text)
  }
  named('{service="s", app="a"}', 's')
  named('{job="j", app="a"}', 'a')
  named('{container="c", job="j"}', 'c')
  named('{app_kubernetes_io_name="k", container="c"}', 'k')
  named('{service="", app="a"}', 'a')
  named('{pod="p"}', 'unknown_service')
  named('{service_name="given", app="a"}', 'given')
  named('{service_name="", app="a"}', 'a')
})

test('a stream keeps its labels if no service_name is wanted', async t => {
  const texts = (found: ReturnType<StreamLabelsResolver['resolve']>) =>
    found.kind === 'accepted' ? found.labelsText : found.kind
  t.equal(texts(resolver({ discoverServiceName: [] }).resolve('{app="a"}')), '{app="a"}')
  const aggregated = '{__aggregated_metric__="x", app="a"}'
  t.equal(texts(resolver().resolve(aggregated)), aggregated)
  const own = resolver({ discoverServiceName: ['team'] })
  t.equal(texts(own.resolve('{app="a", team="t"}')), '{app="a", service_name="t", team="t"}')
})

test('the text of a stream is canonical whatever was sent', async t => {
  const found = resolver().resolve('{ b = `x"y` ,a="1", c="" }')
  t.same(
    found.kind === 'accepted' && found.labelsText,
    '{a="1", b="x\\"y", service_name="unknown_service"}',
  )
})

test('labels over a limit are rejected with the text clients know', async t => {
  const refused = (text: string, reason: string, message: string, limits: Partial<TenantLimits>) =>
    t.match(resolver(limits).resolve(text), { kind: 'refused', reason, message })
  const none = { discoverServiceName: [] }
  refused('{}', 'missing_labels', 'error at least one label pair is required per stream', none)
  refused('{a=""}', 'missing_labels', 'error at least one label pair is required per stream', none)
  refused(
    '{a="1", b="2", c="3"}',
    'max_label_names_per_series',
    `entry for stream '{a="1", b="2", c="3", service_name="unknown_service"}' has 3 label names; limit 2`,
    { maxLabelNames: 2 },
  )
  refused(
    '{long_name="1"}',
    'label_name_too_long',
    `stream '{long_name="1"}' has label name too long: 'long_name'`,
    { ...none, maxLabelNameBytes: 8 },
  )
  refused('{a="값"}', 'label_value_too_long', `stream '{a="값"}' has label value too long: '값'`, {
    ...none,
    maxLabelValueBytes: 2,
  })
})

test('labels at a limit are accepted', async t => {
  const accepted = (text: string, limits: Partial<TenantLimits>) =>
    t.equal(resolver({ discoverServiceName: [], ...limits }).resolve(text).kind, 'accepted', text)
  accepted('{a="1", b="2"}', { maxLabelNames: 2 })
  accepted('{a="1", b="2", service_name="s"}', { maxLabelNames: 2 })
  accepted('{long_name="1"}', { maxLabelNameBytes: 9 })
  accepted('{a="값"}', { maxLabelValueBytes: 3 })
})

test('ten thousand labels are rejected, not stored', async t => {
  const pairs = Array.from({ length: 10_000 }, (_, i) => `l${i}="v"`)
  const found = resolver().resolve(`{${pairs.join(',')}}`)
  t.match(found, { kind: 'refused', reason: 'max_label_names_per_series' })
})

test('an invalid label set is malformed, and the error has the position', async t => {
  const malformed = (text: string, message: string) =>
    t.same(resolver().resolve(text), { kind: 'malformed', message }, text)
  const at = (place: string, why: string) => `couldn't parse labels: ${place}: parse error: ${why}`
  malformed('', at('1:1', 'unexpected end of input, expected "{"'))
  malformed('app="x"', at('1:1', 'unexpected character, expected "{"'))
  malformed('{a-b="x"}', at('1:3', "unexpected character inside braces: '-'"))
  malformed('{1a="x"}', at('1:2', "unexpected character inside braces: '1'"))
  malformed('{a="x"', at('1:7', 'unexpected end of input inside braces'))
  malformed('{a="x"} b', at('1:9', 'unexpected character after "}"'))
})

test('a repeated name rejects the stream', async t => {
  t.same(resolver().resolve('{app="dup", app="x"}'), {
    kind: 'refused',
    labelsText: '{app="dup", app="x", service_name="dup"}',
    reason: 'duplicate_label_names',
    message: `stream '{app="dup", app="x", service_name="dup"}' has duplicate label name: 'app'`,
  })
})

test('the result of a very long text is not cached', async t => {
  const labels = resolver()
  const text = `{a="${'x'.repeat(20_000)}"}`
  t.not(labels.resolve(text), labels.resolve(text))
})

test('the result of a text is cached', async t => {
  const labels = resolver()
  t.equal(labels.resolve('{a="b"}'), labels.resolve('{a="b"}'))
  t.equal(labels.resolve('nonsense'), labels.resolve('nonsense'))
})

test('only the text of a stream is cached, and its labels are parsed again', async t => {
  const labels = resolver()
  const text = '{app="a", quoted="x\\"y\\n"}'
  const found = labels.resolve(text)
  if (found.kind !== 'accepted') throw new Error(found.kind)
  const parsed = found.labels
  t.equal(found.labels, parsed, 'those of the newest stream are kept')
  labels.resolve('{app="b"}')
  t.not(found.labels, parsed)
  t.same(found.labels, parsed)
  t.equal(labels.resolve(text), found)
})

test('a stream says which required labels it lacks', async t => {
  const missing = (text: string) => {
    const found = resolver({ enforcedLabels: ['team', 'app'] }).resolve(text)
    return found.kind === 'accepted' && found.missing
  }
  t.same(missing('{pod="p"}'), ['team', 'app'])
  t.same(missing('{app="a", pod="p"}'), ['team'])
  t.same(missing('{app="a", team="t"}'), [])
  t.same(missing('{__aggregated_metric__="x"}'), [])
})
