import { parseSelector } from '@skald/query'
import { createLabelSet } from '@skald/wire'
import { test } from 'tap'
import { createRetentionPeriods } from '../../src/compaction/retention-periods.ts'

const rule = (selector: string, priority: number, periodNs: bigint) => ({
  matchers: parseSelector(selector),
  priority,
  periodNs,
})
const labels = createLabelSet({ app: 'x', env: 'dev' })

test('a stream has the period of the rule with the highest priority', async t => {
  const { periodOf } = createRetentionPeriods({
    retentionNs: 9n,
    retentionStreams: [
      rule('{env="dev"}', 1, 2n),
      rule('{app="x"}', 5, 7n),
      rule('{app="y"}', 9, 3n),
    ],
  })
  t.equal(periodOf(labels), 7n)
  t.equal(periodOf(createLabelSet({ env: 'dev' })), 2n)
  t.equal(periodOf(createLabelSet({ env: 'prod' })), 9n, 'else the period of the tenant')
})

test('with equal priorities, the shortest period wins', async t => {
  const { periodOf } = createRetentionPeriods({
    retentionNs: 0n,
    retentionStreams: [
      rule('{env="dev"}', 1, 4n),
      rule('{app="x"}', 1, 2n),
      rule('{app="x"}', 1, 3n),
    ],
  })
  t.equal(periodOf(labels), 2n)
})

test('the shortest and longest period limit what has to be checked', async t => {
  const bounds = (retentionNs: bigint, ...periods: bigint[]) => {
    const retentionStreams = periods.map(periodNs => rule('{app="x"}', 1, periodNs))
    const { shortestNs, longestNs } = createRetentionPeriods({ retentionNs, retentionStreams })
    return [shortestNs, longestNs]
  }
  t.same(bounds(0n), [0n, 0n])
  t.same(bounds(5n), [5n, 5n])
  t.same(bounds(5n, 3n, 20n), [3n, 20n])
  t.same(bounds(0n, 3n, 20n), [3n, 0n], 'forever is the longest')
})
