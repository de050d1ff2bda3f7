import { test } from 'tap'
import { allLabels } from '../../src/pipeline/stage.ts'
import { compileDecolorize } from '../../src/stages/decolorize.ts'
import { compileDropKeep } from '../../src/stages/drop-keep.ts'
import { compileLabelFormat } from '../../src/stages/label-format.ts'
import { compilePattern } from '../../src/stages/pattern.ts'
import { compileRegexp } from '../../src/stages/regexp.ts'
import { compileUnpack } from '../../src/stages/unpack.ts'
import { compileUnwrap } from '../../src/stages/unwrap.ts'
import { labelsAfter, lineOf } from './line-of.ts'

test('pattern cuts the line at the texts between captures', async t => {
  const f = (pattern: string, text: string, want: Record<string, string>) =>
    t.same(
      labelsAfter(compilePattern({ kind: 'pattern', pattern }, allLabels), lineOf(text)),
      want,
      `${pattern} on ${text}`,
    )
  f('<a> <b>', 'x y z', { a: 'x', b: 'y z' })
  f('<_> <b>', 'x y', { b: 'y' })
  f('[<a>] <b>', '[x] y', { a: 'x', b: 'y' })
  f('[<a>] <b>', 'x y', {})
  f('<a>,<b>;<c>', 'x,y', { a: 'x', b: 'y' })
  f('<a> end', 'x end more', { a: 'x' })
  f('<a>', '', {})
})

test('regexp takes named groups of the first match', async t => {
  const f = (pattern: string, text: string, want: Record<string, string>) =>
    t.same(
      labelsAfter(compileRegexp({ kind: 'regexp', pattern }, allLabels), lineOf(text)),
      want,
      `${pattern} on ${text}`,
    )
  f('(?P<a>\\d+)(?P<b>x)?', 'n 12', { a: '12', b: '' })
  f('(?P<a>\\d+)', 'none', {})
  f('(\\w)(?P<a>\\w)', 'xy', { a: 'y' })
})

test('unpack replaces the line only where there is an entry', async t => {
  const run = compileUnpack({ kind: 'unpack' }, allLabels)
  const packed = lineOf('{"a":"b","n":1,"_entry":"the \\"line\\""}')
  t.same(labelsAfter(run, packed), { a: 'b' })
  t.equal(packed.text, 'the "line"')
  const plain = lineOf('{"a":"b"}')
  t.same(labelsAfter(run, plain), {})
  t.equal(plain.text, '{"a":"b"}')
})

test('drop and keep work on every kind of label; errors are kept', async t => {
  const line = () => {
    const one = lineOf('', { app: 'x', env: 'y' }, { trace: 't' })
    one.labels.set('level', 'info')
    one.labels.setError('JSONParserErr', 'why')
    return one
  }
  const drop = (...names: string[]) =>
    labelsAfter(compileDropKeep({ kind: 'drop', picks: names.map(name => ({ name })) }), line())
  const errors = { __error__: 'JSONParserErr', __error_details__: 'why' }
  t.same(drop('app', 'trace', 'level'), { env: 'y', ...errors })
  t.same(drop('__error__', 'none'), {
    app: 'x',
    env: 'y',
    level: 'info',
    trace: 't',
    __error_details__: 'why',
  })
  const keep = compileDropKeep({
    kind: 'keep',
    picks: [
      { name: 'app', matcher: { name: 'app', op: '=', value: 'z' } },
      { name: 'env', matcher: { name: 'env', op: '=~', value: 'y|z' } },
      { name: 'level' },
    ],
  })
  t.same(labelsAfter(keep, line()), { env: 'y', level: 'info', ...errors })
})

test('label_format renames and sets; its templates see the labels as they were', async t => {
  const f = (items: Parameters<typeof compileLabelFormat>[0]['items'], want: object) =>
    t.same(
      labelsAfter(
        compileLabelFormat({ kind: 'labelFormat', items }),
        lineOf('', { a: '1', b: '2' }),
      ),
      want,
    )
  f([{ kind: 'rename', name: 'c', value: 'a' }], { b: '2', c: '1' })
  f([{ kind: 'rename', name: 'c', value: 'none' }], { a: '1', b: '2' })
  f([{ kind: 'rename', name: 'a', value: 'a' }], { b: '2' })
  f(
    [
      { kind: 'template', name: 'c', value: '{{.a}}' },
      { kind: 'template', name: 'd', value: '<{{.c}}>' },
    ],
    { a: '1', b: '2', c: '1', d: '<>' },
  )
})

test('decolorize takes escape sequences away, and stays quick on strange ones', async t => {
  const f = (text: string, want: string) => {
    const line = lineOf(text)
    compileDecolorize()(line)
    t.equal(line.text, want)
  }
  f('\u001b[31mred\u001b[0m', 'red')
  f('\u001b[1;31mbold\u001b[m', 'bold')
  f('\u001b]0;title\u0007text', 'text')
  f('plain', 'plain')
  f(`\u001b${';'.repeat(20_000)}`, `\u001b${';'.repeat(20_000)}`)
})

test('unwrap converts a label, or leaves the line out', async t => {
  const f = (
    value: string | undefined,
    conversion: 'bytes' | 'duration' | undefined,
    want: unknown,
  ) => {
    const line = lineOf('', value === undefined ? {} : { x: value })
    const unwrap = compileUnwrap({ label: 'x', ...(conversion && { conversion }), filters: [] })
    t.equal(unwrap(line), want, `${conversion} of ${value}`)
    return line.labels.error
  }
  t.equal(f('1.5', undefined, 1.5), '')
  t.equal(f('1500ms', 'duration', 1.5), '')
  t.equal(f('2KB', 'bytes', 2000), '')
  t.equal(f(undefined, undefined, undefined), '')
  t.equal(f('x', undefined, 0), 'SampleExtractionErr')
})
