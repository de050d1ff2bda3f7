import fc from 'fast-check'
import { test } from 'tap'
import { allLabels } from '../../src/pipeline/stage.ts'
import { compileLogfmt } from '../../src/stages/logfmt.ts'
import { labelsAfter, lineOf } from './line-of.ts'

const compile = (isStrict = false, keepsEmpty = false) =>
  compileLogfmt({ kind: 'logfmt', isStrict, keepsEmpty, extractions: [] }, allLabels)

test('logfmt makes labels of pairs and passes over damage', async t => {
  const f = (text: string, want: Record<string, string>) =>
    t.same(labelsAfter(compile(), lineOf(text, { app: 'x' })), { app: 'x', ...want }, text)
  f('', {})
  f('a=1 b="two words" c', { a: '1', b: 'two words' })
  f('a="x \\"y\\" \\u0041"', { a: 'x "y" A' })
  f('a=1 a=2', { a: '1' })
  f('app=y', { app_extracted: 'y' })
  f('a.b=1 2c=3', { a_b: '1', _2c: '3' })
  f('a=b=c d=1', { d: '1' })
  f('"a" b=1', { b: '1' })
  f('a="unterminated', {})
  f('a=1\tb=2\nc=3', { a: '1', b: '2', c: '3' })
})

test('logfmt --strict stops at damage, --keep-empty keeps keys without value', async t => {
  t.same(labelsAfter(compile(true), lineOf('a=1 =2 b=3')), {
    __error__: 'LogfmtParserErr',
    __error_details__: "logfmt syntax error at pos 5 : unexpected '='",
    a: '1',
  })
  t.same(labelsAfter(compile(true), lineOf('a="x')), {
    __error__: 'LogfmtParserErr',
    __error_details__: 'logfmt syntax error at pos 5 : unterminated quoted value',
  })
  t.same(labelsAfter(compile(false, true), lineOf('a b= c=""')), { a: '', b: '', c: '' })
})

test('logfmt reads back what was written as logfmt', async t => {
  const run = compile()
  const pairs = fc.dictionary(
    fc.stringMatching(/^[a-z][a-z0-9]{0,4}$/),
    fc.string({ unit: 'grapheme', minLength: 1 }).filter(text => !text.includes('\ufffd')),
  )
  fc.assert(
    fc.property(pairs, record => {
      const text = Object.entries(record)
        .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
        .join(' ')
      const got = labelsAfter(run, lineOf(text))
      return Object.entries(record).every(([key, value]) => got[key] === value)
    }),
    { numRuns: 1_000, seed: 9 },
  )
  t.pass('no difference')
})
