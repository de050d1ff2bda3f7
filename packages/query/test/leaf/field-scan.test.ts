import fc from 'fast-check'
import { test } from 'tap'
import { createFieldScans } from '../../src/leaf/field-scan.ts'
import { labelNeeds } from '../../src/leaf/sample-needs.ts'
import { BlockText } from '../../src/pipeline/block-text.ts'
import { definitionOf } from '../../src/stages/stage-table.ts'
import { parseLogql } from '../../src/syntax/parser.ts'
import type { RangeAggregation } from '../../src/syntax-tree/ast.ts'
import type { TestStream } from '../memory-source.ts'
import { jsonAnswer } from './json-answer.ts'

const second = 1_000_000_000n

function textOf(...lines: string[]): BlockText {
  const offsets = new Uint32Array(lines.length + 1)
  for (const [i, line] of lines.entries())
    offsets[i + 1] = offsets[i]! + Buffer.byteLength(line) + 1
  const bytes = Buffer.from(lines.map(line => `${line}\n`).join(''))
  return new BlockText({ bytes, offsets }, lines.length)
}

function queryOf(logql: string) {
  const expr = parseLogql(logql) as RangeAggregation
  const grouping = expr.grouping ?? { without: false, labels: [] }
  const needs = labelNeeds(expr, grouping)
  return { stages: expr.log.stages, needs, grouping, unwrap: expr.unwrap }
}

test('An aggregation that keeps one label reads no other label of a line', async t => {
  const f = (
    stages: string,
    line: string,
    values: (string | undefined)[] | 'left to the pipeline',
  ) => {
    const { stages: parsed } = queryOf(`count_over_time({a="b"} ${stages} [1m])`)
    const wanted = { names: ['status', 'user'], sampled: -1, areAll: true }
    const reader = definitionOf(parsed[0]!).fields!(parsed[0]!, wanted)!
    const isRead = reader.read(textOf('first line', line, 'last "line"'), 1)
    t.same(isRead ? [...reader.values.texts] : 'left to the pipeline', values, `${stages}: ${line}`)
  }
  f('| json', '{"x":"y","status":500,"user":"joe"}', ['500', 'joe'])
  f('| json', '{"status": "500", "user": "joe", damaged', ['500', 'joe'])
  f('| json', '{"x":"y" , "status":500 ,"z":[1,{"status":2}],"o":{"user":3},"n":null,"t":true}', [
    '500',
    undefined,
  ])
  f('| json', '{"status":1,"status":2,"user":3}', ['1', '3'])
  f('| json', '{"status":1,"user":"é"}', ['1', 'é'])
  f('| json', '{"user":1.5s,"status":2}', ['2', '1.5s'])
  f('| json', '{"user":1]"status":2}', 'left to the pipeline')
  f('| json', '{"user":1\u0001,"status":2}', 'left to the pipeline')
  f('| json', '{"status":500', 'left to the pipeline')
  f('| json', '{"status":500 "user":1}', 'left to the pipeline')
  f('| json', '{"status":"5\\u0030"}', 'left to the pipeline')
  f('| json', '{"status":{"a":1}}', 'left to the pipeline')
  f('| json', '{"x":"not ended}', 'left to the pipeline')
  f('| json', 'plain', 'left to the pipeline')
  f('| logfmt', 'x=y status=500 user="joe m" z', ['500', 'joe m'])
  f('| logfmt', 'x status= user=""', [undefined, undefined])
  f('| logfmt', 'status=1 status=2', ['1', undefined])
  f('| logfmt', 'msg="a \\" status=1"', 'left to the pipeline')
  f('| logfmt', 'a=b=c status=1', 'left to the pipeline')
  f('| logfmt', 'msg="not ended status=1', 'left to the pipeline')
  f('| pattern "<_> <status>, <user>"', 'a 500, joe and more', ['500', 'joe and more'])
  f('| pattern "<_> <status>, <user>"', 'a 500', ['500', undefined])
  f('| pattern "x <_> <status> <user>"', 'a 500', [undefined, undefined])
  f('| regexp "(?P<status>\\\\d+)( (?P<user>\\\\w+))?"', 'a 500 joe', ['500', 'joe'])
  f('| regexp "(?P<status>\\\\d+)( (?P<user>\\\\w+))?"', 'a 500', ['500', ''])
  f('| regexp "(?P<status>\\\\d+)( (?P<user>\\\\w+))?"', 'a', [undefined, undefined])
})

test('The fast path runs if one parser and its filters are enough', async t => {
  const f = (logql: string, isTaken: boolean) => {
    const scans = createFieldScans(queryOf(logql), () => {
      throw new Error('no line, no series')
    })
    t.equal(scans !== undefined, isTaken, logql)
  }
  f('count_over_time({a="b"} | json | status>=500 [1m])', true)
  f('count_over_time({a="b"} | json | status>=500 or x="y" and z!~"a.c" [1m])', true)
  f('count_over_time({a="b"} | json | status>=500 or x="y" and z>1 [1m])', false)
  f('quantile_over_time(0.9, {a="b"} | logfmt | unwrap duration(x) [1m]) by (y)', true)
  f('max_over_time({a="b"} | pattern "<x> <_>" | x>1 | unwrap x [1m]) by (app)', true)
  f('count_over_time({a="b"} | json | decolorize | status>=500 [1m])', false)
  f('count_over_time({a="b"} | json | logfmt | status>=500 [1m])', false)
  f('count_over_time({a="b"} | json | __error__="" [1m])', false)
  f('count_over_time({a="b"} | json x="y" | x>=500 [1m])', false)
  f('count_over_time({a="b"} | logfmt --strict | x>=500 [1m])', false)
  f('count_over_time({a="b"} | json | x=ip("10.0.0.1") [1m])', false)
  f('max_over_time({a="b"} | json | unwrap x [1m]) by (x)', false)
  f('max_over_time({a="b"} | json | unwrap x | __error__="" [1m]) by (y)', false)
})

const keys = fc.constantFrom('x', 'y', 'lvl', 'app', 'env', 'xx', 'x_y', '', 'x y', 'é', 'x\\u0061')
const value = fc.constantFrom(
  ...['1', '12.5', '-3', '1e3', '7ms', '1.5s', '1h2m', '3KB', 'a', '', 'é', '\ufffd', 'error', '0'],
  ...['1234567890123456789', '.5', '5.', '1..2', 'a b', 'a\\"b', '\\n', '[1]', '{', 'null', 'NaN'],
)
const jsonValue = fc.oneof(
  value.map(text => `"${text}"`),
  value,
  fc.constantFrom('[1,"]"]', '{"y":1}', '{"a":{"b":"}"}}', 'true', 'nul', ' 3 ', '"'),
)
const jsonLine = fc
  .array(fc.tuple(keys, jsonValue, fc.constantFrom(':', ': ', ' : ', '')), { maxLength: 6 })
  .chain(fields =>
    fc
      .constantFrom(',', ', ', ' , ', ' ')
      .map(comma => `{${fields.map(([k, v, colon]) => `"${k}"${colon}${v}`).join(comma)}}`),
  )
const logfmtLine = fc
  .array(
    fc.tuple(
      keys,
      fc.oneof(
        value,
        value.map(text => `"${text}"`),
      ),
      fc.constantFrom('=', '= ', ''),
    ),
    { maxLength: 6 },
  )
  .map(fields => fields.map(([k, v, sign]) => `${k}${sign}${v}`).join(' '))
const cut = fc.tuple(fc.oneof(jsonLine, logfmtLine), fc.nat(60), fc.boolean())
const anyLine = cut.map(([line, at, isCut]) => (isCut ? line.slice(0, at) : line))
const streams = fc
  .array(fc.tuple(anyLine, fc.boolean()), { minLength: 1, maxLength: 12 })
  .map((entries): TestStream[] => [
    {
      labels: { app: 'a' },
      entries: entries.map(([line, hasLevel], i) => ({
        timestampNs: BigInt(i) * second,
        line,
        metadata: hasLevel ? { lvl: 'error' } : {},
      })),
    },
  ])
const parser = fc.constantFrom(
  '| json',
  '| logfmt',
  '| pattern "<_>\\"<x>\\"<y>,<_>"',
  '| pattern "<x>=<y> <lvl>"',
  '| regexp "(?P<x>[a-z]+).(?P<y>\\\\d*)"',
)
const filter = fc.constantFrom(
  ...[
    '',
    '| x>1',
    '| x="1" or y!="a"',
    '| y>=1ms',
    '| x<2KB and y=~".*"',
    '| app="a"',
    '| lvl="error"',
  ],
)
const aggregation = fc.constantFrom(
  ...['sum(count_over_time(@ [1m]))', 'sum by (x) (count_over_time(@ [1m]))'],
  ...['sum by (y,app) (rate(@ [1m]))', 'sum by (lvl) (bytes_over_time(@ [1m]))'],
  ...[
    'max_over_time(@ | unwrap x [1m]) by (y)',
    'avg_over_time(@ | unwrap duration(x) [1m]) by (app)',
  ],
  ...[
    'quantile_over_time(0.5, @ | unwrap bytes(x) [5s]) by (lvl)',
    'absent_over_time(@ | unwrap x [1m])',
  ],
)

test('The fast path and the pipeline give the same result', async t => {
  await fc.assert(
    fc.asyncProperty(
      fc.tuple(parser, filter, aggregation),
      streams,
      async ([parse, filtered, aggregate], loaded) => {
        const withPipeline = (stage: string) =>
          aggregate.replace('@', `{app="a"} ${stage} ${parse} ${filtered}`)
        // A stage that sets the line anew keeps the query off the fast path, and the parser off stored bytes.
        return (
          (await jsonAnswer(withPipeline(''), loaded)) ===
          (await jsonAnswer(withPipeline('| line_format "{{__line__}}"'), loaded))
        )
      },
    ),
    { numRuns: 1_000, seed: 11 },
  )
  t.pass('all the same')
})
