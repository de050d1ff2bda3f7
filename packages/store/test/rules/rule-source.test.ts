import type { Leaf, LeafResult } from '@skald/query'
import { createLabelSet } from '@skald/wire'
import { test } from 'tap'
import { createLinesSource } from '../../src/rules/lines-source.ts'
import { runRuleQuery } from '../../src/rules/rule-query.ts'
import { SharedLeaves } from '../../src/rules/rule-source.ts'

const source = createLinesSource([
  { labels: createLabelSet({ app: 'a' }), entries: [{ timeNs: 1_000_000_000n, line: 'x' }] },
])
const { signal } = new AbortController()

test('rules with the same query at the same time share one scan, and others do not', async t => {
  const shared = new SharedLeaves()
  let scans = 0
  const counted = {
    select: (leaf: Leaf, abort: AbortSignal): Promise<LeafResult> => {
      scans++
      return source.select(leaf, abort)
    },
  }
  const ask = (tenant: string, logql: string, timeNs: bigint) =>
    runRuleQuery({ logql, timeNs, source: shared.wrap(tenant, counted), signal })
  const query = 'count_over_time({app="a"}[1m])'
  for (const threshold of [0, 1, 2]) await ask('t', `${query} > ${threshold}`, 2_000_000_000n)
  t.equal(scans, 1)
  t.equal(shared.sharedCount, 2)
  t.match(await ask('t', `${query} > 0`, 2_000_000_000n), [{ value: 1 }])
  t.equal(scans, 1)
  await ask('t', `${query} > 0`, 3_000_000_000n)
  await ask('other', `${query} > 0`, 2_000_000_000n)
  await ask('t', 'count_over_time({app="a"}[2m]) > 0', 2_000_000_000n)
  t.equal(scans, 4)
})

test('a scan that fails is not shared with the next rule', async t => {
  const shared = new SharedLeaves()
  let isBroken = true
  const flaky = {
    select: async (leaf: Leaf, abort: AbortSignal): Promise<LeafResult> => {
      if (isBroken) throw new Error('broken')
      return source.select(leaf, abort)
    },
  }
  const ask = () =>
    runRuleQuery({
      ...{ logql: 'count_over_time({app="a"}[1m])', timeNs: 2_000_000_000n, signal },
      source: shared.wrap('t', flaky),
    })
  await t.rejects(ask(), /broken/)
  isBroken = false
  t.match(await ask(), [{ value: 1 }])
})
