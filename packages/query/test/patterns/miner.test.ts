import fc from 'fast-check'
import { test } from 'tap'
import { defaultQueryLimits, runPatterns } from '../../src/index.ts'
import { PatternMiner } from '../../src/patterns/miner.ts'
import { shapeOf } from '../../src/patterns/shape.ts'
import { formatPattern, tokensOf } from '../../src/patterns/tokens.ts'
import { createMemorySource } from '../memory-source.ts'

/** Adds a line like a scan does. */
function teach(miner: PatternMiner, text: string, slot = 0): void {
  const bytes = Buffer.from(text)
  const line = { bytes, start: 0, end: bytes.length }
  if (!miner.addKnown(line, slot)) miner.add(line, slot)
}

/** Returns the patterns of lines and their line counts, largest first. */
function mine(lines: readonly string[]): [pattern: string, count: number][] {
  const miner = new PatternMiner()
  for (const line of lines) teach(miner, line)
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

test('words with digits match anything', async t => {
  const f = (line: string, want: string) => t.equal(formatPattern(tokensOf(line)), want)
  f('GET /api/v1/items/42 200', 'GET <_> <_>')
  f('10.0.0.1:8080 connected', '<_> connected')
  f('2026-01-15T00:00:00,123 INFO ready', '<_> INFO ready')
  f('id=deadbeefcafe ok', 'id=<_> ok')
  f('plain words, only', 'plain words, only')
  f('took 12ms (13%)', 'took <_> (<_>%)')
  f('user <ann> in [eu-west]', 'user <ann> in [eu-west]')
  f('', '')
  f('z'.repeat(5000), `${'z'.repeat(3000)}<_>`)
  f('x '.repeat(400), `${'x '.repeat(128)}<_>`)
})

test('lines that differ only in words with digits or in the last word share a pattern', async t => {
  t.same(
    mine([
      'user u1 logged in from 10.0.0.1 late',
      'user u2 logged in from 10.0.0.2 early',
      'user u3 logged out from 10.0.0.3 early',
      'cache miss for key items',
    ]),
    [
      ['user <_> logged in from <_> <_>', 2],
      ['cache miss for key items', 1],
      ['user <_> logged out from <_> early', 1],
    ],
  )
})

test('too many different words at one place become a wildcard', async t => {
  const names = Array.from({ length: 40 }, (_, i) =>
    String.fromCodePoint(0x67 + (i % 20)).repeat(3 + i),
  )
  const found = mine(names.map(name => `hello ${name} and welcome`))
  t.equal(found.length, 16)
  t.same(found[0], ['hello <_> and welcome', 25])
})

test('a line with little in common with a pattern gets a separate one', async t => {
  t.same(mine(['alpha', 'beta', 'gamma']).length, 3)
  t.same(mine(['1 2 3 4', '5 6 7 8']), [['<_> <_> <_> <_>', 2]])
})

test('logfmt and JSON lines keep their keys', async t => {
  t.same(
    mine([
      'level=info msg="order created" id=17 user=u1',
      'level=info msg="order created" id=18 user=u2',
    ]),
    [['level=info msg="order created" id=<_> user=<_>', 2]],
  )
  t.same(mine(['{"level":"info","ms":12,"id":"x1"}', '{"level":"info","ms":13,"id":"y2"}']), [
    ['{"level":"info","ms":<_>,"id":"<_>"}', 2],
  ])
})

test('counts are kept per time slot, even when miners are merged', async t => {
  const [one, other] = [new PatternMiner(), new PatternMiner()]
  teach(one, 'job 1 done in 3 s', 1)
  teach(one, 'job 2 done in 4 s', 2)
  teach(other, 'job 3 done in 5 s', 2)
  teach(other, 'something else entirely', 7)
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

/** Lines that are all different. */
function unlike(i: number): string {
  return `${'('.repeat(1 + (i % 18))}w${'['.repeat(1 + Math.floor(i / 18))}`
}

test('memory is bounded: a new pattern replaces the one not seen for the longest time', async t => {
  const miner = new PatternMiner()
  teach(miner, 'first of all', 0)
  for (let i = 0; i < 299; i++) teach(miner, unlike(i), 0)
  t.equal(miner.patterns().length, 300)
  teach(miner, 'first of all', 0)
  for (let i = 0; i < 20; i++) teach(miner, unlike(400 + i), 0)
  const patterns = countsOf(miner)
  t.equal(patterns.length, 300)
  t.same(patterns[0], ['first of all', 2])
})

test('every line is counted once', async t => {
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

test('lines with the same shape have the same tokens', async t => {
  const piece = fc.constantFrom(
    ...[
      'a',
      'b1',
      'deadbeef',
      'deadbee',
      'é',
      'é1',
      '½',
      '—',
      'x—1',
      '"',
      '":',
      ':',
      '=',
      ' ',
      '\t',
      ',',
    ],
    ...['.', '-', '/', '(', ')', '$', '1', '٣', '\ufeff', '\u00a0'],
  )
  const text = fc.array(piece, { maxLength: 10 }).map(parts => parts.join(''))
  const shape = (line: string) => {
    const bytes = Buffer.from(line)
    return shapeOf(bytes, 0, bytes.length)
  }
  fc.assert(
    fc.property(fc.array(text, { minLength: 2, maxLength: 30 }), lines => {
      const seen = new Map<number, string>()
      for (const line of lines) {
        const tokens = JSON.stringify(tokensOf(line))
        const known = seen.get(shape(line))
        if (known !== undefined && known !== tokens) return false
        seen.set(shape(line), tokens)
      }
      return true
    }),
    { numRuns: 3000, seed: 7 },
  )
  t.equal(shape('GET /a1 200 12ms'), shape('GET /b22 404 9ms'), 'numbers make no difference')
  t.not(shape('GET /a1 200 x'), shape('PUT /a1 200 x'))
  t.equal(shape(`${'x'.repeat(3000)}a`), shape(`${'x'.repeat(3000)}b`), 'nor what is not looked at')
  t.not(shape('x'.repeat(3000)), shape('x'.repeat(3001)))
  t.equal(shape('é'.repeat(3001)), -1)
})

test('lines that are all different are sampled, and the result says so', async t => {
  const letters = (i: number) =>
    i.toString(26).replaceAll(/\d/g, digit => 'qrstuvwxyz'[Number(digit)]!)
  const entries = Array.from({ length: 20_000 }, (_, i) => {
    const line = i % 4 === 0 ? 'user 7 logged in' : `${letters(i)} and ${letters(i * 7)}`
    return { timestampNs: BigInt(i), line }
  })
  const source = createMemorySource([{ labels: { app: 'x' }, entries }], entries.length)
  const request = {
    ...{ logql: '{app="x"}', startNs: 0n, endNs: 30_000n, stepNs: 10_000_000_000n },
    limits: defaultQueryLimits,
  }
  const { patterns, warnings } = await runPatterns(request, source, new AbortController().signal)
  const known = patterns.find(({ pattern }) => pattern === 'user <_> logged in')
  t.same(known?.samples, [[0n, 5000]], 'lines of a known shape are all counted')
  t.match(warnings, [/^\d+ of 20000 lines differ too much and are in no pattern$/])
  const left = Number(warnings[0]!.split(' ')[0])
  t.ok(left > 9_000 && left < 9_500, `${left} of 15000 were left`)
})
