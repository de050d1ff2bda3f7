import { parseLogQuery } from '@skald/query'
import { createLabelSet } from '@skald/wire'
import { test } from 'tap'
import { createDeleteRule, DeletePlan } from '../../src/deletes/delete-rule.ts'

const rule = (id: string, logql: string, startMs: number, endMs: number) =>
  createDeleteRule({ id, log: parseLogQuery(logql) }, { startMs, endMs })
const span = (fromMs: number, toMs: number) => ({
  minNs: BigInt(fromMs) * 1_000_000n,
  maxNs: BigInt(toMs) * 1_000_000n,
})
const shop = createLabelSet({ app: 'shop' })

test('a rule applies to the streams of its selector', async t => {
  const plan = new DeletePlan([
    rule('a', '{app="shop"}', 10, 20),
    rule('b', '{app=~"s.*"} |= "x"', 0, 100),
  ])
  t.equal(plan.ofStream(createLabelSet({ app: 'other' })), undefined)
  t.ok(plan.ofStream(shop))
  t.same(plan.ofStream(createLabelSet({ app: 'store' }))!.ofBlock(span(0, 5)), [1])
})

test('a rule without filters deletes a block inside its range as a whole', async t => {
  const stream = new DeletePlan([
    rule('a', '{app="shop"}', 10, 20),
    rule('b', '{app="shop"} |= "x"', 15, 30),
  ]).ofStream(shop)!
  t.equal(stream.ofBlock(span(10, 20)), 'all', 'both ends are included')
  t.same(stream.ofBlock(span(9, 20)), [0, 1])
  t.same(stream.ofBlock(span(10, 21)), [0, 1])
  t.same(stream.ofBlock(span(20, 40)), [0, 1])
  t.same(stream.ofBlock(span(21, 30)), [1], 'a filter needs the lines')
  t.equal(stream.ofBlock(span(31, 40)), undefined)
  t.equal(stream.ofBlock(span(0, 9)), undefined)
  t.equal(
    stream.ofBlock({ minNs: 20_000_001n, maxNs: 20_000_002n })?.length,
    1,
    'to the nanosecond',
  )
})
