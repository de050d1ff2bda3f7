import type { NeededTexts } from '@skald/go-dialect/regex/needed-texts'
import { createLabelSet, type Matcher } from '@skald/wire'
import { compileMatcher, compileMatchers } from '@skald/wire/compile-matcher'
import { test } from 'tap'
import {
  compileFilterMatcher,
  listedValues,
  textsOfValues,
} from '../../src/pipeline/label-regex.ts'

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

test('A value that a label filter accepts has the texts that are expected of it', t => {
  let state = 5
  const below = (limit: number) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff
    return Math.floor((state / 0x80000000) * limit)
  }
  const pick = (choices: readonly string[]) => choices[below(choices.length)]!
  const piece = (depth: number): string =>
    depth > 0 && below(3) === 0
      ? `(${branches(depth - 1)})`
      : pick(['foo', 'fox', 'f', 'bar', 'a', 'b', '', '.*', '.+', '[ab]', 'x?', '(?i:fo)', '\\.'])
  const branch = (depth: number): string => piece(depth) + (below(2) === 0 ? piece(depth) : '')
  const branches = (depth: number): string =>
    Array.from({ length: 1 + below(3) }, () => branch(depth)).join('|')
  const holds = (texts: NeededTexts, value: string): boolean => {
    if (texts.kind === 'text') {
      return (texts.ignoresCase ? value.toLowerCase() : value).includes(texts.text)
    }
    const test = (inner: NeededTexts) => holds(inner, value)
    return texts.kind === 'all' ? texts.of.every(test) : texts.of.some(test)
  }
  let listed = 0
  let needed = 0
  for (let n = 0; n < 4_000; n++) {
    const matcher = { name: 'a', op: '=~', value: branches(2) } as const
    const accepts = compileFilterMatcher(matcher)
    const values = listedValues(matcher)
    const texts = textsOfValues(matcher.value)
    for (let k = 0; k < 6; k++) {
      const value = Array.from({ length: below(4) }, () =>
        pick(['foo', 'fox', 'FO', 'bar', 'a', 'b', 'x', '.']),
      ).join('')
      if (!accepts(value)) continue
      if (values && !values.includes(value)) t.fail(`${matcher.value} lists ${value}`)
      if (texts && !holds(texts, value)) t.fail(`${matcher.value} needs texts of ${value}`)
      listed += values ? 1 : 0
      needed += texts ? 1 : 0
    }
  }
  t.ok(listed > 40, `${listed} values of lists`)
  t.ok(needed > 400, `${needed} values with texts`)
  t.end()
})
