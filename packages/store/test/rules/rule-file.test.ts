import { test } from 'tap'
import { parse } from 'yaml'
import { readRuleFile, readRuleGroup } from '../../src/rules/rule-file.ts'
import { formatGroup, formatNamespaces } from '../../src/rules/rule-text.ts'

const problems = (text: string) =>
  readRuleFile(text).problems.map(({ line, column, message }) => `${line}:${column}: ${message}`)
const group = (rules: string) => `{name: a, rules: [${rules}]}`
const mistakes = (text: string) => readRuleGroup(text).problems.map(({ message }) => message)

const full = `groups:
  - name: web
    interval: 1m30s
    query_offset: 10s
    limit: 5
    labels: {team: web}
    rules:
      - alert: Errors
        expr: |
          sum by (app) (count_over_time({app="a"} |= "error" [5m]))
            > 10
        for: 1d
        keep_firing_for: 2m
        labels: {severity: "{{ $labels.app }}"}
        annotations: {summary: '{{ $value | humanize }} errors'}
      - record: app:lines:rate1m
        expr: sum by (app) (rate({app="a"}[1m]))
`

test('a file is read with all its keys, and written again with the same meaning', async t => {
  const { groups, problems: found, doubts } = readRuleFile(full)
  t.same([found, doubts], [[], []])
  t.match(groups, [
    {
      name: 'web',
      intervalMs: 90_000,
      queryOffsetMs: 10_000,
      limit: 5,
      rules: [
        { kind: 'alert', name: 'Errors', forMs: 86_400_000, keepFiringMs: 120_000, line: 8 },
        { kind: 'record', name: 'app:lines:rate1m', line: 16 },
      ],
    },
  ])
  const again = readRuleGroup(formatGroup(groups[0]!)).groups[0]!
  const lines = (one: typeof again) => ({ ...one, rules: one.rules.map(r => ({ ...r, line: 0 })) })
  t.same(lines(again), lines(groups[0]!))
  const listed = parse(formatNamespaces([['a/b "c"', groups]])) as Record<string, object[]>
  t.same(Object.keys(listed), ['a/b "c"'])
  t.match(listed['a/b "c"'], [{ name: 'web', interval: '1m30s', rules: [{ for: '1d' }, {}] }])
})

test('a group that would read other tenants is refused', async t => {
  t.match(problems('groups:\n  - name: a\n    source_tenants: [b]\n    rules: []\n'), [
    /^3:5: source_tenants: a rule reads the lines of its own tenant only; remove it/,
  ])
  t.match(mistakes('{name: a, source_tenants: [a, b], rules: []}'), [/^source_tenants: /])
  t.same(problems('groups:\n  - name: a\n    source_tenants: []\n    rules: []\n'), [])
})

test('every mistake of a file has its place', async t => {
  t.same(problems('groups:\n  - name: a\n    ruls: []\n'), [
    '3:5: Unknown key ruls in groups[0]: did you mean rules?',
  ])
  t.match(problems('group: []\n'), [
    /^1:1: Unknown key group in the file of rules: did you mean groups/,
  ])
  t.same(problems('groups:\n  - name: a\n    rules: []\n  - name: a\n    rules: []\n'), [
    '4:5: groupname: "a" is repeated in the same file',
  ])
  t.match(
    problems(
      'groups:\n  - name: a\n    rules:\n      - alert: x\n        expr: sum(\n        for: 5x\n',
    ),
    [/^6:9: for: not a valid duration string: "5x"/],
  )
  t.same(problems('groups:\n  - name: a\n    rules:\n      - alert: x\n        expr: sum(\n'), [
    "5:15: could not parse expression for alert 'x' in group 'a': parse error at line 1, col 5: syntax error: unexpected $end",
  ])
  t.match(problems('groups: [\n'), [/This is not YAML/])
})

// What Loki 3.7.6 answered to the same groups.
test("mistakes of a group have Loki's words", async t => {
  const f = (text: string, want: string) => t.same(mistakes(text), [want], text)
  f('name: ""', 'group 0: Groupname must not be empty')
  f(group('{alert: x}'), "field 'expr' must be set in rule")
  f(group('{expr: "1"}'), "one of 'record' or 'alert' must be set")
  f(group('{alert: x, record: y, expr: "1"}'), "only one of 'record' and 'alert' must be set")
  f(group('{record: "a b", expr: "1"}'), 'invalid recording rule name: a b')
  f(group('{record: a, expr: "1", for: 1m}'), "invalid field 'for' in recording rule")
  f(group('{alert: a, expr: "1", labels: {a-b: c}}'), 'invalid label name: a-b')
  f(group('{alert: a, expr: "1", annotations: {a-b: c}}'), 'invalid annotation name: a-b')
  f(
    group('{alert: a, expr: "1", annotations: {x: "{{ $foo }}"}}'),
    'annotation "x": template: __alert_a:1: undefined variable "$foo"',
  )
  f(
    group('{alert: a, expr: "1", annotations: {x: "{{ foo }}"}}'),
    'annotation "x": template: __alert_a:1: function "foo" not defined',
  )
  t.same(mistakes('name: a'), [])
  t.same(mistakes(`{name: a, unknown: 1, rules: [{alert: a, expr: "1"}]}`), [])
})

test('a rule whose query gives lines can be loaded, and is a doubt', async t => {
  const { problems: found, doubts } = readRuleFile(
    'groups:\n  - name: a\n    rules:\n      - alert: x\n        expr: \'{app="a"} |= "error"\'\n',
  )
  t.same(found, [])
  t.match(doubts, [{ line: 5, message: /^this query gives lines, not numbers/ }])
})
