import fc from 'fast-check'
import { test } from 'tap'
import { cleanValue, sanitizeInnerName, sanitizeLabelName } from '../../src/pipeline/extraction.ts'
import { allLabels, type LabelNeeds } from '../../src/pipeline/stage.ts'
import { compileJson } from '../../src/stages/json.ts'
import { labelsAfter, lineOf } from './line-of.ts'

const all = () => compileJson({ kind: 'json', extractions: [] }, allLabels)
const some = (...names: string[]): LabelNeeds => ({
  names: new Set(names),
  stopsEarly: true,
})

test('json makes labels of fields, and reports damage', async t => {
  const f = (text: string, want: Record<string, string>) =>
    t.same(
      labelsAfter(all(), lineOf(text, { app: 'x' }, { meta: 'm' })),
      { app: 'x', meta: 'm', ...want },
      text,
    )
  f('{}', {})
  f(' { "a" : "b" , "c" : 1.50 } ', { a: 'b', c: '1.50' })
  f('{"a":true,"b":null,"c":[1],"d":{"e":{"f":"g"}}}', { a: 'true', d_e_f: 'g' })
  f('{"a b":"1","1x":"2","é":"3"}', { a_b: '1', _1x: '2', _: '3' })
  f('{"a":"\\u0041\\n\\"","\\u0062":"c"}', { a: 'A\n"', b: 'c' })
  f('{"a":"\\ud83d\\ude00","b":"\\ud800"}', { a: '😀', b: '' })
  f('{"app":"y","meta":"n"}', { app_extracted: 'y', meta_extracted: 'n' })
  f('{"a":1,"a":2}', { a: '1' })
  const error = (details: string, found = {}) => ({
    __error__: 'JSONParserErr',
    __error_details__: details,
    ...found,
  })
  f('', error("Value looks like object, but can't find closing '}' symbol"))
  f('[1]', error("Value looks like object, but can't find closing '}' symbol"))
  f('{"a"', error('Malformed JSON error'))
  f('{"a":"b', error(`Value is string, but can't find closing '"' symbol`))
  f('{"a":1,"b":x}', error('Unknown value type', { a: '1' }))
  f('{"a":1', error("Value is array, but can't find closing ']' symbol", { a: '1' }))
})

test('json takes what is needed, and then looks no further', async t => {
  const f = (text: string, names: string[], want: Record<string, string>) =>
    t.same(
      labelsAfter(compileJson({ kind: 'json', extractions: [] }, some(...names)), lineOf(text)),
      want,
      text,
    )
  f('{"a":1,"b":2}', ['b'], { b: '2' })
  f('{"a":1,"b":damaged', ['a'], { a: '1' })
  f('{"a":{"b":1,"c":2}}', ['a_c'], { a_c: '2' })
  f('not json', [], {})
  f('{"\\u0061":1}', ['a'], { a: '1' })
  f('{" a ":1}', ['a'], { a: '1' })
})

test('json with expressions takes values from their places', async t => {
  const f = (text: string, expression: string, want: Record<string, string>) =>
    t.same(
      labelsAfter(
        compileJson({ kind: 'json', extractions: [{ name: 'x', expression }] }, allLabels),
        lineOf(text),
      ),
      want,
      `${expression} of ${text}`,
    )
  f('{"a":{"b":[1,{"c":"d"}]}}', 'a.b[1].c', { x: 'd' })
  f('{"a":{"b":[1, 2]}}', 'a.b', { x: '[1, 2]' })
  f('{"a b":1}', '["a b"]', { x: '1' })
  f('[{"a":1},{"a":2}]', '[1].a', { x: '2' })
  f('{"a":null}', 'a', { x: '' })
  f('{"a":1}', 'b', { x: '' })
  f('{"a":1}{"b":2}', 'b', { x: '2' })
  f('', 'a', {})
  f('plain', 'a', { __error__: 'JSONParserErr' })
})

// Flattens as json does, by way of real values.
function flatten(value: object, prefix: string, found: Record<string, string>): void {
  for (const [key, inner] of Object.entries(value)) {
    const name = prefix === '' ? sanitizeLabelName(key) : sanitizeInnerName(prefix, key)
    if (inner === null || Array.isArray(inner)) continue
    if (typeof inner === 'object') flatten(inner, name, found)
    else if (name !== '' || key === '') found[name] ??= cleanValue(String(inner))
  }
}

const scalar = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
)
const objectOf = (key: fc.Arbitrary<string>) =>
  fc.letrec<{ object: Record<string, unknown> }>(tie => ({
    object: fc.dictionary(
      key,
      fc.oneof({ depthSize: 'small' }, scalar, fc.array(scalar, { maxLength: 2 }), tie('object')),
      { maxKeys: 5 },
    ),
  })).object
const object = objectOf(fc.stringMatching(/^[a-z][a-z0-9_.-]{0,5}$/))
// Different keys of these never become the same name.
const plainObject = objectOf(fc.constantFrom('a', 'b', 'c', 'x'))

test('json agrees with JSON.parse on whatever is valid', async t => {
  const run = all()
  fc.assert(
    fc.property(object, fc.boolean(), (value, isSpaced) => {
      const text = isSpaced ? JSON.stringify(value, undefined, 1) : JSON.stringify(value)
      const want: Record<string, string> = {}
      flatten(JSON.parse(text), '', want)
      const got = labelsAfter(run, lineOf(text))
      return JSON.stringify(sorted(got)) === JSON.stringify(sorted(want))
    }),
    { numRuns: 1_000, seed: 9 },
  )
  t.pass('no difference')
})

test('json that needs a few labels finds what json of all finds', async t => {
  fc.assert(
    fc.property(plainObject, fc.subarray(['a', 'b', 'c', 'a_b', 'x']), (value, names) => {
      const text = JSON.stringify(value)
      const limited = compileJson({ kind: 'json', extractions: [] }, some(...names))
      const want = labelsAfter(all(), lineOf(text))
      const got = labelsAfter(limited, lineOf(text))
      return names.every(name => got[name] === want[name])
    }),
    { numRuns: 500, seed: 9 },
  )
  t.pass('no difference')
})

function sorted(record: Record<string, string>): [string, string][] {
  return Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1))
}
