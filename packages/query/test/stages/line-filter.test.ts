import fc from 'fast-check'
import { test } from 'tap'
import { BlockText } from '../../src/pipeline/block-text.ts'
import { rowAt, selectRange } from '../../src/pipeline/row-selection.ts'
import { compileLineFilter } from '../../src/stages/line-filter.ts'
import type { LineFilterStage } from '../../src/stages/line-filter-syntax.ts'

function blockOf(lines: readonly string[]): BlockText {
  const parts = lines.map(line => Buffer.from(`${line}\n`))
  const offsets = new Uint32Array(lines.length + 1)
  for (const [i, part] of parts.entries()) offsets[i + 1] = offsets[i]! + part.length
  return new BlockText({ bytes: Buffer.concat(parts), offsets }, offsets.length - 1)
}

const line = fc.string({
  unit: fc.constantFrom('a', 'b', 'é', ' ', '\n', '1', '.', '💩'),
  maxLength: 8,
})
const term = fc.constantFrom(
  ...[
    '',
    'a',
    'ab',
    'b\na',
    'é',
    'a+b',
    '^a',
    'b$',
    'a|b',
    'a.b',
    '[^a]b',
    '(?i)A',
    '(?s)a.b',
    '1{2}',
  ],
  ...['<_>a', 'a<_>b', '<_>', 'a|', '\\bb\\b', '^$', 'a\\n', '[é ]', '.*a.*b', 'ab|é1|  '],
)

test('A filter over a block keeps the lines that it keeps one by one', async t => {
  fc.assert(
    fc.property(
      fc.array(line, { minLength: 1, maxLength: 40 }),
      fc.constantFrom<LineFilterStage['op']>('|=', '!=', '|~', '!~', '|>', '!>'),
      fc.array(term, { minLength: 1, maxLength: 2 }),
      fc.nat(5),
      (lines, op, terms, from) => {
        const filter = compileLineFilter({
          kind: 'lineFilter',
          op,
          terms: terms.map(value => ({ kind: 'text', value })),
        })
        const start = Math.min(from, lines.length)
        const kept = filter.filterBlock(blockOf(lines), selectRange(start, lines.length))
        const rows = Array.from({ length: kept.count }, (_, i) => rowAt(kept, i))
        const want = [...lines.keys()].filter(i => i >= start && filter.testLine(lines[i]!))
        return rows.join() === want.join()
      },
    ),
    { numRuns: 3_000, seed: 5 },
  )
  t.pass('no difference')
})

test('Blocks of many runs are searched as their lines are', async t => {
  const long = fc
    .tuple(line, fc.nat(40_000), line)
    .map(([head, padding, tail]) => `${head}${'x'.repeat(padding)}${tail}`)
  const pattern = fc.constantFrom(
    '(?i)AB|X1',
    '^$',
    '^[ab]',
    '1{2}|b$',
    '[^x]x*$',
    'x\\b|^é',
    '(?s)a.b',
  )
  fc.assert(
    fc.property(
      fc.array(fc.oneof(line, long), { minLength: 1, maxLength: 20 }),
      pattern,
      fc.nat(3),
      (lines, value, from) => {
        const filter = compileLineFilter({
          kind: 'lineFilter',
          op: '|~',
          terms: [{ kind: 'text', value }],
        })
        const start = Math.min(from, lines.length)
        const kept = filter.filterBlock(blockOf(lines), selectRange(start, lines.length))
        const rows = Array.from({ length: kept.count }, (_, i) => rowAt(kept, i))
        const want = [...lines.keys()].filter(i => i >= start && filter.testLine(lines[i]!))
        return rows.join() === want.join()
      },
    ),
    { numRuns: 300, seed: 7 },
  )
  t.pass('no difference')
})

test('Lines are the same in any order they are asked for', async t => {
  const lines = Array.from({ length: 400 }, (_, i) => `${i} ${'y'.repeat((i * 7919) % 2_000)}`)
  const inOrder = blockOf(lines)
  t.same(
    lines.map((_, row) => inOrder.line(row)),
    lines,
  )
  const mixed = blockOf(lines)
  for (const row of [5, 6, 7, 300, 301, 2, 3, 399, 8, 0, 1, 150, 151, 152]) {
    t.equal(mixed.line(row), lines[row])
    t.equal(mixed.latin1Line(row), lines[row])
  }
})

test('Line filters test one line', async t => {
  const f = (op: LineFilterStage['op'], value: string, text: string, want: boolean) => {
    const filter = compileLineFilter({ kind: 'lineFilter', op, terms: [{ kind: 'text', value }] })
    t.equal(filter.testLine(text), want, `${op} ${value} on ${text}`)
  }
  f('|=', '', 'x', true)
  f('!=', '', 'x', false)
  f('|~', '', 'x', true)
  f('|~', '.+', '', false)
  f('|~', 'foo|', 'x', false)
  f('|>', 'foo <_> bar', 'xfoo x bar', true)
  f('|>', 'foo <_> bar', 'foo x bar y', false)
  f('|>', 'foo <_>', 'foo ', false)
  f('|>', '', '', true)
  f('|>', '', 'x', false)
})

test('ip() finds addresses in text', async t => {
  const f = (pattern: string, text: string, want: boolean) => {
    const terms = [{ kind: 'ip' as const, value: pattern }]
    const filter = compileLineFilter({ kind: 'lineFilter', op: '|=', terms })
    t.equal(filter.testLine(text), want, `${pattern} in ${text}`)
  }
  f('10.0.0.1', 'from 10.0.0.1:80', true)
  f('10.0.0.1', 'from 10.0.0.10', false)
  f('10.0.0.0/8', 'x10.9.8.7x', true)
  f('10.0.0.5-10.0.0.9', '10.0.0.7', true)
  f('10.0.0.5-10.0.0.9', '10.0.0.4', false)
  f('0.0.0.0/0', 'version 1.2.3', false)
  f('10.0.0.0/8', '::ffff:10.0.0.5', false)
  f('2001:db8::/32', 'peer [2001:db8::1]:443', true)
  f('::1', 'loopback ::1 used', true)
  f('2001:db8::1', '2001:0db8:0000:0000:0000:0000:0000:0001', true)
})
