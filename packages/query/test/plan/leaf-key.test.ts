import { test } from 'tap'
import { type Leaf, leafKey, parseLogQuery } from '../../src/index.ts'

function leafOf(logql: string): Leaf {
  const log = parseLogQuery(logql)
  return {
    kind: 'logs',
    log,
    matchers: log.matchers,
    startNs: 0n,
    endNs: 9_007_199_254_740_993n,
    direction: 'forward',
    limit: 10,
  }
}

test('A leaf has one key, however its query was written', async t => {
  t.equal(leafKey(leafOf('{a="b"} | n>1')), leafKey(leafOf('{ a = `b` }   |  n > 1.0')))
  t.not(leafKey(leafOf('{a="b"}')), leafKey({ ...leafOf('{a="b"}'), limit: 11 } as Leaf))
  const later = { ...leafOf('{a="b"}'), endNs: 9_007_199_254_740_992n } as Leaf
  t.not(leafKey(leafOf('{a="b"}')), leafKey(later), 'times are exact')
})

test('Numbers that JSON cannot write keep leaves apart', async t => {
  const withLimit = (limit: number) => leafKey({ ...leafOf('{a="b"}'), limit } as Leaf)
  const limits = [0, -0, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  t.equal(new Set(limits.map(withLimit)).size, limits.length)
})

test('A leaf survives a structured clone', async t => {
  const leaf = leafOf(
    '{a="b"} | json x="y" | x > 5s | label_format c=`{{.x}}` | ip != ip("10.0.0.0/8")',
  )
  t.same(structuredClone(leaf), leaf)
})
