import { rm } from 'node:fs/promises'
import { type Test, test } from 'tap'
import { loadStoreConfig } from '../../src/config.ts'
import { PushRejectedError, StorageUnavailableError } from '../../src/errors.ts'
import { Ingester } from '../../src/ingest/ingester.ts'
import { createStoreMetrics } from '../../src/metrics.ts'
import { type Labels, midnightNs, openStorage, pushStream, type Row } from '../harness.ts'
import { readAllRows } from '../segment-rows.ts'

const { limits } = loadStoreConfig('limits_config: {max_line_size: 10}', 'test.yaml').config

async function open(t: Test) {
  const storage = await openStorage(t)
  const metrics = createStoreMetrics(async () => ({
    compactions: 0,
    isCompacting: false,
    pendingPushBytes: 0,
    streams: 0,
    levels: new Map(),
  }))
  const clock = { now: () => Number(midnightNs / 1_000_000n) }
  const { committer, segmentsDir } = storage
  const ingester = new Ingester({ limits, committer, metrics, clock })
  const stored = async () =>
    (await readAllRows(segmentsDir)).map(
      ({ tenant, labels, line }) => `${tenant} ${labels} ${line}`,
    )
  const counted = async (name: string) =>
    (await metrics.registry.getSingleMetric(name)!.get()).values.map(({ labels, value }) => [
      labels,
      value,
    ])
  return { ...storage, ingester, stored, counted }
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

test('a push without streams is refused with 422', async t => {
  const { ingester, stored } = await open(t)
  await t.rejects(ingester.push('a', []), {
    status: 422,
    message: 'error at least one valid stream is required for ingestion',
  })
  t.same(await stored(), [])
})

test('streams without entries are passed over, whatever their labels', async t => {
  const { ingester, stored } = await open(t)
  await ingester.push('a', [stream('nonsense'), stream({ p: '1' })])
  t.same(await stored(), [])
})

test('what is right beside what is wrong is stored, and the answer tells what was not', async t => {
  const { ingester, stored, counted } = await open(t)
  const push = ingester.push('a', [
    stream({ p: '1' }, 'good', 'much too long a line', 'fine'),
    stream({ p: '2' }, 'also much too long'),
    stream({ p: '3' }, 'well'),
  ])
  await t.rejects(push, PushRejectedError)
  await t.rejects(push, {
    status: 400,
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

test('malformed labels refuse the whole push', async t => {
  const { ingester, stored, counted } = await open(t)
  await t.rejects(ingester.push('a', [stream({ p: '1' }, 'good'), stream('{p', 'x', 'y')]), {
    status: 400,
    message: /^couldn't parse labels: 1:3: parse error: /,
  })
  t.same(await stored(), [])
  t.same(await counted('loki_discarded_samples_total'), [
    [{ reason: 'invalid_labels', tenant: 'a' }, 2],
  ])
})

test('the same text means a stream of its own for each tenant', async t => {
  const { ingester, stored } = await open(t)
  await ingester.push('a', [stream({ p: '1' }, 'of a')])
  await ingester.push('b', [stream({ p: '1' }, 'of b')])
  t.same(await stored(), [`a {p="1", ${service}} of a`, `b {p="1", ${service}} of b`])
})

test('a storage that fails is told before what was refused', async t => {
  const { ingester, segmentsDir } = await open(t)
  await rm(segmentsDir, { recursive: true })
  const streams = [stream({ p: '1' }, 'good', 'much too long a line')]
  await t.rejects(ingester.push('a', streams), StorageUnavailableError)
})
