import { createLabelSet, type PushStream } from '@skald/wire'
import { test } from 'tap'
import { loadStoreConfig } from '../../src/config.ts'
import type { StreamLabels } from '../../src/ingest/stream-labels.ts'
import { acceptedTimes, Refusals, validateStream } from '../../src/ingest/validate.ts'
import type { TenantLimits } from '../../src/tenant-limits.ts'
import { midnightNs, pushStream, type Row } from '../harness.ts'

const defaults = loadStoreConfig('', 'test.yaml').config.limits
const stream = {
  kind: 'accepted',
  labels: createLabelSet({ a: 'b' }),
  labelsText: '{a="b"}',
  missing: [],
} as const
const second = 1_000_000_000n
const nowNs = midnightNs

/**
 * Validates rows. Returns the kept ones as `line` (possibly truncated) and the rejected ones by
 * reason.
 */
function validate(
  rows: readonly Row[],
  overrides: Partial<TenantLimits> = {},
  labels: Exclude<StreamLabels, { kind: 'malformed' }> = stream,
) {
  const limits = { ...defaults, ...overrides }
  const refusals = new Refusals()
  const source = pushStream({ a: 'b' }, rows)
  const times = acceptedTimes(limits, nowNs)
  const accepted = validateStream(source, labels, { limits, times, refusals })
  const kept = accepted
    ? [...(accepted.rows ?? source.lineLengths.keys())].map(row =>
        lineAt(source, accepted.lengths, row),
      )
    : undefined
  const message = refusals.isEmpty ? undefined : refusals.format()
  return { accepted, kept, message, discarded: Object.fromEntries(refusals.discarded) }
}

function lineAt({ bytes, lineOffsets }: PushStream, lengths: Uint32Array, row: number): string {
  return bytes.toString('utf8', lineOffsets[row]!, lineOffsets[row]! + lengths[row]!)
}

const row = (line: string, timeNs = nowNs, metadata?: Record<string, string>): Row =>
  metadata ? [timeNs, line, metadata] : [timeNs, line]

test('a valid stream is accepted as a whole, without copying', async t => {
  const { accepted, message } = validate([row('one'), row('two')])
  t.equal(accepted!.rows, undefined)
  t.equal(accepted!.lengths, accepted!.source.lineLengths)
  t.equal(accepted!.wantsLevels, true)
  t.equal(message, undefined)
})

test('a rejected stream rejects each of its entries', async t => {
  const refused = {
    kind: 'refused',
    reason: 'missing_labels',
    message: 'no labels',
    labelsText: '{}',
  } as const
  const { accepted, message, discarded } = validate([row('one'), row('three')], {}, refused)
  t.equal(accepted, undefined)
  t.equal(message, '2 errors like: no labels')
  t.match(discarded, { missing_labels: { entries: 2, bytes: 8, labelsText: '{}' } })
})

test('entries too far in the future are rejected, those within the grace period are not', async t => {
  const graceNs = 600n * second
  const { kept, message, discarded } = validate([
    row('now'),
    row('at the border', nowNs + graceNs),
    row('beyond', nowNs + graceNs + 1n),
    row('later still', nowNs + graceNs + second),
    row('past'),
  ])
  t.same(kept, ['now', 'at the border', 'past'])
  t.match(message, /^1 errors like: entry for stream '\{a="b"\}' has timestamp too new: /)
  t.match(message, /too new: 2024-10-04T00:10:00\.000000001Z; 1 errors like: .*00:10:01Z$/)
  t.match(discarded.too_far_in_future, { entries: 2, bytes: 17, labelsText: '{a="b"}' })
})

test('a time beyond 64 bits of nanoseconds is rejected whatever the grace period', async t => {
  const source = pushStream({ a: 'b' }, [row('x')])
  source.seconds[0] = 9_223_372_036
  const limits = { ...defaults, creationGraceNs: 10n ** 21n }
  const refusals = new Refusals()
  const times = acceptedTimes(limits, nowNs)
  t.equal(validateStream(source, stream, { limits, times, refusals }), undefined)
  t.match(refusals.format(), /has timestamp too new: second 9223372036$/)
})

test('old entries are kept, unless a limit says how old they may be', async t => {
  const rows = [
    row('1970', 1n),
    row('border', nowNs - 60n * second),
    row('old', nowNs - 60n * second - 1n),
  ]
  t.same(validate(rows).kept, ['1970', 'border', 'old'])
  const { kept, message } = validate(rows, { rejectOlderThanNs: 60n * second })
  t.same(kept, ['border'])
  t.match(
    message,
    /entry for stream '\{a="b"\}' has timestamp too old: 1970-01-01T00:00:00\.000000001Z, oldest acceptable timestamp is: 2024-10-03T23:59:00Z/,
  )
})

test('a current time in another unit than nanoseconds is rejected, and the error names the unit', async t => {
  for (const [unit, ns] of [
    ['seconds', second],
    ['milliseconds', 1_000_000n],
    ['microseconds', 1_000n],
  ] as const) {
    const time = nowNs / ns
    const { kept, message, discarded } = validate([row('x', time), row('y')])
    t.same(kept, ['y'], unit)
    t.match(message, `(${time} is a time in ${unit}, not in nanoseconds)`)
    t.match(discarded, { greater_than_max_sample_age: { entries: 1 } })
    const old = validate([row('x', time)], { rejectOlderThanNs: 60n * second })
    t.match(old.message, /has timestamp too old: 1970-.* is a time in /)
  }
  const rows = [row('1970', 20n * second), row('hours', nowNs / (3600n * second))]
  t.same(validate(rows).kept, ['1970', 'hours'], 'others are accepted')
})

test('time 0 and earlier times are rejected, however old entries may be', async t => {
  const rows = [
    row('zero', 0n),
    row('negative', -1n),
    row('long ago', -(10n ** 18n)),
    row('first', 1n),
  ]
  t.same(validate(rows).kept, ['first'])
  t.same(validate(rows, { rejectOlderThanNs: 10n ** 20n }).kept, ['first'])
})

test('lines over the limit are rejected or truncated', async t => {
  const rows = [row('12345'), row('123456'), row('')]
  const { kept, message, discarded } = validate(rows, { maxLineBytes: 5 })
  t.same(kept, ['12345', ''])
  t.equal(
    message,
    `Max entry size '5' bytes exceeded for stream '{a="b"}' while adding an entry with length '6' bytes`,
  )
  t.match(discarded, { line_too_long: { entries: 1, bytes: 6 } })
  const cut = validate(rows, { maxLineBytes: 5, truncateLongLines: true })
  t.same(cut.kept, ['12345', '12345', ''])
  t.same([...cut.accepted!.source.lineLengths], [5, 6, 0], 'the pushed data is unchanged')
  t.same(validate(rows, { maxLineBytes: 0 }).kept, ['12345', '123456', ''])
})

test('metadata is rejected when over a limit or not allowed', async t => {
  const rows = [row('plain'), row('with', nowNs, { id: '12', x: '3' })]
  const refused = (limits: Partial<TenantLimits>, reason: string, message: RegExp) => {
    const found = validate(rows, limits)
    t.same(found.kept, ['plain'])
    t.match(found.discarded, { [reason]: { entries: 1, bytes: 4 } })
    t.match(found.message, message)
  }
  refused(
    { allowStructuredMetadata: false },
    'disallowed_structured_metadata',
    /includes structured metadata, but this feature is disallowed/,
  )
  refused(
    { maxStructuredMetadataBytes: 5 },
    'structured_metadata_too_large',
    /has structured metadata too large: '6' bytes, limit: '5' bytes/,
  )
  refused(
    { maxStructuredMetadataEntries: 1 },
    'structured_metadata_too_many',
    /has too many structured metadata labels: '2', limit: '1'/,
  )
  t.same(validate(rows, { maxStructuredMetadataBytes: 6 }).kept, ['plain', 'with'])
})

test('metadata is sorted and its names are made valid; pairs without name or value are dropped', async t => {
  const metadata = { 'z.y': '1', a: 'b\ufffd', ü: '2', '': '1', e: '' }
  const { accepted } = validate([row('plain'), row('with', nowNs, metadata)])
  t.same(accepted!.metadata, [
    undefined,
    [
      { name: '_', value: '2' },
      { name: 'a', value: 'b ' },
      { name: 'z_y', value: '1' },
    ],
  ])
})

test('levels are wanted only if discovery is on and metadata is allowed', async t => {
  t.equal(validate([row('x')], { discoverLogLevels: false }).accepted!.wantsLevels, false)
  t.equal(validate([row('x')], { allowStructuredMetadata: false }).accepted!.wantsLevels, false)
})

test('each distinct rejection is reported once with its count, a single one unchanged', async t => {
  const refusals = new Refusals()
  const add = (reason: string, message: string, bytes: number) =>
    refusals.add({ reason, message, labelsText: `{of="${message}"}`, bytes })
  t.equal(refusals.isEmpty, true)
  add('r', 'one', 1)
  t.equal(refusals.format(), 'one')
  add('r', 'one', 2)
  add('s', 'two', 3)
  add('r', 'three', 4)
  t.equal(refusals.format(), '2 errors like: one; 1 errors like: two; 1 errors like: three')
  t.same(Object.fromEntries(refusals.discarded), {
    r: { entries: 3, bytes: 7, labelsText: '{of="one"}', message: 'one' },
    s: { entries: 1, bytes: 3, labelsText: '{of="two"}', message: 'two' },
  })
})

test('lines are truncated before a character that would be split', async t => {
  const f = (line: string, maxLineBytes: number, want: string) => {
    const { kept, message } = validate([row(line)], { maxLineBytes, truncateLongLines: true })
    t.same(kept, [want], `${line} to ${maxLineBytes}`)
    t.equal(message, undefined)
  }
  f('abcdef', 3, 'abc')
  f('aöb', 2, 'a')
  f('aöb', 3, 'aö')
  f('a😀b', 4, 'a')
  f('a😀b', 5, 'a😀')
  f('ab', 2, 'ab')
})

test('the last value of a metadata name wins, and unchanged pairs stay the same objects', async t => {
  const fine = { name: 'a_b', value: 'x' }
  const pairs = [
    { name: 'z', value: '1' },
    fine,
    { name: 'y.y', value: '2' },
    { name: 'z', value: '3' },
  ]
  const source = { ...pushStream({ a: 'b' }, [row('x')]), metadata: [pairs] }
  const context = {
    limits: defaults,
    times: acceptedTimes(defaults, nowNs),
    refusals: new Refusals(),
  }
  const { metadata } = validateStream(source, stream, context)!
  t.same(metadata![0], [fine, { name: 'y_y', value: '2' }, { name: 'z', value: '3' }])
  t.equal(metadata![0]![0], fine)
})
