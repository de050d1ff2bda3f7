import { test } from 'tap'
import { parseYaml } from '../src/index.ts'
import { aliasedValuesMax } from '../src/limits.ts'

/** Returns the plain value of a text and its problems as `line:column message`. */
function read(text: string) {
  const { root, problems } = parseYaml(text)
  const { value } = root
  return { value, problems: problems.map(p => `${p.line}:${p.column} ${p.message}`) }
}

test('the plain value of a scalar follows YAML 1.1, and times stay text', async t => {
  const f = (text: string, want: unknown) =>
    t.strictSame(read(`a: ${text}`).value, { a: want }, text)
  f('yes', true)
  f('Off', false)
  f('"yes"', 'yes')
  f('80', 80)
  f('0x50', 80)
  f('0120', 80)
  f('8_0', 80)
  f('1.5e3', 1500)
  f('.inf', Number.POSITIVE_INFINITY)
  f('-.Inf', Number.NEGATIVE_INFINITY)
  f('.nan', Number.NaN)
  f("'80'", '80')
  f('!!str 80', '80')
  f('!!str', '')
  f('2024-01-01', '2024-01-01')
  f('1:30', '1:30')
  f('~', null)
  f('', null)
  f('|\n  80\n', '80\n')
  f('[1, {b: no}]', [1, { b: false }])
})

test('the name of a value is its path', async t => {
  const { root } = parseYaml('a: [{b: 1}]')
  t.equal(root.name, 'the configuration')
  t.equal(root.at(['a', '0', 'b']).name, 'a[0].b')
  t.equal(root.at(['a', '5', 'b']).name, 'a', 'the last one on the way that exists')
  t.equal(parseYaml('[{b: 1}]', 'the list').root.at(['0', 'b']).name, 'the list[0].b')
  t.equal(root.at(['a', '0', 'b']).remarkAtKey('x').column, 6)
})

test('merged maps give their keys, and own keys win', async t => {
  t.same(read('a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\n'), {
    value: { a: { x: 1, y: 2 }, b: { x: 1, y: 3 } },
    problems: [],
  })
  t.same(read('b: {<<: [{x: 1}, {x: 2, y: 2}]}').value, { b: { x: 1, y: 2 } })
  t.same(read('b: {"<<": 1}').value, { b: { '<<': 1 } }, 'a quoted key is a key')
  t.same(read('a: {<<: 5}').problems, ['1:5 << in a must name a map, found the number 5'])
})

test('a duplicate key is reported once, however often it is reached', async t => {
  const text = 'a: &a\n  x: 1\n  x: 2\nb: {<<: *a}\nc: *a\n'
  const { root, problems } = parseYaml(text)
  root.unjudged.pairs().flatMap(({ value }) => value.pairs())
  t.same(problems, [])
  root.value
  root.value
  t.same(
    problems.map(({ line, message }) => `${line} ${message}`),
    ['3 x is given twice in a: remove one of the two'],
  )
})

test('an alias means the nearest anchor before it, also as a key', async t => {
  t.same(read('a: &x 1\nb: *x\nc: &x 2\nd: *x\n').value, { a: 1, b: 1, c: 2, d: 2 })
  t.same(read('a: &k key\n*k : 1\n').value, { a: 'key', key: 1 })
  t.same(read('a: *none\nnone: &none 1\n').problems, [
    '1:4 *none names nothing: write &none before a value above it',
  ])
  t.same(read('a: &a [*a]\n').problems, [
    '1:8 *a is inside the value that &a names, which would never end',
  ])
})

test('aliases that expand beyond any sensible size are refused, many plain ones are not', async t => {
  const levels = ['a: &l0 [x, x, x, x, x, x, x, x, x, x]']
  for (let i = 1; i < 9; i++) {
    levels.push(`l${i}: &l${i} [${Array.from({ length: 10 }, () => `*l${i - 1}`).join(', ')}]`)
  }
  const { root, problems } = parseYaml(levels.join('\n'))
  t.ok(root)
  t.match(problems, [
    {
      line: 1,
      column: 1,
      message: `Aliases make this document more than ${aliasedValuesMax} values larger`,
    },
  ])
  const tenants = Array.from({ length: 5000 }, (_, i) => `t${i}: *l`)
  t.same(parseYaml(`l: &l {a: 1, b: 2}\n${tenants.join('\n')}`).problems, [])
})

test('an identity depends on values, not on how they are written', async t => {
  const identity = (text: string) => parseYaml(text).root.identity
  t.equal(identity('a: {b: [1, "2"]}'), identity('a:\n  b:\n    - "1"\n    - 2\n'))
  t.equal(identity('a: &a [1]\nb: *a'), identity('a: [1]\nb: [1]'))
  t.not(identity('a: 1'), identity('a: 2'))
  const many = Array.from({ length: 200 }, () => '*a').join(', ')
  t.match(identity(`a: &a [1]\nb: [${many}]`), /^\{"a":\["1"\],"b":/)
})

test('a name like __proto__ is a key like any other', async t => {
  t.same(Object.keys(read('__proto__: 1').value as object), ['__proto__'])
})
