import { formatLabelSet } from '@skald/wire'
import { test } from 'tap'
import {
  defaultQueryLimits,
  LimitExceededError,
  parseSelector,
  runIndexStats,
  runVolume,
  type VolumeRequest,
} from '../../src/index.ts'
import { createMemorySource, type TestStream } from '../memory-source.ts'

const second = 1_000_000_000n
const startNs = 1_768_435_200n * second
const at = (seconds: number) => startNs + BigInt(seconds) * second

const streams: readonly TestStream[] = [
  {
    labels: { app: 'a', env: 'x' },
    entries: Array.from({ length: 60 }, (_, i) => ({
      timestampNs: at(i),
      line: '0123456789',
      metadata: { detected_level: 'info', ...(i < 30 && { trace: 't' }) },
    })),
  },
  {
    labels: { app: 'b', env: 'x' },
    entries: [0, 59].map(i => ({ timestampNs: at(i), line: '01234', metadata: {} })),
  },
  { labels: { env: 'x' }, entries: [{ timestampNs: at(30), line: '', metadata: {} }] },
]

const signal = new AbortController().signal

async function volume(selector: string, options: Partial<VolumeRequest> = {}) {
  const source = createMemorySource(streams)
  const request = {
    matchers: parseSelector(selector),
    startNs,
    endNs: at(60),
    limits: defaultQueryLimits,
    grouping: { by: 'values', names: ['app'] } as const,
    limit: 100,
    maxSeries: 100,
    ...options,
  }
  const { series } = await runVolume(request, source, signal)
  t0.touchedLines += source.touched.lines
  return series.map(({ labels, points }) => [
    formatLabelSet(labels),
    ...points.map(({ timeNs, bytes }) => [Number(timeNs - startNs) / 1e9, bytes]),
  ])
}

/** Lines that any volume of this file has looked at. */
const t0 = { touchedLines: 0 }

test('A volume counts bytes of lines and eight for each pair of metadata', async t => {
  t.same(await volume('{env="x"}'), [
    ['{app="a"}', [60, 600 + 60 * 8 + 30 * 8]],
    ['{app="b"}', [60, 10]],
    ['{}', [60, 0]],
  ])
  t.same(await volume('{app="a"}', { startNs: at(20), endNs: at(40) }), [
    ['{app="a"}', [40, 200 + 20 * 8 + 10 * 8]],
  ])
  t.same(await volume('{app="none"}'), [])
  t.equal(t0.touchedLines, 0)
})

test('Buckets begin at multiples of the step and are stamped with their last instant', async t => {
  const range = { startNs: at(10), endNs: at(50), stepNs: 30n * second }
  t.same(await volume('{app="a"}', range), [['{app="a"}', [29.999, 20 * 26], [50, 20 * 18]]])
  t.same(await volume('{app="b"}', { stepNs: 30n * second }), [['{app="b"}', [29.999, 5], [60, 5]]])
  t.same(await volume('{app="a"}', { startNs: at(5), endNs: at(5) }), [['{app="a"}', [5, 26]]])
})

test('Labels are grouped by their values or by their names', async t => {
  const all = { grouping: { by: 'values', names: undefined } } as const
  t.same((await volume('{app="b"}', all))[0]![0], '{app="b", env="x"}')
  const names = { grouping: { by: 'names', names: undefined } } as const
  t.same(await volume('{app="b"}', names), [
    ['{app=""}', [60, 10]],
    ['{env=""}', [60, 10]],
  ])
  t.same(
    await volume('{env="x"}', { grouping: { by: 'names', names: ['app'] } }),
    [['{app=""}', [60, 1330]]],
    'a stream without the label has no name to count for',
  )
})

test('Each bucket keeps its largest series', async t => {
  t.same(await volume('{env="x"}', { limit: 1 }), [['{app="a"}', [60, 1320]]])
  const byStep = await volume('{env="x"}', { limit: 1, stepNs: 30n * second })
  t.same(
    byStep.map(([name]) => name),
    ['{app="a"}'],
  )
})

test('More series than may be added up, and too many buckets, are refused', async t => {
  await t.rejects(
    volume('{env="x"}', { maxSeries: 2 }),
    new LimitExceededError(
      'volume_max_series',
      'the query hit the max number of series limit (limit: 2 series)',
    ),
  )
  await t.rejects(volume('{env="x"}', { stepNs: 1_000n }), { message: /larger step/ })
  await t.rejects(volume('{env="x"}', { endNs: at(32 * 86_400) }), {
    message: /time range exceeds/,
  })
})

test('Index statistics count streams that have entries in the range', async t => {
  const stats = async (selector: string, from: number, to: number) => {
    const range = { startNs: at(from), endNs: at(to) }
    const request = { matchers: parseSelector(selector), ...range, limits: defaultQueryLimits }
    return runIndexStats(request, createMemorySource(streams, 30), signal)
  }
  t.same(await stats('{env="x"}', 0, 60), { streams: 3, blocks: 4, entries: 63, bytes: 1330 })
  t.same(await stats('{env="x"}', 1, 30), {
    streams: 1,
    blocks: 1,
    entries: 29,
    bytes: 29 * 26,
  })
  t.same(await stats('{env="x"}', 60, 61), { streams: 0, blocks: 0, entries: 0, bytes: 0 })
})
