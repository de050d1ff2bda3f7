import { test } from 'tap'
import { checkBlocked, createBlockedQuery } from '../src/blocked-queries.ts'
import type { RawBlockedQuery } from '../src/config-schema.ts'

const rule = (given: Partial<RawBlockedQuery>) =>
  createBlockedQuery({ pattern: '', regex: false, types: [], hash: 0, ...given }, message => {
    throw new Error(message)
  })
const isBlocked = (query: string, ...rules: readonly Partial<RawBlockedQuery>[]) => {
  try {
    checkBlocked(query, rules.map(rule))
    return false
  } catch (error) {
    if ((error as Error).message !== 'query blocked by policy') throw error
    return true
  }
}
const selector = '{app="x"}'
const metric = 'sum(rate({app="x"} |= "y" [5m]))'

test('a query is blocked by its text, by an expression or by its hash', async t => {
  t.equal(isBlocked(selector), false)
  t.equal(isBlocked(selector, { pattern: ` ${selector} ` }), true)
  t.equal(isBlocked(` ${selector}`, { pattern: selector }), true)
  t.equal(isBlocked('{app="xy"}', { pattern: selector }), false)
  t.equal(isBlocked(metric, { pattern: 'rate' }), false, 'the whole text is meant')
  t.equal(isBlocked(metric, { pattern: 'rate.*5m', regex: true }), true)
  t.equal(isBlocked('{app="x"}\n|= "y"', { pattern: 'app.*y', regex: true }), true)
  t.equal(isBlocked(selector, {}), true, 'a rule without a pattern means all')
  // 32-bit FNV-1, from its definition: https://datatracker.ietf.org/doc/draft-eastlake-fnv/
  const hashOf = (text: string) =>
    Number(
      [...Buffer.from(text)].reduce(
        (hash, byte) => ((hash * 16_777_619n) % 4_294_967_296n) ^ BigInt(byte),
        2_166_136_261n,
      ),
    )
  t.equal(hashOf('a'), 0x050c5d7e, 'the published value')
  t.equal(isBlocked(selector, { hash: hashOf(selector) }), true)
  t.equal(isBlocked(selector, { hash: 1 }), false)
})

test('a rule can apply to certain types of queries only', async t => {
  const filter = '{app="x"} |= "y"'
  for (const [query, type] of [
    [selector, 'limited'],
    [filter, 'filter'],
    ['{app="x"} | json | a="b"', 'filter'],
    ['{app="x"} | json', 'limited'],
    [metric, 'metric'],
  ] as const) {
    t.equal(isBlocked(query, { types: [type] }), true, `${query} is ${type}`)
    const others = ['limited', 'filter', 'metric'].filter(other => other !== type)
    t.equal(isBlocked(query, { types: others.join(',') }), false)
  }
})

test('an invalid query is still reported as invalid when there are rules', async t => {
  t.throws(() => isBlocked('{app=', {}), { code: 'LOGQL_SYNTAX' })
})
