import { test } from 'tap'
import { withUniqueNames } from '../../src/regex/group-names.ts'
import { compileRegex } from '../../src/regex/regex.ts'

test('Groups may share a name, like in Go', t => {
  const f = (pattern: string, text: string, names: (string | undefined)[], groups: string[]) => {
    const regex = compileRegex(pattern)
    t.same(regex.groupNames, names, pattern)
    t.same([...regex.exec(text)!.groups], groups, pattern)
  }
  f('(?P<n>a)(?P<n>b)', 'xab', [undefined, 'n', 'n'], ['ab', 'a', 'b'])
  f('(?<n>a)(?P<n>b)(?P<g1>c)', 'abc', [undefined, 'n', 'n', 'g1'], ['abc', 'a', 'b', 'c'])
  f('(?P<1a>a)(?P<1a>b)', 'ab', [undefined, '1a', '1a'], ['ab', 'a', 'b'])
  // A group in a repetition is left to the reference engine.
  f('(?:(?P<n>a)|(?P<n>b))+', 'ab', [undefined, 'n', 'n'], ['ab', 'a', 'b'])
  t.ok(compileRegex('(?P<n>a)(?P<n>b)', { anchored: true }).test('ab'))
  t.notOk(compileRegex('(?P<n>a)(?P<n>b)', { anchored: true }).test('abc'))
  t.equal(compileRegex('(?P<n>a)(?P<n>b)').replaceAll('ab', '${n}'), 'b', 'the last one counts')
  t.end()
})

test('Only names of groups are changed, and only those that come again', t => {
  const f = (pattern: string, want: string) => t.equal(withUniqueNames(pattern).pattern, want)
  f('(?P<a>x)(?P<b>y)', '(?P<a>x)(?P<b>y)')
  f('(?P<a>x)(?P<a>y)(?P<a>z)', '(?P<a>x)(?P<g1>y)(?P<g2>z)')
  f('(?P<a>x)[(?P<a>](?P<a>y)', '(?P<a>x)[(?P<a>](?P<g1>y)')
  f('(?P<a>x)[](?P<a>[:alpha:](?P<a>](?P<a>y)', '(?P<a>x)[](?P<a>[:alpha:](?P<a>](?P<g1>y)')
  f('(?P<a>x)\\(?P<a>', '(?P<a>x)\\(?P<a>')
  f('(?P<a>x)\\Q(?P<a>\\E(?P<a>y)', '(?P<a>x)\\Q(?P<a>\\E(?P<g1>y)')
  f('(?P<g1>x)(?P<g1>y)', '(?P<g1>x)(?P<g2>y)')
  t.end()
})
