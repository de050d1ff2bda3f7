import { test } from 'tap'
import { dayNs, jsonStream, midnightNs, type Row, startTestStore } from '../harness.ts'

const at = (seconds: number) => midnightNs + BigInt(seconds) * 1_000_000_000n
const seconds = Number(midnightNs / 1_000_000_000n)
const onDay = { start: String(midnightNs), end: String(midnightNs + dayNs) }
const yaml = 'auth_enabled: false\nlimits_config: {discover_service_name: []}'

test('patterns are counted by level and step, across all streams of the query', async t => {
  const store = await startTestStore(t, { yaml })
  const rows = (from: number, line: (i: number) => string): Row[] =>
    Array.from({ length: 40 }, (_, i) => [at(from + i), line(i)])
  await store.push([
    jsonStream(
      { app: 'x', pod: 'a' },
      rows(0, i => `level=info user u${i} logged in`),
    ),
    jsonStream(
      { app: 'x', pod: 'b' },
      rows(60, i => `level=info user v${i} logged in`),
    ),
    jsonStream(
      { app: 'x', pod: 'c' },
      rows(60, i => `level=error disk ${i} is full`),
    ),
    jsonStream(
      { app: 'y' },
      rows(0, () => 'nothing to see'),
    ),
  ])
  await store.get('/flush')
  await store.push([
    jsonStream({ app: 'x', pod: 'a' }, [[at(130), 'level=info user w1 logged in']]),
  ])
  const params = { ...onDay, query: '{app="x"}', step: '60s' }
  const answer = await store.get('/loki/api/v1/patterns', params)
  t.same(answer.json(), {
    status: 'success',
    data: [
      {
        level: 'info',
        pattern: 'level=info user <_> logged in',
        samples: [
          [seconds, 40],
          [seconds + 60, 40],
          [seconds + 120, 1],
        ],
      },
      { level: 'error', pattern: 'level=error disk <_> is full', samples: [[seconds + 60, 40]] },
    ],
  })
  const end = String(at(3600))
  const filtered = { ...params, end, query: '{app="x"} |= "disk"', step: '1s' }
  const [found] = (await store.get('/loki/api/v1/patterns', filtered)).json<{
    data: [{ pattern: string; samples: unknown[] }]
  }>().data
  t.equal(found.pattern, 'level=error disk <_> is full')
  t.equal(found.samples.length, 4, 'ten seconds at least')
  const query = `{app="x"} |> \`${found.pattern}\``
  const lines = await store.get('/loki/api/v1/query_range', { ...onDay, query, limit: '100' })
  t.equal(
    lines.json<{ data: { result: [{ values: unknown[] }] } }>().data.result[0].values.length,
    40,
  )
})

test('anything but a log query is rejected, and no lines have no patterns', async t => {
  const store = await startTestStore(t, { yaml })
  const ask = (query: string) => store.get('/loki/api/v1/patterns', { ...onDay, query })
  t.same((await ask('{app="x"}')).json(), { status: 'success', data: [] })
  t.equal((await ask('{app="x"')).statusCode, 400)
  const metric = await ask('rate({app="x"}[1m])')
  t.equal(metric.statusCode, 400)
  t.equal(metric.body, 'only label matchers are supported')
  const reversed = { start: onDay.end, end: onDay.start, query: '{app="x"}' }
  t.same((await store.get('/loki/api/v1/patterns', reversed)).json(), {
    status: 'success',
    data: [],
  })
  const limits = await store.get('/loki/api/v1/drilldown-limits')
  t.match(limits.json(), { pattern_ingester_enabled: true })
})
