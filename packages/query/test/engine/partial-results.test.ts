import { test } from 'tap'
import { defaultQueryLimits, type QueryRequest, runQuery } from '../../src/index.ts'
import { createMemorySource } from '../memory-source.ts'

const entries = [{ timestampNs: 5_000_000_000n, line: 'x' }]
const streams = ['c', 'a', 'd', 'b', 'e'].map(app => ({ labels: { app }, entries }))
const source = createMemorySource(streams)
const never = new AbortController().signal

const request = (logql: string, more: Partial<QueryRequest> = {}): QueryRequest => ({
  ...{ logql, startNs: 10_000_000_000n, endNs: 10_000_000_000n, stepNs: 1_000_000_000n },
  ...{ intervalNs: 0n, limit: 100, direction: 'backward', isInstant: true },
  limits: { ...defaultQueryLimits, maxQuerySeries: 3 },
  ...more,
})
const tooMany = 'maximum number of series (3) reached for a single query'

test('Too many series are an error', async t => {
  for (const isInstant of [true, false]) {
    const asked = request('count_over_time({app=~".+"}[10s])', { isInstant })
    await t.rejects(runQuery(asked, source, never), {
      message: new RegExp(`^${RegExp.escape(tooMany)}; consider reducing`),
      code: 'LIMIT_EXCEEDED',
    })
  }
})

test('Where some of them will do the first ones are given, with a warning', async t => {
  for (const logql of [
    'count_over_time({app=~".+"}[10s])',
    'sum by (app) (count_over_time({app=~".+"}[10s]))',
  ]) {
    const asked = request(logql, { allowsPartial: true })
    const instant = await runQuery(asked, source, never)
    t.same(instant.warnings, [`${tooMany}; returning partial results`])
    t.same(instant.kind === 'vector' && instant.samples.map(({ labels }) => labels[0]!.value), [
      'a',
      'b',
      'c',
    ])
    const range = await runQuery({ ...asked, isInstant: false }, source, never)
    t.same(range.kind === 'matrix' && range.series.map(({ labels }) => labels[0]!.value), [
      'a',
      'b',
      'c',
    ])
  }
})

test('A query that stays below the limit has no warnings', async t => {
  const asked = request('sum(count_over_time({app=~".+"}[10s]))', { allowsPartial: true })
  t.same((await runQuery(asked, source, never)).warnings, [])
})
