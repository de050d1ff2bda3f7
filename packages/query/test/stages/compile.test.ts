import fc from 'fast-check'
import { test } from 'tap'
import { compilePipeline } from '../../src/stages/compile.ts'
import type { Stage } from '../../src/stages/stage-table.ts'
import { parseLogql } from '../../src/syntax/parser.ts'
import type { LabelFilter } from '../../src/tokens/label-filter-syntax.ts'
import { logExpr } from '../syntax/arbitrary.ts'
import { lineOf } from './line-of.ts'

const piece = fc.constantFrom(
  ...[
    '{"app":"a"',
    ',"level":"err"',
    ',"status":5',
    ',"x":"\\u0061"',
    '}',
    'x=a',
    ' level=err',
    ' status=7',
  ],
  ...[' "', '{"x":{"y":"a"}}', 'err', ' x=b=c', '{', 'n'],
)
const text = fc.array(piece, { maxLength: 6 }).map(parts => parts.join(''))
const name = fc.constantFrom('level', 'status', 'x', 'x_y')
const filter: fc.Arbitrary<LabelFilter> = fc.oneof(
  fc.record({
    kind: fc.constant('matcher' as const),
    matcher: fc.record({
      name,
      op: fc.constantFrom('=' as const, '!=' as const),
      value: fc.constantFrom('', 'a', 'err', '5'),
    }),
  }),
  fc.record({
    kind: fc.constant('number' as const),
    name,
    op: fc.constantFrom('>' as const, '==' as const),
    value: fc.constantFrom(1, 5),
  }),
)
const parser = fc.constantFrom<Stage>(
  { kind: 'json', extractions: [] },
  { kind: 'logfmt', isStrict: true, keepsEmpty: false, extractions: [] },
  { kind: 'logfmt', isStrict: false, keepsEmpty: true, extractions: [] },
  { kind: 'pattern', pattern: '<x>=<level> <_>' },
)
const filtered = fc
  .tuple(parser, filter, fc.option(parser), fc.option(filter))
  .map(([first, test1, second, test2]): Stage[] => [
    first,
    { kind: 'labelFilter', filter: test1 },
    ...(second ? [second] : []),
    ...(test2 ? [{ kind: 'labelFilter' as const, filter: test2 }] : []),
  ])
const stages = fc.oneof(
  filtered,
  logExpr.map(expr => expr.stages),
)

test('Probes and hints let every line through that the stages let through', async t => {
  let passed = 0
  fc.assert(
    fc.property(stages, text, (list, line) => {
      const pipeline = compilePipeline(list)
      const stream = { app: 'x' }
      const whole = lineOf(line, stream)
      if (!pipeline.stages.every(run => run(whole))) return true
      passed++
      const probed = lineOf(line, stream)
      if (!pipeline.probes.every(run => run(probed))) return false
      return pipeline.hints.every(
        ({ name: label, values }) =>
          label === 'app' || line.includes('\\') || values.some(value => line.includes(value)),
      )
    }),
    { numRuns: 4_000, seed: 21 },
  )
  t.ok(passed > 500, `${passed} lines passed`)
})

test('Line filters run over blocks as far as the line is as it was stored', async t => {
  const f = (query: string, blockFilters: number, runs: number) => {
    const expr = parseLogql(`{a="b"} ${query}`)
    if (expr.kind !== 'log') throw new TypeError('no log query')
    const pipeline = compilePipeline(expr.stages)
    t.equal(pipeline.blockFilters.length, blockFilters, query)
    t.equal(pipeline.stages.length, runs, query)
  }
  f('|= "x" | json | level="y" |= "z"', 2, 2)
  f('| line_format "x" |= "x"', 0, 2)
  f('| decolorize |= "x"', 1, 1)
  f('| json | decolorize | level="x" |= "y"', 0, 4)
  f('| unpack |= "x"', 0, 2)
})

test('Filters on stream labels and metadata run once for a metadata set', async t => {
  const f = (query: string, setFilters: number) => {
    const expr = parseLogql(`{a="b"} ${query}`)
    if (expr.kind !== 'log') throw new TypeError('no log query')
    t.equal(compilePipeline(expr.stages).setFilters.length, setFilters, query)
  }
  f('| detected_level="error"', 1)
  f('| detected_level="error" or a="b" |= "x"', 1)
  f('| n > 5', 0)
  f('| json | level="error"', 0)
})
