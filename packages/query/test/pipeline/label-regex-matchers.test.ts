import { createLabelSet, type Matcher } from '@skald/wire'
import { compileMatcher, compileMatchers } from '@skald/wire/compile-matcher'
import { test } from 'tap'
import { compileFilterMatcher } from '../../src/pipeline/label-regex.ts'

test('Matchers compare whole values', async t => {
  const f = (op: Matcher['op'], value: string, text: string, want: boolean) =>
    t.equal(compileMatcher({ name: 'a', op, value })(text), want, `${op} ${value} on ${text}`)
  f('=', 'x', 'x', true)
  f('!=', 'x', '', true)
  f('=~', 'a|b', 'ab', false)
  f('=~', 'a.*', 'abc', true)
  f('!~', 'a.*', 'abc', false)
  f('=~', '', '', true)
  t.throws(() => compileMatcher({ name: 'a', op: '=~', value: '(' }), { code: 'REGEX_SYNTAX' })
})

test('compileMatchers passes if all matchers do; a missing label is empty', async t => {
  const matches = compileMatchers([
    { name: 'a', op: '=', value: 'x' },
    { name: 'b', op: '!=', value: 'y' },
  ])
  t.ok(matches(createLabelSet({ a: 'x' })))
  t.notOk(matches(createLabelSet({ a: 'x', b: 'y' })))
})

test('Label filters are not anchored in the forms that Loki simplifies', async t => {
  const f = (value: string, text: string, want: boolean) => {
    t.equal(compileFilterMatcher({ name: 'a', op: '=~', value })(text), want, `${value} on ${text}`)
    t.equal(compileFilterMatcher({ name: 'a', op: '!~', value })(text), !want)
  }
  f('err.*', 'xerr1', true)
  f('.*err', 'xerr1', true)
  f('error|err', 'xerr1', true)
  f('foo|bar', 'xfoo', false)
  f('foo|bar', 'foo', true)
  f('e.+', 'xe1', false)
  f('.+', '', false)
  f('.*', '', true)
  f('5..', '5000', false)
})
