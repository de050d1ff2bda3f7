import fc from 'fast-check'
import { test } from 'tap'
import {
  compareLabelSets,
  createLabelSet,
  createMetadata,
  formatLabelSet,
  hashLabelSet,
  isLabelName,
  LabelSyntaxError,
  labelSetToObject,
  labelValue,
  normaliseLabelName,
  parseLabelSet,
} from '../src/index.ts'

const names = fc.stringMatching(/^[a-zA-Z_][a-zA-Z0-9_]{0,12}$/)
const pairs = fc.dictionary(names, fc.string({ unit: 'grapheme' }))

test('createLabelSet sorts names, drops empty values, and keeps the last value of a name', async t => {
  t.same(createLabelSet({ b: '2', a: '1', c: '' }), [
    { name: 'a', value: '1' },
    { name: 'b', value: '2' },
  ])
  t.same(
    createLabelSet([
      ['a', '1'],
      ['a', '2'],
    ]),
    [{ name: 'a', value: '2' }],
  )
  t.same(
    createLabelSet([
      ['a', '1'],
      ['a', ''],
    ]),
    [],
  )
})

test('a label set is the same after its text was written and read', async t => {
  fc.assert(
    fc.property(pairs, object => {
      const labels = createLabelSet(object)
      t.same(parseLabelSet(formatLabelSet(labels)), labels)
    }),
  )
  t.pass()
})

test('formatLabelSet writes what Prometheus prints', async t => {
  t.equal(formatLabelSet([]), '{}')
  t.equal(formatLabelSet(createLabelSet({ b: 'x"y\\z\n', a: '값' })), '{a="값", b="x\\"y\\\\z\\n"}')
})

test('parseLabelSet reads any order and spacing', async t => {
  const want = createLabelSet({ a: '1', b: '2' })
  for (const text of ['{a="1",b="2"}', ' { b = "2" , a="1" , } ', '{b=`2`,a="\\x31"}']) {
    t.same(parseLabelSet(text), want, text)
  }
})

test('parseLabelSet reports where a text is wrong', async t => {
  const at = (text: string): string => {
    try {
      parseLabelSet(text)
      return 'accepted'
    } catch (error) {
      t.ok(error instanceof LabelSyntaxError)
      return (error as Error).message
    }
  }
  t.match(at('{a-b="x"}'), "1:3: parse error: unexpected character inside braces: '-'")
  t.match(at('{1a="x"}'), "1:2: parse error: unexpected character inside braces: '1'")
  t.match(at('{값="x"}'), "1:2: parse error: unexpected character inside braces: '값'")
  t.match(at('{a="x"'), /^1:7: parse error: unexpected end of input/)
  t.match(at('{a="x", a="y"}'), /label a is given twice/)
  t.match(at('{a="\\q"}'), /bad escape/)
  t.match(at('{a="x"} b'), /unexpected character after/)
  t.match(at('{a="x",\n b}'), /^2:3: parse error/)
})

test('hashLabelSet is FNV-1a over the canonical text', async t => {
  const reference = (text: string) => {
    let hash = 0xcbf29ce484222325n
    for (const byte of Buffer.from(text)) {
      hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn
    }
    return hash.toString(16).padStart(16, '0')
  }
  fc.assert(
    fc.property(pairs, object => {
      const labels = createLabelSet(object)
      t.equal(hashLabelSet(labels), reference(formatLabelSet(labels)))
    }),
  )
  t.equal(hashLabelSet(createLabelSet({ a: 'b' })), 'af43dab7f44bcaa1', 'and never changes')
})

test('labelValue, labelSetToObject and compareLabelSets', async t => {
  const labels = createLabelSet({ app: 'x', env: 'dev' })
  t.equal(labelValue(labels, 'env'), 'dev')
  t.equal(labelValue(labels, 'nosuch'), '')
  t.same(labelSetToObject(labels), { app: 'x', env: 'dev' })
  const sorted = [{}, { a: '1' }, { a: '1', b: '1' }, { a: '2' }, { b: '0' }].map(createLabelSet)
  t.same([...sorted].reverse().sort(compareLabelSets), sorted)
})

test('createMetadata drops pairs without name or value', async t => {
  t.same(
    createMetadata([
      ['b', ''],
      ['', '1'],
      ['a', '1'],
      ['a', '2'],
    ]),
    [{ name: 'a', value: '2' }],
  )
})

test('isLabelName follows [a-zA-Z_][a-zA-Z0-9_]*', async t => {
  for (const name of ['a', '_', 'A_9', '__name__']) t.ok(isLabelName(name), name)
  for (const name of ['', '9a', 'a-b', 'a.b', 'é']) t.notOk(isLabelName(name), name)
})

test('normaliseLabelName', async t => {
  const f = (name: string, want: string) => t.equal(normaliseLabelName(name), want, name)
  f('traceID', 'traceID')
  f('http.status', 'http_status')
  f('a-b c', 'a_b_c')
  f('1st', 'key_1st')
  f('1', 'key_1')
  f('_private', '_private')
  f('__name', '_name')
  f('__name__', '__name__')
  f('__a.b__', '__a_b__')
  f('a..b__c', 'a_b_c')
  f('a_', 'a_')
  f('값', '_')
  f('', '')
})
