// Rows 36 to 38, 40 to 46, 54, 74 and 75 of docs/clients.md: metric panels, the logs volume of
// Explore, alerts, and the LogQL of the query builder.

import { t as root, test } from 'tap'
import {
  type AnswerData,
  askQuery,
  categorize,
  linesOf,
  type SeededStore,
  startSeeded,
} from './client-seed.ts'

root.setTimeout(170_000)

const selector = '{service_name="seed"}'
const stepMs = 60_000
let seed: SeededStore
/** Range that Grafana has aligned to the step. */
let range: { readonly start: string; readonly end: string }
test('a store with the lines of the seed', async t => {
  seed = await startSeeded(root, { dir: root.testdir() })
  const align = (ms: number) => `${Math.floor(ms / stepMs) * stepMs}000000`
  range = { start: align(seed.startMs), end: align(seed.endMs + stepMs) }
  t.equal(seed.entries.length, 300)
})

type More = Readonly<Record<string, string>>
const ask = (query: string, more: More = {}) =>
  askQuery(seed, 'query_range', { query, ...range, step: `${stepMs}ms`, ...more }, categorize)
const instant = (query: string, more: More = {}) => {
  const time = `${seed.endMs + 1000}000000`
  return askQuery(seed, 'query', { direction: 'backward', query, time, ...more }, categorize)
}
const count = `sum by (env) (count_over_time(${selector}[1m]))`

/** Converts a matrix: labels as text → time → value. */
function pointsOf({ result }: AnswerData): Map<string, Map<number, string>> {
  return new Map(
    result.map(({ metric, values = [] }) => [
      JSON.stringify(metric),
      new Map(values.map(([time, value]) => [Number(time), value])),
    ]),
  )
}

test('samples of a matrix are a number and a text', async t => {
  const { resultType, result } = await ask(count)
  t.equal(resultType, 'matrix')
  t.equal(result.length, 2)
  for (const { values = [] } of result) {
    for (const [time, value] of values) t.same([typeof time, typeof value], ['number', 'string'])
  }
})

test('points lie on the steps from start to end, both included, and nowhere else', async t => {
  const { result } = await ask('vector(1)')
  const times = result[0]!.values!.map(([time]) => Number(time))
  const first = Number(range.start.slice(0, -9))
  const last = Number(range.end.slice(0, -9))
  t.same(
    times,
    Array.from({ length: (last - first) / 60 + 1 }, (_, i) => first + i * 60),
  )
  for (const points of pointsOf(await ask(count)).values()) {
    for (const time of points.keys()) {
      t.ok(time >= first && time <= last && (time - first) % 60 === 0, `${time}`)
    }
  }
})

test('two parts of a split range add up to the whole, without a point in common', async t => {
  const middle = `${Number(range.start.slice(0, -6)) + 20 * stepMs}000000`
  const beforeMiddle = `${Number(middle.slice(0, -6)) - stepMs}000000`
  const whole = pointsOf(await ask(count))
  const first = pointsOf(await ask(count, { end: beforeMiddle }))
  const second = pointsOf(await ask(count, { start: middle }))
  for (const [labels, points] of whole) {
    const parts = [...(first.get(labels) ?? []), ...(second.get(labels) ?? [])]
    t.same(new Set(parts.map(([time]) => time)).size, parts.length, 'no point twice')
    t.same(new Map(parts), points)
  }
  t.equal(whole.size, 2)
})

const volume = `sum by (level, detected_level) (count_over_time(${selector} | drop __error__[1m]))`

test('the logs volume has a series for each level', async t => {
  const { resultType, result } = await ask(volume)
  t.equal(resultType, 'matrix')
  t.same(
    result.map(({ metric }) => metric),
    [{ detected_level: 'error' }, { detected_level: 'info' }],
  )
  const sum = result
    .flatMap(({ values = [] }) => values.map(([, value]) => Number(value)))
    .reduce((a, b) => a + b, 0)
  t.equal(sum, seed.entries.length)
})

test('no label of a series is empty', async t => {
  for (const { metric } of (await ask(volume)).result) {
    t.ok(Object.values(metric!).every(value => value !== ''))
  }
})

test('an instant metric query is a vector', async t => {
  const { resultType, result } = await instant(`sum by (env) (count_over_time(${selector}[1h]))`)
  t.equal(resultType, 'vector')
  t.match(result, [
    { metric: { env: 'a' }, value: [Number, '150'] },
    { metric: { env: 'b' }, value: [Number, '150'] },
  ])
})

test('an instant query without data is an empty vector', async t => {
  const { resultType, result } = await instant('count_over_time({service_name="none"}[1h])')
  t.same([resultType, result], ['vector', []])
})

test('numbers that are none are texts', async t => {
  const first = async (query: string) => (await instant(query)).result[0]!.value![1]
  t.equal(await first('vector(1)/vector(0)'), 'NaN')
  t.equal(await first('vector(1e308)*vector(10)'), '+Inf')
  t.equal(await first('vector(0)-vector(1e308)*vector(10)'), '-Inf')
})

test('limit and direction of a metric query are ignored', async t => {
  const without = await ask(count)
  const withLimit = await ask(count, { limit: '1', direction: 'backward' })
  t.same(withLimit.result, without.result)
})

test('drop, keep and decolorize are taken', async t => {
  const found = await ask(
    `${selector} | json | drop a_b, msg="test 2" | keep env, size | decolorize`,
    {
      limit: '10',
    },
  )
  t.equal(linesOf(found).length, 10)
})

test('statistics are numbers', async t => {
  const log = await askQuery(seed, 'query_range', { query: selector, ...range, limit: '1000' })
  for (const { stats } of [log, await ask(count), await instant('vector(1)')]) {
    for (const value of Object.values(stats.summary)) t.type(value, 'number')
  }
  const { summary } = log.stats
  const bytes = seed.entries.reduce((sum, { line }) => sum + line.length, 0)
  t.equal(summary.totalLinesProcessed, seed.entries.length)
  t.ok(summary.totalBytesProcessed! >= bytes, 'all lines were read')
  t.equal(summary.totalEntriesReturned, seed.entries.length)
  t.ok(summary.execTime! > 0 && summary.execTime! < 60, 'in seconds')
})

test('every form of unwrap is taken', async t => {
  const pipeline = `${selector} | json | logfmt | drop __error__, __error_details__`
  for (const unwrap of ['duration(f)', 'bytes(size)', 'duration_seconds(f)']) {
    const { resultType, result } = await ask(
      `avg_over_time(${pipeline} | unwrap ${unwrap} | __error__="" [1m]) by ()`,
    )
    t.equal(resultType, 'matrix')
    t.equal(result.length, 1, unwrap)
  }
  const plain = `avg_over_time(${pipeline} | label_format n="{{ regexReplaceAll \\"[a-z]\\" .f \\"\\" }}" | unwrap n | __error__="" [1m]) by ()`
  t.equal((await ask(plain)).result.length, 1, 'plain')
})

test('a line filter may have alternatives', async t => {
  const lines = async (filter: string) =>
    linesOf(await ask(`${selector} ${filter}`, { limit: '1000' })).length
  t.equal(await lines('|= "test 10\\"" or "test 12\\""'), 4)
  t.equal(await lines('|~ "(?i)TEST 14\\""'), 2)
})
