// Rows 18 to 35, 39 and 57 to 59 of docs/clients.md: log queries of Explore, panels and the context
// of a line.

import { t as root, test } from 'tap'
import {
  askQuery,
  categorize,
  linesOf,
  type SeedEntry,
  type SeededStore,
  startSeeded,
} from './client-seed.ts'

root.setTimeout(170_000)

const query = '{service_name="seed"}'
let seed: SeededStore
test('a store with the lines of the seed', async t => {
  seed = await startSeeded(root, { dir: root.testdir() })
  t.equal(seed.entries.length, 300)
})

type More = Readonly<Record<string, string>>
const ask = (more: More = {}, headers: More = {}) =>
  askQuery(seed, 'query_range', { query, ...seed.range, step: '15000ms', ...more }, headers)
const times = (entries: readonly Pick<SeedEntry, 'timestampNs'>[]) =>
  entries.map(({ timestampNs }) => timestampNs)
/** Returns the distinct times of stream `a`, ascending. */
const momentsOfA = () => [
  ...new Set(seed.entries.filter(({ env }) => env === 'a').map(({ timestampNs }) => timestampNs)),
]

test('a backward query has the newest lines of all streams', async t => {
  const found = linesOf(await ask({ limit: '7', direction: 'backward' }))
  t.same(times(found), times(seed.entries.slice(-7)))
})

test('a forward query has the oldest lines of all streams', async t => {
  const found = linesOf(await ask({ limit: '7', direction: 'forward' }))
  t.same(times(found), times(seed.entries.slice(0, 7)))
})

test('the direction may be in upper case', async t => {
  const found = linesOf(await ask({ limit: '2', direction: 'BACKWARD' }))
  t.same(times(found), times(seed.entries.slice(-2)))
  t.same(
    times(linesOf(await ask({ limit: '2', direction: 'FORWARD' }))),
    times(seed.entries.slice(0, 2)),
  )
})

test('the start of a range is included, its end is not', async t => {
  const moments = momentsOfA()
  const bounds = { start: String(moments[3]), end: String(moments[6]), query: '{env="a"}' }
  const found = linesOf(await ask({ ...bounds, limit: '1000' }))
  t.same([...new Set(times(found))], moments.slice(3, 6))
})

test('a range is exact to the nanosecond', async t => {
  const moment = momentsOfA()[3]!
  const at = { query: '{env="a"}', limit: '1000' }
  t.equal(linesOf(await ask({ ...at, start: String(moment), end: String(moment + 1n) })).length, 3)
  t.equal(
    linesOf(await ask({ ...at, start: String(moment + 1n), end: String(moment + 2n) })).length,
    0,
  )
  t.equal(linesOf(await ask({ ...at, start: String(moment - 1n), end: String(moment) })).length, 0)
})

test('without a limit there are 100 lines', async t => {
  t.equal(linesOf(await ask()).length, 100)
})

test('a limit of 0 is refused', async t => {
  const { status, body } = await seed.ask('query_range', { query, ...seed.range, limit: '0' })
  t.same([status, body], [400, 'limit must be a positive value'])
})

test('the keys of an answer stand in the order that Grafana reads', async t => {
  const { body } = await seed.ask('query_range', { query, ...seed.range }, categorize)
  t.same(Object.keys(JSON.parse(body).data), ['resultType', 'encodingFlags', 'result', 'stats'])
  t.same(Object.keys(JSON.parse(body)), ['status', 'data'])
})

test('a stream has its labels and values and no more', async t => {
  for (const headers of [{}, categorize]) {
    for (const element of (await ask({}, headers)).result) {
      t.same(Object.keys(element), ['stream', 'values'])
    }
  }
})

test('categorised values are triples with an object', async t => {
  const { encodingFlags, result } = await ask({}, categorize)
  t.same(encodingFlags, ['categorize-labels'])
  for (const { values = [] } of result) {
    for (const value of values) t.same([value.length, typeof value[2]], [3, 'object'])
  }
})

test('the third element has parsed and structuredMetadata alone', async t => {
  const { result } = await ask({ query: `${query} | logfmt` }, categorize)
  const keys = result.flatMap(({ values = [] }) =>
    values.flatMap(([, , third]) => Object.keys(third!)),
  )
  t.same([...new Set(keys)].sort(), ['parsed', 'structuredMetadata'])
  t.equal(result.length, 2, 'one element for each stream')
})

test('uncategorised values are pairs, and the metadata is in the stream', async t => {
  const data = await ask()
  t.notOk('encodingFlags' in data)
  for (const { stream, values = [] } of data.result) {
    t.match(stream, { service_name: 'seed', trace_id: /^t\d$/, detected_level: /^(info|error)$/ })
    for (const value of values) t.equal(value.length, 2)
  }
})

test('what a parser finds is told apart, and the stream stays as it is', async t => {
  const { result } = await ask({ query: '{env="a"} |= "deep 2" | json', limit: '5' }, categorize)
  t.same(
    result.map(({ stream }) => stream),
    [{ env: 'a', service_name: 'seed' }],
  )
  for (const [, line, third] of result[0]!.values!) {
    t.match(third!.parsed, { a_b: 'deep 2', env_of: 'a', msg: JSON.parse(line).msg })
    t.match(third!.structuredMetadata, { trace_id: String })
  }
})

test('times, lines and labels are texts', async t => {
  for (const { stream, values = [] } of (await ask()).result) {
    t.ok(Object.values(stream!).every(value => typeof value === 'string'))
    for (const [time, line] of values) {
      t.match(time, /^\d{19}$/)
      t.type(line, 'string')
    }
  }
})

test('an empty answer keeps its type', async t => {
  const { resultType, result } = await ask({ query: '{service_name="none"}' })
  t.same([resultType, result], ['streams', []])
})

test('a step may be in milliseconds', async t => {
  for (const asked of [query, `count_over_time(${query}[1m])`]) {
    const params = { query: asked, ...seed.range, step: '60000ms' }
    t.equal((await seed.ask('query_range', params)).status, 200)
  }
})

test('a step may be in seconds with a fraction', async t => {
  for (const step of ['1.5', '60']) {
    for (const asked of [query, `count_over_time(${query}[1m])`]) {
      const params = { query: asked, ...seed.range, step }
      t.equal((await seed.ask('query_range', params)).status, 200)
    }
  }
})

test('more than 11,000 points are refused', async t => {
  for (const asked of [query, `count_over_time(${query}[1m])`]) {
    const { status, body } = await seed.ask('query_range', {
      query: asked,
      ...seed.range,
      step: '1ms',
    })
    t.equal(status, 400)
    t.match(body, /^exceeded maximum resolution of 11,000 points per time series/)
  }
})

test('two halves of a range have the lines of the whole, each once', async t => {
  const middle = String(seed.entries[150]!.timestampNs)
  const { start, end } = seed.range
  const limit = '5000'
  const halves = [
    ...linesOf(await ask({ start, end: middle, limit })),
    ...linesOf(await ask({ start: middle, end, limit })),
  ]
  const whole = linesOf(await ask({ limit }))
  t.equal(whole.length, 300)
  const text = ({ timestampNs, line }: { timestampNs: bigint; line: string }) =>
    `${timestampNs} ${line}`
  t.same(halves.map(text).sort(), whole.map(text).sort())
})

/** The row whose context is requested, and its millisecond, which is what Grafana knows. */
const rowOf = () => {
  const { timestampNs } = seed.entries[150]!
  return { timestampNs, ms: Number(timestampNs / 1_000_000n) }
}
const context = '{env="a",service_name="seed"}'
const twoHours = 7_200_000

test('the context behind a row is the lines that follow it', async t => {
  const { ms } = rowOf()
  const bounds = { start: `${ms}000000`, end: `${ms + twoHours}000000` }
  const found = linesOf(
    await ask({ query: context, ...bounds, direction: 'forward', limit: '100' }),
  )
  const later = seed.entries.filter(
    ({ env, timestampNs }) => env === 'a' && timestampNs >= BigInt(ms) * 1_000_000n,
  )
  t.same(times(found), times(later.slice(0, 100)))
})

test('the context before a row is the lines that led to it', async t => {
  const { ms } = rowOf()
  const bounds = { start: `${ms - twoHours}000000`, end: `${ms}000000` }
  const found = linesOf(
    await ask({ query: context, ...bounds, direction: 'backward', limit: '100' }),
  )
  const earlier = seed.entries.filter(
    ({ env, timestampNs }) => env === 'a' && timestampNs < BigInt(ms) * 1_000_000n,
  )
  t.same(times(found), times(earlier.slice(-100)))
})

test('the sample for suggestions is ten lines', async t => {
  const data = await ask(
    { limit: '10', direction: 'backward' },
    { 'X-Query-Tags': 'Source=datasample', ...categorize },
  )
  t.equal(linesOf(data).length, 10)
})
