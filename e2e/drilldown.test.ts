// Rows 55, 56 and 60 to 73 of docs/clients.md: requests of Logs Drilldown, and the size estimate of
// Explore.

import { t as root, test } from 'tap'
import { askQuery, linesOf, type SeededStore, startSeeded } from './client-seed.ts'

root.setTimeout(170_000)

/** Header of the app's own requests. */
const drilldown = { 'X-Query-Tags': 'Source=grafana-lokiexplore-app' }
const selector = '{service_name="seed"}'
let seed: SeededStore
/** Times in the app's format. */
let iso: { readonly start: string; readonly end: string }
test('a store with the lines of the seed', async t => {
  seed = await startSeeded(root, { dir: root.testdir() })
  const text = (ms: number) => new Date(ms).toISOString()
  iso = { start: text(seed.startMs), end: text(seed.endMs) }
  t.equal(seed.entries.length, 300)
})

type More = Readonly<Record<string, string>>
const json = <T>(path: string, params: More = {}) => seed.json<T>(path, params, drilldown)

interface Stats {
  readonly streams: number
  readonly chunks: number
  readonly bytes: number
  readonly entries: number
}

test('the size estimate is four numbers at the root', async t => {
  const stats = await json<Stats>('index/stats', { query: selector, ...seed.range })
  t.match(stats, { streams: 2, chunks: Number, bytes: Number, entries: 300 })
  const lineBytes = seed.entries.reduce((sum, { line }) => sum + line.length, 0)
  t.ok(stats.bytes >= lineBytes)
})

test('the size estimate of nothing is zeros', async t => {
  const query = '{service_name="none"}'
  t.same(await json('index/stats', { query, ...seed.range }), {
    streams: 0,
    chunks: 0,
    bytes: 0,
    entries: 0,
  })
})

interface Volume {
  readonly data: {
    readonly resultType: string
    readonly result: readonly {
      readonly metric: More
      readonly value?: readonly [number, string]
      readonly values?: readonly (readonly [number, string])[]
    }[]
  }
}

test('the landing page has the volume of each service', async t => {
  const query = '{service_name=~`.+` }'
  const { data } = await json<Volume>('index/volume', { query, limit: '5000', ...iso })
  t.equal(data.resultType, 'vector')
  t.match(data.result, [{ metric: { service_name: 'seed' }, value: [Number, /^\d+$/] }])
  t.equal(data.result.length, 1)
})

test('services are searched for without regard to case', async t => {
  const volume = async (text: string) => {
    const query = `{service_name=~\`(?i).*${text}.*\`}`
    return (await json<Volume>('index/volume', { query, limit: '5000', ...iso })).data.result.length
  }
  t.equal(await volume('SEE'), 1)
  t.equal(await volume('sea'), 0)
})

test('the volume of nothing is an empty result', async t => {
  const query = '{service_name="none"}'
  const { data } = await json<Volume>('index/volume', { query, limit: '5000', ...iso })
  t.same(data.result, [])
})

test('a volume over time is a matrix', async t => {
  const { data } = await json<Volume>('index/volume_range', { query: selector, ...iso, step: '60' })
  t.equal(data.resultType, 'matrix')
  t.ok(data.result[0]!.values!.length > 5)
  for (const [time, value] of data.result[0]!.values!)
    t.same([typeof time, typeof value], ['number', 'string'])
})

interface DetectedLabels {
  readonly detectedLabels?: readonly { readonly label: string; readonly cardinality: number }[]
}

test('labels are detected without a query', async t => {
  const { detectedLabels } = await json<DetectedLabels>('detected_labels', { query: '', ...iso })
  t.same(detectedLabels, [
    { label: 'env', cardinality: 2 },
    { label: 'service_name', cardinality: 1 },
  ])
})

test('labels of a service are detected with their cardinality', async t => {
  const { detectedLabels } = await json<DetectedLabels>('detected_labels', {
    query: selector,
    ...iso,
  })
  for (const { label, cardinality } of detectedLabels!) {
    t.type(label, 'string')
    t.type(cardinality, 'number')
  }
  t.equal(detectedLabels!.length, 2)
})

test('fields are told with their parsers, metadata with null, JSON with its path', async t => {
  const query = `${selector} | json | logfmt | drop __error__, __error_details__`
  interface Field {
    readonly label: string
    readonly type: string
    readonly cardinality: number
    readonly parsers: readonly string[] | null
    readonly jsonPath?: readonly string[]
  }
  const { fields, limit } = await json<{ fields: Field[]; limit: number }>('detected_fields', {
    query,
    ...iso,
    line_limit: '1000',
  })
  t.equal(limit, 1000)
  const field = (name: string) => fields.find(({ label }) => label === name)
  t.match(field('trace_id'), { parsers: null, type: 'string', cardinality: 7 })
  t.match(field('a_b'), { parsers: ['json'], jsonPath: ['a', 'b'], type: 'string' })
  t.match(field('f'), { type: 'duration' })
  t.match(field('size'), { type: 'bytes' })
  t.same([...field('f')!.parsers!].sort(), ['json', 'logfmt'])
})

test('values of a field are told', async t => {
  const query = `${selector} | json`
  const { values, limit } = await json<{ values: string[]; limit: number }>(
    'detected_field/a_b/values',
    { query, ...iso, limit: '1000', line_limit: '1000' },
  )
  t.same(values, ['deep 0', 'deep 2'])
  t.equal(limit, 1000)
})

test('values of the level are told', async t => {
  const { values } = await json<{ values: string[] }>('detected_field/detected_level/values', {
    query: selector,
    ...iso,
    limit: '1000',
    line_limit: '1000',
  })
  t.same([...values].sort(), ['error', 'info'])
})

interface Patterns {
  readonly data: readonly {
    readonly pattern: string
    readonly level?: string
    readonly samples: readonly (readonly [number, number])[]
  }[]
}

test('patterns have whole seconds and counts, and can be filtered by', async t => {
  const { data } = await json<Patterns>('patterns', { query: selector, ...iso, step: '30s' })
  t.ok(data.length > 0)
  for (const { pattern, samples } of data) {
    t.type(pattern, 'string')
    for (const sample of samples) t.ok(sample.every(Number.isInteger))
  }
  const sum = data
    .flatMap(({ samples }) => samples.map(([, count]) => count))
    .reduce((a, b) => a + b, 0)
  // The stream has too few errors to make a pattern.
  t.equal(sum, seed.entries.filter(({ line }) => /level\W+info/.test(line)).length)
})

test('patterns can be switched off, and the app is told', async t => {
  const off = await startSeeded(t, {
    dir: t.testdir(),
    config: 'pattern_ingester: {enabled: false}\n',
  })
  t.match(await off.json('drilldown-limits'), { pattern_ingester_enabled: false })
  t.equal((await off.ask('patterns', { query: selector, ...iso, step: '30s' })).status, 404)
})

test('limits stand at the root', async t => {
  const answer = await json<{ limits: Record<string, unknown>; pattern_ingester_enabled: boolean }>(
    'drilldown-limits',
  )
  t.match(answer, {
    limits: { max_entries_limit_per_query: 5000, retention_period: '0s', volume_enabled: true },
    pattern_ingester_enabled: true,
    version: String,
  })
})

test('pattern filters are taken and find lines', async t => {
  const lines = async (filter: string) => {
    const params = { query: `${selector} ${filter}`, ...seed.range, limit: '5000' }
    return linesOf(await askQuery(seed, 'query_range', params)).length
  }
  const logfmt = await lines('|> `level=<_> msg=<_>`')
  t.equal(logfmt, 150)
  t.equal(await lines('!> `level=<_> msg=<_>`'), 150)
  t.equal(await lines('|> `<_>test 10"<_>` or `<_>test 12"<_>`'), 4)
})

test('fields are extracted by their JSON path', async t => {
  const query = `${selector} | json f="[\\"a\\"][\\"b\\"]"| json | logfmt | drop __error__, __error_details__ | f="deep 2"`
  const found = linesOf(
    await askQuery(seed, 'query_range', { query, ...seed.range, limit: '5000' }),
  )
  t.ok(found.length > 0)
  t.ok(found.every(({ line }) => line.includes('"deep 2"')))
})
