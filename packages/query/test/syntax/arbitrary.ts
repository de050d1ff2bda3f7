// Random queries as syntax trees, for properties.

import fc from 'fast-check'
import type { BinaryOp } from '../../src/aggregation/binary-operators.ts'
import { binaryPrecedences, isSetOp } from '../../src/aggregation/binary-operators.ts'
import { rangeDefinitions } from '../../src/aggregation/range-table.ts'
import type { Stage } from '../../src/stages/stage-table.ts'
import type { Expr, LogExpr, MetricExpr } from '../../src/syntax-tree/ast.ts'
import type { LabelFilter } from '../../src/tokens/label-filter-syntax.ts'

const binaryOps = Object.keys(binaryPrecedences) as BinaryOp[]
const name = fc.constantFrom('app', 'level', 'status', 'x', '_y', 'rate', 'bytes')
const text = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 6 }), fc.constantFrom('a', 'err'))
const matcherOp = fc.constantFrom('=' as const, '!=' as const)
const matcher = fc.record({ name, op: matcherOp, value: text })
const compareOp = fc.constantFrom('==', '!=', '>', '>=', '<', '<=') as fc.Arbitrary<'=='>
const number = fc.oneof(
  fc.integer({ min: -1e9, max: 1e9 }),
  fc.double({ noNaN: true, min: -1e9, max: 1e9 }),
)
const plainNumber = number.map(value => (Object.is(value, -0) ? 0 : value))

const labelFilter = fc.letrec<{ filter: LabelFilter }>(tie => ({
  filter: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    matcher.map((m): LabelFilter => ({ kind: 'matcher', matcher: m })),
    fc.record({ kind: fc.constant('number' as const), name, op: compareOp, value: plainNumber }),
    fc.record({
      kind: fc.constant('bytes' as const),
      name,
      op: compareOp,
      value: fc.constantFrom(5, 120, 2_000, 55_000, 3_100_000),
    }),
    fc.record({
      kind: fc.constant('duration' as const),
      name,
      op: compareOp,
      valueNs: fc.bigInt({ min: -(10n ** 15n), max: 10n ** 15n }),
    }),
    fc.record({
      kind: fc.constant('ip' as const),
      name,
      op: matcherOp,
      pattern: fc.constant('10.0.0.0/8'),
    }),
    fc.record({
      kind: fc.constantFrom('and' as const, 'or' as const),
      left: tie('filter'),
      right: tie('filter'),
    }),
  ),
})).filter

const extraction = fc.record({ name, expression: fc.constantFrom('a', 'b_c') })
const stage: fc.Arbitrary<Stage> = fc.oneof(
  fc.record({
    kind: fc.constant('lineFilter' as const),
    op: fc.constantFrom('|=' as const, '!=' as const),
    terms: fc.array(fc.record({ kind: fc.constant('text' as const), value: text }), {
      minLength: 1,
      maxLength: 3,
    }),
  }),
  labelFilter.map((filter): Stage => ({ kind: 'labelFilter', filter })),
  fc.record({
    kind: fc.constant('json' as const),
    extractions: fc.array(extraction, { maxLength: 2 }),
  }),
  fc.record({
    kind: fc.constant('logfmt' as const),
    isStrict: fc.boolean(),
    keepsEmpty: fc.boolean(),
    extractions: fc.array(extraction, { maxLength: 2 }),
  }),
  fc.constant<Stage>({ kind: 'regexp', pattern: '(?P<x>\\d+)' }),
  fc.constant<Stage>({ kind: 'pattern', pattern: '<x> "<_>"' }),
  fc.constantFrom<Stage>({ kind: 'unpack' }, { kind: 'decolorize' }),
  fc.constant<Stage>({ kind: 'lineFormat', template: '{{.x | upper}} `"' }),
  fc.constant<Stage>({
    kind: 'labelFormat',
    items: [
      { kind: 'rename', name: 'p', value: 'q' },
      { kind: 'template', name: 'r', value: '{{.s}}' },
    ],
  }),
  fc.record({
    kind: fc.constantFrom('drop' as const, 'keep' as const),
    picks: fc.array(
      fc.oneof(
        name.map(n => ({ name: n })),
        matcher.map(m => ({ name: m.name, matcher: m })),
      ),
      { minLength: 1, maxLength: 3 },
    ),
  }),
)

export const logExpr: fc.Arbitrary<LogExpr> = fc.record({
  kind: fc.constant('log' as const),
  matchers: fc
    .array(matcher, { maxLength: 2 })
    .map(more => [{ name: 'app', op: '=' as const, value: 'x' }, ...more]),
  stages: fc.array(stage, { maxLength: 4 }).filter(canBeWritten),
})

// `drop a != "b"` reads as a matcher, so no text stands for a filter right behind such a stage.
function canBeWritten(stages: readonly Stage[]): boolean {
  return stages.every((one, i) => {
    const next = stages[i + 1]
    const isOpen = (one.kind === 'drop' || one.kind === 'keep') && !one.picks.at(-1)?.matcher
    return !isOpen || next?.kind !== 'lineFilter' || next.op === '|='
  })
}

const withoutUnwrap = [
  'count_over_time',
  'rate',
  'bytes_over_time',
  'bytes_rate',
  'absent_over_time',
]
const groupable = ['avg_over_time', 'max_over_time', 'quantile_over_time', 'last_over_time']
const rangeNs = fc
  .integer({ min: 1, max: 100_000 })
  .map(seconds => BigInt(seconds) * 1_000_000_000n)
const grouping = fc.record({
  without: fc.boolean(),
  labels: fc.uniqueArray(name, { minLength: 1, maxLength: 2 }),
})

const range: fc.Arbitrary<MetricExpr> = fc
  .tuple(
    fc.constantFrom(...rangeDefinitions.map(({ op }) => op)),
    logExpr,
    rangeNs,
    fc.boolean(),
    grouping,
  )
  .map(
    ([op, log, ns, hasOffset, groups]): MetricExpr => ({
      kind: 'range',
      op,
      ...(op === 'quantile_over_time' && { parameter: 0.5 }),
      log,
      rangeNs: ns,
      offsetNs: hasOffset ? -ns : 0n,
      ...(!withoutUnwrap.includes(op) && {
        unwrap: { label: 'x', conversion: 'duration' as const, filters: [] },
      }),
      ...(groupable.includes(op) && { grouping: groups }),
    }),
  )

export const metricExpr = fc.letrec<{ expr: MetricExpr }>(tie => ({
  expr: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    range,
    fc.record({ kind: fc.constant('vector' as const), value: fc.nat() }),
    fc.record(
      {
        kind: fc.constant('aggregation' as const),
        op: fc.constantFrom('sum' as const, 'avg' as const, 'max' as const),
        operand: tie('expr'),
        grouping,
      },
      { requiredKeys: ['kind', 'op', 'operand'] },
    ),
    fc.record({
      kind: fc.constant('aggregation' as const),
      op: fc.constantFrom('topk' as const, 'bottomk' as const),
      parameter: fc.integer({ min: 1, max: 99 }),
      operand: tie('expr'),
    }),
    fc.record(
      {
        kind: fc.constant('binary' as const),
        op: fc.constantFrom(...binaryOps),
        left: tie('expr'),
        right: tie('expr'),
        returnsBool: fc.boolean(),
        matching: fc.record(
          {
            on: fc.boolean(),
            labels: fc.uniqueArray(name, { maxLength: 2 }),
            group: fc.constantFrom('left' as const, 'right' as const),
            include: fc.constant([]),
          },
          { requiredKeys: ['on', 'labels', 'include'] },
        ),
      },
      { requiredKeys: ['kind', 'op', 'left', 'right', 'returnsBool'] },
    ),
    tie('expr').map(
      (operand): MetricExpr => ({
        kind: 'labelReplace',
        operand,
        destination: 'a',
        replacement: '$1',
        source: 'b',
        pattern: '(.*)',
      }),
    ),
    fc
      .tuple(tie('expr'), plainNumber, fc.constantFrom(...binaryOps.filter(op => !isSetOp(op))))
      .map(
        ([left, value, op]): MetricExpr => ({
          kind: 'binary',
          op,
          left,
          right: { kind: 'literal', value },
          returnsBool: false,
        }),
      ),
  ),
})).expr

export const anyExpr: fc.Arbitrary<Expr> = fc.oneof(logExpr, metricExpr)
