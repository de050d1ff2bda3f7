import fc from 'fast-check'
import { test } from 'tap'
import { createScanStats } from '../../src/blocks/stats.ts'
import { createRestScans } from '../../src/leaf/rest-scan.ts'
import { BlockRows } from '../../src/leaf/row-source.ts'
import { parseLogql } from '../../src/syntax/parser.ts'
import type { RangeAggregation } from '../../src/syntax-tree/ast.ts'
import { createBlock, type TestStream, testClock } from '../memory-source.ts'
import { jsonAnswer } from './json-answer.ts'

const second = 1_000_000_000n

function scansOf(logql: string) {
  const expr = parseLogql(logql) as RangeAggregation
  return createRestScans({ stages: expr.log.stages, grouping: expr.grouping, unwrap: expr.unwrap })
}

test('Rests are looked at if nothing else decides the series of a line', async t => {
  const f = (logql: string, isTaken: boolean) =>
    t.equal(scansOf(logql) !== undefined, isTaken, logql)
  f('avg_over_time({a="b"} | logfmt | unwrap x [1m])', true)
  f('avg_over_time({a="b"} | json | y="1" | drop z | unwrap duration(x) [1m])', true)
  f('quantile_over_time(0.9, {a="b"} | json | unwrap x [1m]) without (ts)', true)
  f('avg_over_time({a="b"} | logfmt | unwrap x [1m]) by (y)', false)
  f('count_over_time({a="b"} | logfmt [1m])', false)
  f('avg_over_time({a="b"} | logfmt | x>1 | unwrap x [1m])', false)
  f('avg_over_time({a="b"} | logfmt | drop x | unwrap x [1m])', false)
  f('avg_over_time({a="b"} | logfmt | unwrap x | __error__="" [1m])', false)
  f('avg_over_time({a="b"} | logfmt --strict | unwrap x [1m])', false)
  f('avg_over_time({a="b"} | logfmt x="y" | unwrap x [1m])', false)
  f('avg_over_time({a="b"} | logfmt | label_format y=x | unwrap x [1m])', false)
  f('avg_over_time({a="b"} | pattern "<x> <_>" | unwrap x [1m])', false)
})

test('A line that differs from another one only in its sample has the same answer', async t => {
  const lines = ['ts=1 a=b x=5ms', 'ts=2 a=b x=6ms', 'ts=3 a=c x=7ms', 'ts=4 a=b', 'ts=5 x=soon']
  const metadata = [{}, {}, {}, {}, { lvl: 'error' }]
  const entries = lines.map((line, i) => ({
    timestampNs: BigInt(i),
    line,
    metadata: metadata[i]!,
  }))
  const block = createBlock([{ name: 'app', value: 'q' }], entries)
  const rows = new BlockRows(block, createScanStats(), testClock)
  const query = 'avg_over_time({a="b"} | logfmt | drop ts | unwrap duration(x) [1m])'
  const scan = scansOf(query)!.ofBlock(rows)!
  t.equal(scan.take(rows.text(), 0, 0), undefined)
  t.equal(scan.sample, 0.005)
  scan.remember('dropped')
  t.equal(scan.take(rows.text(), 1, 0), 'dropped')
  t.equal(scan.sample, 0.006)
  t.equal(scan.take(rows.text(), 1, 1), undefined, 'other metadata')
  for (const row of [2, 3, 4]) t.equal(scan.take(rows.text(), row, 0), undefined, lines[row]!)
  const withLabel = createBlock([{ name: 'x', value: 'q' }], entries)
  const others = new BlockRows(withLabel, createScanStats(), testClock)
  t.equal(scansOf(query)!.ofBlock(others), undefined, 'the sample is a label of the stream')
})

const part = fc.constantFrom(
  ...[
    'y=1',
    'y="a b"',
    'z=',
    'z',
    'lvl=info',
    'app=c',
    'x=1',
    'é=1',
    'a.b="c"',
    'y="\\u0041"',
    '"',
    '=',
  ],
)
const jsonPart = fc.constantFrom(
  ...[
    '"y":1',
    '"y":"a b"',
    '"z":""',
    '"z":{"x":1}',
    '"lvl":"info"',
    '"app":"c"',
    '"x":"1"',
    '"é":1',
  ],
  ...['"a.b":[1]', '"y":"\\u0041"', '"n":null', '"x":{"y":2}', '"'],
)
const sample = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom('1', '2.5', '12', '400') },
  { weight: 1, arbitrary: fc.constantFrom('', '"3"', '7ms', 'x', '1e3', '-1', '"a\\"b"') },
)
const logfmtTemplate = fc
  .tuple(fc.array(part, { maxLength: 3 }), fc.array(part, { maxLength: 3 }))
  .map(
    ([before, after]) =>
      (x: string, ts: string) =>
        [...before, `x=${x}`, `ts=${ts}`, ...after].join(' '),
  )
const jsonTemplate = fc
  .tuple(fc.array(jsonPart, { maxLength: 3 }), fc.array(jsonPart, { maxLength: 3 }))
  .map(
    ([before, after]) =>
      (x: string, ts: string) =>
        `{${[...before, `"x":${x || '""'}`, `"ts":"${ts}"`, ...after].join(',')}}`,
  )
const template = fc.oneof(logfmtTemplate, jsonTemplate)
const streams = fc
  .tuple(
    fc.array(template, { minLength: 1, maxLength: 3 }),
    fc.array(fc.tuple(fc.nat(), sample, fc.constantFrom('1', '2', ''), fc.boolean()), {
      minLength: 2,
      maxLength: 16,
    }),
    fc.boolean(),
  )
  .map(([templates, entries, hasLabel]): TestStream[] => [
    {
      labels: { app: 'a', ...(hasLabel && { ts: 's' }) },
      entries: entries.map(([which, x, ts, hasLevel], i) => ({
        timestampNs: BigInt(i) * second,
        line: templates[which % templates.length]!(x, ts),
        metadata: hasLevel ? { lvl: 'error' } : {},
      })),
    },
  ])
const query = fc
  .tuple(
    fc.constantFrom('| json', '| logfmt'),
    fc.constantFrom('', '| y="1"', '| y!="1" or lvl="info"', '| y>0', '| ts="1"', '| __error__=""'),
    fc.constantFrom('', '| drop ts', '| drop ts, y="1"', '| drop lvl', '| drop __error__'),
    fc.constantFrom('x', 'x', 'x', 'duration(x)'),
    fc.constantFrom(
      ...['sum_over_time(@ [1m])', 'avg_over_time(@ [5s])', 'max_over_time(@ [3s]) without (ts)'],
      ...[
        'quantile_over_time(0.5, @ [9s])',
        'sum(avg_over_time(@ [5s]))',
        'last_over_time(@ [5s])',
      ],
    ),
  )
  .map(
    ([parser, filter, drop, label, aggregation]) =>
      (stage: string) =>
        aggregation.replace(
          '@',
          `{app="a"} ${stage} ${parser} ${filter} ${drop} | unwrap ${label}`,
        ),
  )

test('With and without rests the result is the same', async t => {
  let count = 0
  await fc.assert(
    fc.asyncProperty(query, streams, async (queryWith, loaded) => {
      const found = await jsonAnswer(queryWith(''), loaded)
      if (found.startsWith('[{')) count++
      // A stage that sets the line anew makes the pipeline run on each line.
      return found === (await jsonAnswer(queryWith('| line_format "{{__line__}}"'), loaded))
    }),
    { numRuns: 1_000, seed: 3 },
  )
  t.ok(count > 150, `${count} results have series`)
})
