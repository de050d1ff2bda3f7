import { test } from 'tap'
import { defaultQueryLimits, parseLogql, type QueryLimits } from '../../src/index.ts'
import { labelNeeds, withoutIdleFormats } from '../../src/leaf/sample-needs.ts'
import { checkQueryLimits, foldedGrouping, planGrid } from '../../src/plan/plan.ts'
import { lineHints } from '../../src/stages/line-hints.ts'
import type { LogExpr, MetricExpr, RangeAggregation } from '../../src/syntax-tree/ast.ts'

const second = 1_000_000_000n

test('planGrid aligns range queries to their step', async t => {
  const times = {
    startNs: 7n * second,
    endNs: 33n * second,
    stepNs: 10n * second,
    isInstant: false,
  }
  t.same(planGrid(times, defaultQueryLimits), { startNs: 0n, stepNs: 10n * second, count: 5 })
  const unsplit = { ...defaultQueryLimits, splitQueriesByIntervalNs: 0n }
  t.same(planGrid(times, unsplit), { startNs: 7n * second, stepNs: 10n * second, count: 3 })
  t.same(planGrid({ ...times, isInstant: true }, defaultQueryLimits).count, 1)
  t.throws(() => planGrid({ ...times, stepNs: 1n }, defaultQueryLimits), {
    code: 'LIMIT_EXCEEDED',
    limit: 'max_resolution',
  })
})

test('A sum hands its grouping down where samples just add up', async t => {
  const f = (query: string, want: unknown) =>
    t.same(foldedGrouping(parseLogql(query) as MetricExpr), want, query)
  f('sum by (a) (rate({x="y"}[1m]))', { without: false, labels: ['a'] })
  f('sum(bytes_over_time({x="y"}[1m]))', { without: false, labels: [] })
  f('sum(sum_over_time({x="y"} | unwrap v [1m]))', { without: false, labels: [] })
  f('max by (a) (rate({x="y"}[1m]))', undefined)
  f('sum(avg_over_time({x="y"} | unwrap v [1m]))', undefined)
  f('sum(rate({x="y"}[1m]) > 1)', undefined)
})

test('labelNeeds names what stages, unwrap and grouping look at', async t => {
  const f = (query: string, by: string[], want: string[] | undefined) => {
    const expr = parseLogql(query) as RangeAggregation
    const { names } = labelNeeds(expr, { without: false, labels: by })
    t.same(names && [...names].sort(), want, query)
  }
  f('count_over_time({x="y"} | json | a>1 or b="c" [1m])', ['d'], ['a', 'b', 'd'])
  f('count_over_time({x="y"} | json | label_format a=b, c="{{.d}}" [1m])', [], ['b', 'd'])
  f('sum_over_time({x="y"} | json | unwrap v | w="" [1m])', [], ['v', 'w'])
  f('count_over_time({x="y"} | json | drop a, b="c" [1m])', [], [])
  f('count_over_time({x="y"} | line_format "{{.}}" | json [1m])', [], undefined)
})

test('A line_format that nobody reads is left out of counts', async t => {
  const f = (query: string, want: number) =>
    t.equal(withoutIdleFormats(parseLogql(query) as RangeAggregation).length, want, query)
  f('count_over_time({x="y"} | json | line_format "a" [1m])', 1)
  f('count_over_time({x="y"} | line_format "a" | json [1m])', 2)
  f('count_over_time({x="y"} | line_format "a" |= "b" [1m])', 2)
  f('bytes_over_time({x="y"} | line_format "a" [1m])', 1)
})

test('lineHints finds values that a line must contain', async t => {
  const f = (query: string, want: unknown) =>
    t.same(lineHints((parseLogql(query) as LogExpr).stages), want, query)
  f('{x="y"} | json | a="b", c="d"', [
    { name: 'a', values: ['b'] },
    { name: 'c', values: ['d'] },
  ])
  f('{x="y"} | logfmt | a="b" or a="c"', [{ name: 'a', values: ['b', 'c'] }])
  f('{x="y"} | logfmt | a="b" or c="d"', [])
  f('{x="y"} | a="b" | json', [])
  f('{x="y"} | json | a!="b" | c="" | d="e f" | __error__="x"', [])
  f('{x="y"} | json | label_format a=b | a="b"', [])
})

test('checkQueryLimits refuses with the words of Loki', async t => {
  const f = (query: string, limits: Partial<QueryLimits>, message: string) =>
    t.throws(
      () =>
        checkQueryLimits(
          parseLogql(query),
          { startNs: 0n, endNs: 7_200n * second, stepNs: second, isInstant: false },
          { ...defaultQueryLimits, ...limits },
        ),
      { code: 'LIMIT_EXCEEDED', message },
    )
  f(
    '{a="b"}',
    { maxQueryLengthNs: 3_600n * second },
    'the query time range exceeds the limit (query length: 2h0m0s, limit: 1h)',
  )
  f(
    '{a="b", c="d"}',
    { maxStreamsMatchersPerQuery: 1 },
    'max streams matchers per query exceeded, matchers-count > limit (2 > 1)',
  )
  f(
    '{a="b"}',
    { requiredLabels: ['app', 'a'] },
    'stream selector is missing required matchers [app], labels present in the query were [a]',
  )
  f(
    'sum(rate({a="b"}[1h]))',
    { minimumLabelsNumber: 2 },
    'stream selector has less label matchers than required: (present: [a], number_present: 1, ' +
      'required_number_label_matchers: 2)',
  )
  f(
    'sum(rate({a="b"}[1h]))',
    { maxQueryRangeNs: 60n * second },
    '[interval] value exceeds limit: [1h0m0s] > [1m0s]',
  )
  f(
    'sum(approx_topk(2, sum by (c) (rate({a="b"}[1h]))))',
    { shardAggregations: ['quantile_over_time'] },
    'approx_topk is not enabled. See -limits.shard_aggregations',
  )
})
