import { test } from 'tap'
import { loadStoreConfig } from '../../src/config.ts'
import type { TenantLimits } from '../../src/tenant-limits.ts'
import { limitsOfAll } from '../../src/tenants/combined-limits.ts'

const { limits: defaults } = loadStoreConfig('', 'test.yaml').config
const limits = (own: Partial<TenantLimits>, query: Partial<TenantLimits['query']> = {}) => ({
  ...{ ...defaults, ...own, query: { ...defaults.query, ...query } },
})

test('one tenant has its own limits', async t => {
  t.equal(
    limitsOfAll(['a'], () => defaults),
    defaults,
  )
})

test('of several tenants, the smallest limit counts, and 0 is none', async t => {
  const of: Record<string, TenantLimits> = {
    a: limits(
      { maxQueryLookbackNs: 5n, maxQueryBytesRead: 0, queryTimeoutNs: 9n, volumeMaxSeries: 7 },
      { maxEntriesLimitPerQuery: 10, maxQuerySeries: 5, maxQueryLengthNs: 0n, maxQueryRangeNs: 0n },
    ),
    b: limits(
      { maxQueryLookbackNs: 0n, maxQueryBytesRead: 8, queryTimeoutNs: 0n, volumeMaxSeries: 9 },
      { maxEntriesLimitPerQuery: 0, maxQuerySeries: 6, maxQueryLengthNs: 3n, maxQueryRangeNs: 0n },
    ),
    c: limits(
      { maxQueryLookbackNs: 4n, maxQuerierBytesRead: 2, volumeEnabled: false },
      { maxStreamsMatchersPerQuery: 4, splitQueriesByIntervalNs: 60n },
    ),
  }
  const limitsOf = (tenant: string) => of[tenant]!
  t.match(limitsOfAll(['a', 'b'], limitsOf), {
    ...{ maxQueryLookbackNs: 5n, maxQueryBytesRead: 8, queryTimeoutNs: 9n, volumeMaxSeries: 7 },
    volumeEnabled: true,
    query: {
      ...{ maxEntriesLimitPerQuery: 10, maxQuerySeries: 5, maxQueryLengthNs: 3n },
      maxQueryRangeNs: 0n,
    },
  })
  t.match(limitsOfAll(['a', 'b', 'c'], limitsOf), {
    ...{ maxQueryLookbackNs: 4n, maxQuerierBytesRead: 2, volumeEnabled: false },
    query: { maxStreamsMatchersPerQuery: 4, splitQueriesByIntervalNs: 60n },
  })
})

test('labels that any tenant requires are required, and what all allow is allowed', async t => {
  const of: Record<string, TenantLimits> = {
    a: limits({}, { requiredLabels: ['app'], minimumLabelsNumber: 0 }),
    b: limits({}, { requiredLabels: ['app', 'env'], minimumLabelsNumber: 3 }),
    c: limits({}, { shardAggregations: ['approx_topk'], minimumLabelsNumber: 2 }),
  }
  const query = (...tenants: [string, ...string[]]) =>
    limitsOfAll(tenants, tenant => of[tenant]!).query
  t.same(query('a', 'b').requiredLabels, ['app', 'env'])
  t.equal(query('a', 'b').minimumLabelsNumber, 3)
  t.equal(query('b', 'c').minimumLabelsNumber, 2, 'the smallest, as in Loki')
  t.same(query('c', 'c').shardAggregations, ['approx_topk'])
  t.same(query('a', 'c').shardAggregations, [])
})
