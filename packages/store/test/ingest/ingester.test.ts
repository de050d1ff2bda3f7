import { rm } from 'node:fs/promises'
import { type Test, test } from 'tap'
import { loadStoreConfig } from '../../src/config.ts'
import {
  type PushBlockedError,
  PushRejectedError,
  StorageUnavailableError,
} from '../../src/errors.ts'
import { CardinalityGuard } from '../../src/ingest/cardinality-guard.ts'
import { IngestQuotas } from '../../src/ingest/ingest-quotas.ts'
import { Ingester } from '../../src/ingest/ingester.ts'
import { RefusalLog } from '../../src/ingest/refusal-log.ts'
import { createStoreMetrics } from '../../src/metrics.ts'
import type { TenantLimits } from '../../src/tenant-limits.ts'
import {
  createTestLogger,
  type Labels,
  midnightNs,
  openStorage,
  pushStream,
  type Row,
} from '../harness.ts'
import { readAllRows } from '../segment-rows.ts'

const { limits } = loadStoreConfig('limits_config: {max_line_size: 10}', 'test.yaml').config

interface Options {
  readonly overrides?: Partial<TenantLimits>
  readonly hasDefaultRates?: boolean
  readonly replicas?: () => number
}

async function open(t: Test, { overrides = {}, hasDefaultRates = false, replicas }: Options = {}) {
  const storage = await openStorage(t)
  const metrics = createStoreMetrics(async () => ({
    compactions: 0,
    isCompacting: false,
    pendingPushBytes: 0,
    memory: { maxBytes: 0, queryBytes: 0, queriesWaiting: 0 },
    streams: 0,
    levels: new Map(),
    cacheBytes: 0,
    isCatalogReachable: true,
    liveReplicas: 1,
    disk: { freeBytes: 0, totalBytes: 0, minFreeBytes: 0 },
    growth: [],
    guiltyLabels: [],
    fullInSeconds: undefined,
  }))
  let nowMs = Number(midnightNs / 1_000_000n)
  const clock = { now: () => nowMs }
  const wait = (ms: number) => {
    nowMs += ms
  }
  const { committer, segmentsDir } = storage
  const { logger, messages } = createTestLogger()
  const tenantLimits = { ...limits, ...overrides }
  const ingester = new Ingester({
    limitsOf: () => tenantLimits,
    quotas: new IngestQuotas({ hasDefaultRates, clock, replicas }),
    refusalLog: new RefusalLog(logger, clock),
    guard: new CardinalityGuard({ logger, clock }),
    committer,
    metrics,
    clock,
  })
  const stored = async () =>
    (await readAllRows(segmentsDir)).map(
      ({ tenant, labels, line }) => `${tenant} ${labels} ${line}`,
    )
  const counted = async (name: string) =>
    (await metrics.registry.getSingleMetric(name)!.get()).values.map(({ labels, value }) => [
      labels,
      value,
    ])
  return { ...storage, ingester, stored, counted, wait, messages }
}

const row = (line: string): Row => [midnightNs, line]
const stream = (labels: Labels | string, ...lines: readonly string[]) =>
  pushStream(labels, lines.map(row))
const service = 'service_name="unknown_service"'

test('a push is stored and counted', async t => {
  const { ingester, stored, counted } = await open(t)
  await ingester.push('a', [stream({ p: '1' }, 'x', 'yy'), stream({ p: '2' }, 'zzz')])
  t.same(await stored(), [
    `a {p="1", ${service}} x`,
    `a {p="1", ${service}} yy`,
    `a {p="2", ${service}} zzz`,
  ])
  t.same(await counted('loki_distributor_lines_received_total'), [[{ tenant: 'a' }, 3]])
  t.same(await counted('loki_distributor_bytes_received_total'), [[{ tenant: 'a' }, 6]])
})

test('a push without streams is rejected with 422', async t => {
  const { ingester, stored } = await open(t)
  await t.rejects(ingester.push('a', []), {
    code: 'PUSH_EMPTY',
    message: 'error at least one valid stream is required for ingestion',
  })
  t.same(await stored(), [])
})

test('streams without entries are skipped, whatever their labels', async t => {
  const { ingester, stored } = await open(t)
  await ingester.push('a', [stream('nonsense'), stream({ p: '1' })])
  t.same(await stored(), [])
})

test('valid entries are stored, and the answer lists the invalid ones', async t => {
  const { ingester, stored, counted } = await open(t)
  const push = ingester.push('a', [
    stream({ p: '1' }, 'good', 'much too long a line', 'fine'),
    stream({ p: '2' }, 'also much too long'),
    stream({ p: '3' }, 'well'),
  ])
  await t.rejects(push, PushRejectedError)
  await t.rejects(push, {
    code: 'PUSH_INVALID',
    message: /^1 errors like: Max entry size '10' bytes .*length '20' bytes; 1 errors like: Max/,
  })
  t.same(await stored(), [
    `a {p="1", ${service}} good`,
    `a {p="1", ${service}} fine`,
    `a {p="3", ${service}} well`,
  ])
  const labels = { reason: 'line_too_long', tenant: 'a' }
  t.same(await counted('loki_discarded_samples_total'), [[labels, 2]])
  t.same(await counted('loki_discarded_bytes_total'), [[labels, 38]])
})

test('malformed labels reject the whole push', async t => {
  const { ingester, stored, counted } = await open(t)
  await t.rejects(ingester.push('a', [stream({ p: '1' }, 'good'), stream('{p', 'x', 'y')]), {
    code: 'PUSH_INVALID',
    message: /^couldn't parse labels: 1:3: parse error: /,
  })
  t.same(await stored(), [])
  t.same(await counted('loki_discarded_samples_total'), [
    [{ reason: 'invalid_labels', tenant: 'a' }, 2],
  ])
})

test('the same text is a separate stream for each tenant', async t => {
  const { ingester, stored } = await open(t)
  await ingester.push('a', [stream({ p: '1' }, 'of a')])
  await ingester.push('b', [stream({ p: '1' }, 'of b')])
  t.same(await stored(), [`a {p="1", ${service}} of a`, `b {p="1", ${service}} of b`])
})

test('a storage failure is reported before rejected entries', async t => {
  const { ingester, segmentsDir } = await open(t)
  await rm(segmentsDir, { recursive: true })
  const streams = [stream({ p: '1' }, 'good', 'much too long a line')]
  await t.rejects(ingester.push('a', streams), StorageUnavailableError)
})

test('a tenant above its rate is rejected as a whole, and learns when to retry', async t => {
  const { ingester, stored, counted, wait, messages } = await open(t, {
    overrides: { ingestionRateBytes: 10, ingestionBurstBytes: 20 },
  })
  await ingester.push('a', [stream({ p: '1' }, 'x'.repeat(10), 'y'.repeat(8))])
  const push = () =>
    ingester.push('a', [stream({ p: '1' }, 'z'.repeat(9)), stream({ p: '2' }, 'w')])
  await t.rejects(push(), {
    code: 'PUSH_RATE_LIMITED',
    retryAfterSeconds: 1,
    message:
      /^Ingestion rate limit exceeded for user a \(limit: 10 bytes\/sec\) while attempting to ingest '2' lines totaling '10' bytes, /,
  })
  t.equal((await stored()).length, 2)
  const labels = { reason: 'rate_limited', tenant: 'a' }
  t.same(await counted('loki_discarded_samples_total'), [[labels, 2]])
  t.same(await counted('loki_discarded_bytes_total'), [[labels, 10]])
  t.match(messages(), [/^entries were rejected: Ingestion rate limit/])
  await ingester.push('b', [stream({ p: '1' }, 'other')])
  wait(800)
  await push()
  t.equal((await stored()).length, 5)
})

test('replicas divide the rate of a tenant, unless the strategy is local, but not the burst', async t => {
  let replicas = 1
  const overrides = { ingestionRateBytes: 30, ingestionBurstBytes: 20 }
  const { ingester, wait } = await open(t, { overrides, replicas: () => replicas })
  const push = (line: string) => ingester.push('a', [stream({ p: '1' }, line)])
  await push('x'.repeat(10))
  replicas = 3
  await push('x'.repeat(10))
  await t.rejects(push('y'.repeat(10)), { message: /limit: 10 bytes\/sec/, retryAfterSeconds: 1 })
  wait(500)
  await t.rejects(push('y'.repeat(6)), { code: 'PUSH_RATE_LIMITED' })
  await push('y'.repeat(5))

  const local = { ...overrides, ingestionRateStrategy: 'local' } as const
  const each = await open(t, { overrides: local, replicas: () => 3 })
  await each.ingester.push('a', [stream({ p: '1' }, 'x'.repeat(10), 'x'.repeat(10))])
  each.wait(500)
  await each.ingester.push('a', [stream({ p: '1' }, 'y'.repeat(9), 'y'.repeat(6))])
  await t.rejects(each.ingester.push('a', [stream({ p: '1' }, 'z')]), {
    message: /limit: 30 bytes\/sec/,
  })
})

test('streams of other replicas count as active for an hour', async t => {
  const { ingester, wait } = await open(t, { overrides: { maxStreams: 2 } })
  const push = (p: string) => ingester.push('a', [stream({ p }, 'x')])
  const named = (p: string) => `{p="${p}", ${service}}`
  ingester.noteElsewhere('a', [named('1'), named('2')])
  ingester.noteElsewhere('b', [named('3')])
  await push('1')
  await t.rejects(push('3'), { message: /Maximum active stream limit exceeded .*p="3"/ })
  wait(1_800_000)
  await push('1')
  wait(1_800_000)
  await push('3')
  await t.rejects(push('2'), { message: /Maximum active stream limit exceeded .*p="2"/ })
})

test('a rate counts what would be stored, including metadata', async t => {
  const { ingester, stored } = await open(t, {
    overrides: { ingestionRateBytes: 1, ingestionBurstBytes: 10 },
  })
  const withMetadata = pushStream({ p: '1' }, [[midnightNs, 'line', { name: 'val' }]])
  await t.rejects(ingester.push('a', [withMetadata]), {
    code: 'PUSH_RATE_LIMITED',
    message: /'11' bytes/,
  })
  const tooLong = stream({ p: '1' }, 'x'.repeat(100), 'fits')
  await t.rejects(ingester.push('a', [tooLong]), { code: 'PUSH_INVALID', message: /^Max entry/ })
  t.same(await stored(), [`a {p="1", ${service}} fits`])
})

test('received bytes include lines and metadata', async t => {
  const { ingester, counted } = await open(t)
  await ingester.push('a', [pushStream({ p: '1' }, [[midnightNs, 'line', { name: 'val' }]])])
  t.same(await counted('loki_distributor_bytes_received_total'), [[{ tenant: 'a' }, 11]])
})

test("without tenants there are no default rates; with tenants, Loki's apply", async t => {
  const lines = Array.from({ length: 7 }, (_, i) => String(i).repeat(1024 * 1024))
  const alone = await open(t, { overrides: { maxLineBytes: 0 } })
  await alone.ingester.push('fake', [stream({ p: '1' }, ...lines)])
  const among = await open(t, { hasDefaultRates: true, overrides: { maxLineBytes: 0 } })
  await t.rejects(among.ingester.push('a', [stream({ p: '1' }, ...lines)]), {
    code: 'PUSH_RATE_LIMITED',
    message: /limit: 4194304 bytes\/sec/,
  })
  const free = await open(t, {
    hasDefaultRates: true,
    overrides: { maxLineBytes: 0, ingestionRateBytes: 0, streamRateBytes: 0 },
  })
  await free.ingester.push('a', [stream({ p: '1' }, ...lines)])
})

test('excess entries of one stream are dropped, and the rest is stored', async t => {
  const { ingester, stored, counted } = await open(t, {
    overrides: { streamRateBytes: 1024, streamBurstBytes: 6 },
  })
  const push = ingester.push('a', [
    stream({ p: '1' }, 'abcd', 'efgh', 'ij'),
    stream({ p: '2' }, 'x'),
  ])
  await t.rejects(push, {
    code: 'PUSH_RATE_LIMITED',
    retryAfterSeconds: 1,
    message: `entry with timestamp 2024-10-04 00:00:00 +0000 UTC ignored, reason: 'Per stream rate limit exceeded (limit: 1KB/sec) while attempting to ingest for stream '{p="1", ${service}}' totaling 4B, consider splitting a stream via additional labels or contact your Loki administrator to see if the limit can be increased',
user 'a', total ignored: 1 out of 3 for stream: {p="1", ${service}}`,
  })
  t.same(await stored(), [
    `a {p="1", ${service}} abcd`,
    `a {p="1", ${service}} ij`,
    `a {p="2", ${service}} x`,
  ])
  t.same(await counted('loki_discarded_samples_total'), [
    [{ reason: 'per_stream_rate_limit', tenant: 'a' }, 1],
  ])
})

test('a stream beyond the limit is rejected until another one is no longer active', async t => {
  const { ingester, stored, counted, wait } = await open(t, { overrides: { maxStreams: 2 } })
  await ingester.push('a', [stream({ p: '1' }, 'x'), stream({ p: '2' }, 'x')])
  const both = () => ingester.push('a', [stream({ p: '1' }, 'y'), stream({ p: '3' }, 'x', 'y')])
  await t.rejects(both(), {
    code: 'PUSH_STREAM_LIMITED',
    retryAfterSeconds: undefined,
    message: `Maximum active stream limit exceeded when trying to create stream {p="3", ${service}}, reduce the number of active streams (reduce labels or reduce label values), or contact your Loki administrator to see if the limit can be increased, user: 'a'`,
  })
  t.equal((await stored()).length, 3)
  t.same(await counted('loki_discarded_samples_total'), [
    [{ reason: 'stream_limit', tenant: 'a' }, 2],
  ])
  await ingester.push('b', [stream({ p: '3' }, 'of b')])
  wait(1_800_000)
  await ingester.push('a', [stream({ p: '1' }, 'z')])
  await t.rejects(both(), { code: 'PUSH_STREAM_LIMITED', message: /^Maximum active stream limit/ })
  wait(1_800_000)
  await both()
})

test('truncated lines are counted', async t => {
  const { ingester, counted } = await open(t, { overrides: { truncateLongLines: true } })
  await ingester.push('a', [stream({ p: '1' }, 'x'.repeat(15), 'y'.repeat(11), 'short')])
  const labels = { reason: 'line_too_long', tenant: 'a' }
  t.same(await counted('loki_mutated_samples_total'), [[labels, 2]])
  t.same(await counted('loki_mutated_bytes_total'), [[labels, 6]])
})

test('a stream without a required label is rejected, and the others are stored', async t => {
  const { ingester, stored, counted } = await open(t, {
    overrides: { enforcedLabels: ['team', 'env'] },
  })
  await t.rejects(
    ingester.push('a', [
      stream({ app: 'x', team: 't' }, 'one', 'two'),
      stream({ app: 'y', team: 't', env: 'e' }, 'kept'),
      stream({ __aggregated_metric__: 'm' }, 'of its own'),
    ]),
    { code: 'PUSH_INVALID', message: 'missing required labels env for user a' },
  )
  t.same(
    (await stored()).map(text => text.split('} ')[1]),
    ['of its own', 'kept'],
  )
  t.same(await counted('loki_discarded_samples_total'), [
    [{ reason: 'missing_enforced_labels', tenant: 'a' }, 2],
  ])
  await t.rejects(ingester.push('a', [stream({ app: 'x' }, 'three')]), {
    message: 'missing required labels team,env for user a',
  })
})

test('while ingestion is blocked nothing is stored, and clients get the configured answer', async t => {
  const until = '2100-01-01T00:00:00Z'
  const untilNs = BigInt(Date.parse(until)) * 1_000_000n
  for (const status of [260, 429, 200]) {
    const { ingester, stored, counted } = await open(t, {
      overrides: { ingestionBlock: { untilNs, status } },
    })
    const error = await ingester
      .push('a', [stream({ p: '1' }, 'x', 'y')])
      .then(() => undefined)
      .catch((thrown: unknown) => thrown as PushBlockedError)
    t.equal(error?.blockStatus, status === 200 ? undefined : status)
    if (error) {
      t.equal(
        error.message,
        `ingestion blocked for user a until '${until}' with status code '${status}'`,
      )
    }
    t.same(await stored(), [])
    t.same(await counted('loki_discarded_samples_total'), [
      [{ reason: 'blocked_ingestion', tenant: 'a' }, 2],
    ])
  }
  const past = { untilNs: 1n, status: 260 }
  const { ingester, stored } = await open(t, { overrides: { ingestionBlock: past } })
  await ingester.push('a', [stream({ p: '1' }, 'x')])
  t.equal((await stored()).length, 1)
})

test('lines with equal times can be separated', async t => {
  const { ingester, segmentsDir } = await open(t, { overrides: { incrementDuplicateTimes: true } })
  await ingester.push('a', [stream({ p: '1' }, 'x', 'y', 'y', 'z')])
  t.same(
    (await readAllRows(segmentsDir)).map(({ timeNs, line }) => [timeNs - midnightNs, line]),
    [
      [0n, 'x'],
      [1n, 'y'],
      [2n, 'z'],
    ],
  )
})
