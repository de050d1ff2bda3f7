// Rows 47 to 53 of docs/clients.md: what a Grafana user sees when a query fails.

import { request } from 'node:http'
import { t as root, test } from 'tap'
import { categorize, type SeededStore, startSeeded } from './client-seed.ts'
import { startStore } from './harness.ts'

root.setTimeout(170_000)

let seed: SeededStore
test('a store with the lines of the seed and low limits', async t => {
  seed = await startSeeded(root, {
    dir: root.testdir(),
    config: 'limits_config: {max_query_series: 5, max_query_bytes_read: 20KB}\n',
  })
  t.equal(seed.entries.length, 300)
})

test('a parse error is plain text that begins so', async t => {
  const { status, headers, body } = await seed.ask('query_range', { query: '{a=' }, categorize)
  t.equal(status, 400)
  t.equal(headers.get('content-type'), 'text/plain; charset=utf-8')
  t.match(body, /^parse error/)
})

test('the body of an error is never compressed', async t => {
  const query = `{a="${'x'.repeat(5000)}"}} | json | logfmt }`
  const url = `${seed.store.url}/loki/api/v1/query_range?query=${encodeURIComponent(query)}`
  const answer = await new Promise<{ encoding: unknown; status: unknown; body: string }>(
    (resolve, reject) => {
      request(url, { headers: { 'accept-encoding': 'gzip, deflate, br' } }, got => {
        let body = ''
        got.setEncoding('utf8')
        got.on('data', (text: string) => {
          body += text
        })
        got.on('end', () =>
          resolve({ encoding: got.headers['content-encoding'], status: got.statusCode, body }),
        )
      })
        .on('error', reject)
        .end()
    },
  )
  t.same([answer.status, answer.encoding], [400, undefined])
  t.match(answer.body, /^parse error/)
})

test('a query over its time is 504 and says so', async t => {
  const dir = t.testdir()
  const slow = await startSeeded(t, { dir, config: 'limits_config: {query_timeout: 1ms}\n' })
  const { status, body } = await slow.ask('query_range', {
    query:
      '{service_name="seed"} | json | logfmt | line_format "{{ regexReplaceAll \\"(.*)\\" __line__ \\"$1\\" }}" | f > 1',
    ...slow.range,
    limit: '1000',
  })
  t.equal(status, 504)
  t.match(body, /timed out/i)
})

test('too many series are told in words that Drilldown knows', async t => {
  const { status, body, headers } = await seed.ask('query', {
    query: 'count by (f) (count_over_time({env="a"} | logfmt [10m]))',
    time: seed.range.end,
  })
  t.equal(status, 400)
  t.match(body, /of series \(5\) reached for a single query/)
  t.equal(headers.get('content-type'), 'text/plain; charset=utf-8')
})

test('a query that would read too much is refused before it does', async t => {
  const { status, body } = await seed.ask('query_range', {
    query: '{service_name="seed"}',
    ...seed.range,
  })
  t.equal(status, 400)
  t.match(body, /^the query would read too many bytes \(query: .*, limit: 20kB\)/)
})

test('what is above a rate is 429 with a text', async t => {
  const store = await startStore(t, {
    dir: t.testdir(),
    config: 'limits_config: {ingestion_rate_mb: 0.0001, ingestion_burst_size_mb: 0.0001}\n',
  })
  const values = [[`${Date.now()}000000`, 'x'.repeat(1000)]]
  const body = JSON.stringify({ streams: [{ stream: { app: 'x' }, values }] })
  const answer = await store.pushBytes(body, 'application/json')
  t.equal(answer.status, 429)
  t.match(answer.body, /^Ingestion rate limit exceeded for user fake/)
  t.ok(Number(answer.headers.get('retry-after')) > 0)
})

test('Drilldown is given some of too many series, and a warning in front of them', async t => {
  const drilldown = { 'X-Query-Tags': 'Source=grafana-lokiexplore-app', ...categorize }
  const { status, body } = await seed.ask(
    'query',
    {
      query: 'sum by (f) (count_over_time({env="a"} | logfmt [10m]))',
      time: seed.range.end,
    },
    drilldown,
  )
  t.equal(status, 200)
  const answer = JSON.parse(body) as { warnings: string[]; data: { result: unknown[] } }
  t.same(Object.keys(answer), ['status', 'warnings', 'data'])
  t.same(answer.warnings, [
    'maximum number of series (5) reached for a single query; returning partial results',
  ])
  t.equal(answer.data.result.length, 5)
})
