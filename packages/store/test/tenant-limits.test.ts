// The limits of one tenant from an overrides file, in a whole store: they apply to reads, tails and
// deletion.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { dayNs, jsonStream, midnightNs, startTestStore } from './harness.ts'
import { openTail } from './tail-connection.ts'

/** Opens a store with separate limits for the tenant `one`. */
async function open(t: Test, keys: string, { dir = t.testdir(), rest = '' } = {}) {
  const file = join(dir, 'overrides.yaml')
  await writeFile(file, `overrides: {one: ${keys}}`)
  const yaml = `runtime_config: {file: ${JSON.stringify(file)}}
limits_config: {max_query_length: 0}
${rest}`
  return startTestStore(t, { dir, yaml })
}

const onDay = { query: '{app="x"}', start: String(midnightNs), end: String(midnightNs + dayNs) }

test('volumes can be switched off for one tenant', async t => {
  const store = await open(t, '{volume_enabled: false}')
  for (const [tenant, status, isEnabled] of [
    ['one', 404, false],
    ['two', 200, true],
  ] as const) {
    for (const path of ['volume', 'volume_range']) {
      const answer = await store.get(`/loki/api/v1/index/${path}`, onDay, tenant)
      t.equal(answer.statusCode, status, `${path} of ${tenant}`)
    }
    const told = await store.get('/loki/api/v1/drilldown-limits', {}, tenant)
    t.match(told.json(), { limits: { volume_enabled: isEnabled } })
  }
})

test("a tenant's timeout and range limits apply to its reads", async t => {
  const store = await open(t, '{max_query_lookback: 1h, max_query_bytes_read: 1B}')
  const rows = [[midnightNs, 'a line']] as const
  for (const tenant of ['one', 'two']) await store.push([jsonStream({ app: 'x' }, rows)], tenant)
  for (const path of ['index/stats', 'detected_labels', 'detected_fields', 'patterns']) {
    const statusOf = async (tenant: string) =>
      (await store.get(`/loki/api/v1/${path}`, onDay, tenant)).statusCode
    t.same([await statusOf('one'), await statusOf('two')], [400, 200], path)
  }
})

test('one tenant may have fewer tails than another', async t => {
  const store = await open(t, '{max_concurrent_tail_requests: 1}')
  const tailOf = (tenant: string) =>
    openTail(t, store.url, { query: '{app="x"}' }, { headers: { 'X-Scope-OrgID': tenant } })
  await tailOf('one')
  const refused = await tailOf('one')
  t.match(await refused.waitForClose(), { reason: /count > limit \(2 > 1\)/ })
  await tailOf('two')
  const second = await tailOf('two')
  await store.push([jsonStream({ app: 'x' }, [[BigInt(Date.now()) * 1_000_000n, 'a']])], 'two')
  t.same(await second.waitForLines(1), ['a'])
})

test('the retention period of one tenant deletes only its days', async t => {
  const dir = t.testdir()
  const nowNs = BigInt(Date.now()) * 1_000_000n
  const keys = '{retention_period: 2d}'
  const first = await open(t, keys, { dir })
  const rows = [
    [midnightNs, 'old'],
    [nowNs, 'new'],
  ] as const
  for (const tenant of ['one', 'two']) await first.push([jsonStream({ app: 'x' }, rows)], tenant)
  await first.get('/flush')
  await first.stop()
  const linesOf = (store: typeof first, tenant: string) =>
    store.lines('{app="x"}', { start: midnightNs, end: nowNs + 1n, tenant })

  const kept = await open(t, keys, { dir })
  await kept.get('/flush')
  t.same(await linesOf(kept, 'one'), ['old', 'new'], 'nothing may be deleted')
  await kept.stop()

  const store = await open(t, keys, { dir, rest: 'compactor: {retention_enabled: true}' })
  await store.get('/flush')
  t.same(await linesOf(store, 'one'), ['new'])
  t.same(await linesOf(store, 'two'), ['old', 'new'])
})

test('a tenant can neither read more than its limits allow nor run blocked queries', async t => {
  const keys = `{max_querier_bytes_read: 20B, cardinality_limit: 2,
    blocked_queries: [{pattern: '.*secret.*', regex: true, types: [filter]}]}`
  const store = await open(t, keys)
  const streams = ['x', 'y', 'z'].map(app =>
    jsonStream({ app }, [[midnightNs, `a line of ${app}`]]),
  )
  for (const tenant of ['one', 'two']) await store.push(streams, tenant)
  const ask = async (query: string, tenant: string) => {
    const { statusCode, body } = await store.get(
      '/loki/api/v1/query_range',
      { ...onDay, query },
      tenant,
    )
    return statusCode === 200 ? 'found' : `${statusCode} ${body}`
  }
  const cases: readonly [string, string][] = [
    ['{app="x"}', 'found'],
    [
      '{app=~"x|y"}',
      '400 query too large to execute on a single querier: (query: 22B, limit: 20B); consider adding more specific stream selectors, reduce the time range of the query, or adjust parallelization settings',
    ],
    ['{app=~".+"}', '400 cardinality limit exceeded for logs{}; 3 entries, more than limit of 2'],
    ['{app="x"} |= "secret"', '400 query blocked by policy'],
    ['count_over_time({app="x"} |= "secret" [1h])', 'found'],
  ]
  for (const [query, wanted] of cases) {
    t.equal(await ask(query, 'one'), wanted, query)
    t.equal(await ask(query, 'two'), 'found', `${query} of another tenant`)
  }
})
