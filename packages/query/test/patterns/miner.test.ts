import fc from 'fast-check'
import { test } from 'tap'
import { PatternMiner } from '../../src/patterns/miner.ts'
import { formatPattern, tokensOf } from '../../src/patterns/tokens.ts'

/** Patterns of lines with how many lines each has, largest first. */
function mine(lines: readonly string[]): [pattern: string, count: number][] {
  const miner = new PatternMiner()
  for (const line of lines) miner.add(line, 0)
  return countsOf(miner)
}

function countsOf(miner: PatternMiner): [pattern: string, count: number][] {
  return miner
    .patterns()
    .map(({ tokens, counts }): [string, number] => [
      formatPattern(tokens),
      [...counts.values()].reduce((sum, count) => sum + count, 0),
    ])
    .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
}

test('words with digits stand for anything, joined ones together', async t => {
  const f = (line: string, want: string) => t.equal(formatPattern(tokensOf(line)), want)
  f('GET /api/v1/items/42 200', 'GET /api/<_>/items/<_> <_>')
  f('10.0.0.1:8080 connected', '<_> connected')
  f('2026-01-15T00:00:00,123 INFO ready', '<_> INFO ready')
  f('id=deadbeefcafe ok', 'id=<_> ok')
  f('plain words, only', 'plain words, only')
  f('took 12ms (13%)', 'took <_> (<_>)')
  f('', '')
  f('z'.repeat(5000), `${'z'.repeat(3000)}<_>`)
  f('x '.repeat(400), `${'x '.repeat(128)}<_>`)
})

test('lines that differ in a few words make one pattern', async t => {
  t.same(
    mine([
      'user alice logged in from 10.0.0.1',
      'user bob logged in from 10.0.0.2',
      'user carol logged out from 10.0.0.3',
      'cache miss for key items',
    ]),
    [
      ['user <_> logged <_> from <_>', 3],
      ['cache miss for key items', 1],
    ],
  )
})

test('a pattern that says little takes nothing in that is unlike it', async t => {
  t.same(mine(['a b c d', 'a x y z', 'p q r s', '1 2 3 4']).length, 4)
})

test('logfmt and JSON lines keep their keys', async t => {
  t.same(
    mine([
      'level=info msg="order created" id=17 user=alice',
      'level=info msg="order created" id=18 user=bob',
    ]),
    [['level=info msg="order created" id=<_> user=<_>', 2]],
  )
  t.same(
    mine([
      '{"level":"info","ms":12,"path":"/a","who":"x"}',
      '{"level":"info","ms":13,"path":"/b","who":"y"}',
    ]),
    [['{"level":"info","ms":<_>,"path":"/<_>","who":"<_>"}', 2]],
  )
})

test('counts are kept by time slot, also when miners are merged', async t => {
  const [one, other] = [new PatternMiner(), new PatternMiner()]
  one.add('job alpha done in 3 s', 1)
  one.add('job beta done in 4 s', 2)
  other.add('job gamma done in 5 s', 2)
  other.add('something else entirely', 7)
  for (const pattern of other.patterns()) one.merge(pattern)
  const [jobs] = one.patterns().filter(({ tokens }) => tokens[0] === 'job')
  t.equal(formatPattern(jobs!.tokens), 'job <_> done in <_> s')
  t.same(
    [...jobs!.counts],
    [
      [1, 1],
      [2, 2],
    ],
  )
})

test('memory is bounded: the pattern not seen for the longest time makes room', async t => {
  const miner = new PatternMiner()
  miner.add('first of all', 0)
  for (let i = 0; i < 299; i++) miner.add(`w${'-'.repeat(i)} ${'!'.repeat(i + 1)}`, 0)
  t.equal(miner.patterns().length, 300)
  miner.add('first of all', 0)
  miner.add('one "more" (line)', 0)
  const patterns = countsOf(miner)
  t.equal(patterns.length, 300)
  t.same(patterns[0], ['first of all', 2])
})

test('every line is counted once, under a pattern of its own shape', async t => {
  const word = fc.constantFrom('get', 'put', 'user', 'error', '17', 'x9', 'é', '=', '"', ' ', '<')
  fc.assert(
    fc.property(fc.array(fc.array(word, { maxLength: 12 }), { maxLength: 60 }), list => {
      const lines = list.map(words => words.join(' '))
      const total = mine(lines).reduce((sum, [, count]) => sum + count, 0)
      return total === lines.length
    }),
  )
  t.end()
})
