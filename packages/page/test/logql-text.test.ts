import { test } from 'tap'
import {
  addMatcher,
  addStage,
  faultOf,
  filterField,
  kindOf,
  marksOf,
  selectorOf,
} from '../src/logql/logql-text.ts'

test('a query that begins with a selector yields lines, any other yields samples', async t => {
  t.equal(kindOf('{app="x"} | json'), 'lines')
  t.equal(kindOf('  ({app="x"})'), 'lines')
  t.equal(kindOf('rate({app="x"}[5m])'), 'samples')
  t.equal(kindOf('vector(1)'), 'samples')
})

test('the selector ends at its brace, not at one in quotes', async t => {
  t.equal(selectorOf('rate({a="}", b=`{`} |= "}" [5m])'), '{a="}", b=`{`}')
  t.equal(selectorOf('{a="\\"}"} | json'), '{a="\\"}"}')
  t.equal(selectorOf('vector(1)'), '')
})

test('a matcher is added once, and replaces what it contradicts', async t => {
  const f = (query: string, operator: string, want: string) =>
    t.equal(addMatcher(query, 'app', operator, 'x "y"'), want)
  f('{}', '=', '{app="x \\"y\\""}')
  f('{pod="p",}', '=', '{pod="p", app="x \\"y\\""}')
  f('{app="x \\"y\\""}', '=', '{app="x \\"y\\""}')
  f('{app != "x \\"y\\"", pod="p"} | json', '=', '{pod="p", app="x \\"y\\""} | json')
  f('{app=~".+"}', '!=', '{app!="x \\"y\\""}')
  f('rate({pod="p"}[5m])', '=', 'rate({pod="p", app="x \\"y\\""}[5m])')
  f('vector(1)', '=', '{app="x \\"y\\""}')
})

test('a stage goes to the end of the pipeline, also inside of a metric query', async t => {
  t.equal(addStage('{a="b"}', '| json'), '{a="b"} | json')
  t.equal(addStage('{a="b"} | json', '| json'), '{a="b"} | json')
  t.equal(
    addStage('sum(rate({a="b"} |= "[x]" [5m]))', '| json'),
    'sum(rate({a="b"} |= "[x]" | json [5m]))',
  )
})

test('a filter for a field brings its parser, and takes the place of the opposite', async t => {
  const field = (origin: 'label' | 'json' | 'metadata') => ({ name: 'a', value: '1', origin })
  t.equal(filterField('{x="y"}', field('json'), true), '{x="y"} | json | a="1"')
  t.equal(filterField('{x="y"} | json', field('json'), false), '{x="y"} | json | a!="1"')
  t.equal(filterField('{x="y"} | json | a!="1"', field('json'), true), '{x="y"} | json | a="1"')
  t.equal(filterField('{x="y"}', field('metadata'), true), '{x="y"} | a="1"')
  t.equal(filterField('{x="y"}', field('label'), false), '{x="y", a!="1"}')
})

test('marks are what the line filters look for', async t => {
  const found = (query: string, line: string) => [...line.matchAll(marksOf(query)!)].map(([m]) => m)
  t.same(found('{a="b"} |= "x.y" or "z"', 'x.y xay z'), ['x.y', 'z'])
  t.same(found('{a="b"} |~ "(?i)err\\\\w+"', 'ERRor'), ['ERRor'])
  t.equal(marksOf('{a="b"} != "x"'), undefined)
  t.equal(marksOf('{a="b"} |~ "(?P<x>["'), undefined, 'no expression of a browser')
  t.equal(marksOf('{a="b"} |= ""'), undefined)
})

test('an error is underlined where the store says', async t => {
  const query = '{a="b"}\n| json | | x'
  const fault = faultOf('parse error at line 2, col 10: syntax error: unexpected |', query)
  t.match(fault, { from: 17, to: 18 })
  t.match(faultOf('something else', 'abc'), { from: 0, to: 3 })
  t.match(faultOf('parse error at line 9, col 99: x', 'abc'), { from: 2, to: 3 })
})
