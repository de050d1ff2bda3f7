// Runs all code that reads lines on lines made to be slow: stages, templates, fields and patterns.

import { defaultQueryLimits, detectFields, runPatterns, runQuery } from '@skald/query'
import { t as root, test } from 'tap'
import { createMemorySource } from '../packages/query/test/memory-source.ts'
import { expectAllLinear, repeat } from './linear-time.ts'

root.setTimeout(170_000)

const second = 1_000_000_000n
const never = new AbortController().signal

/** Runs a query over one line. */
const query = (logql: string) => (line: string) => {
  const source = createMemorySource([
    { labels: { app: 'x' }, entries: [{ timestampNs: 5n * second, line }] },
  ])
  return runQuery(
    {
      ...{ logql, startNs: 10n * second, endNs: 10n * second, stepNs: second, intervalNs: 0n },
      ...{ limit: 100, direction: 'backward' as const, isInstant: true },
      limits: defaultQueryLimits,
    },
    source,
    never,
  )
}
const count = (pipeline: string) => query(`sum(count_over_time({app="x"} ${pipeline}[10s]))`)
const lineTexts = {
  braces: repeat('{'),
  brackets: repeat('['),
  'nested objects': repeat('{"a":'),
  'equal fields': repeat('"a":"b",', { before: '{', after: '"c":"d"}' }),
  'fields that were cut': repeat('"a":"b",', { before: '{' }),
  'an open text': repeat('\\"', { before: '{"a":"' }),
  quotes: repeat('"'),
  backslashes: repeat('\\'),
  'escaped letters': repeat('\\u0061', { before: '{"a":"', after: '"}' }),
  pairs: repeat('a=b '),
  'pairs with quotes': repeat('a="b" '),
  'pairs that are open': repeat('a="', {}),
  'equal signs': repeat('='),
  spaces: repeat(' '),
  letters: repeat('a'),
  'letters and an end': repeat('a', { after: '!' }),
  words: repeat('a b '),
  'colour codes': repeat('\x1b[', {}),
  'half a colour code': repeat('1;', { before: '\x1b[' }),
  addresses: repeat('1.1.1.1 '),
  'half addresses': repeat('1.'),
  colons: repeat(':'),
  'halves of IPv6': repeat('a:'),
  'letters of four bytes': repeat('💩'),
  tags: repeat('<a> '),
}

test('every stage reads lines in linear time', async t => {
  const stages = [
    '| json',
    '| json a="a", b="b.c[0]"',
    '| json | a="b"',
    '| logfmt',
    '| logfmt --strict --keep-empty',
    '| logfmt a="a"',
    '| logfmt | a="b"',
    '| unpack',
    '| pattern "<a> <b>=<c>"',
    '| pattern "a<_>a<_>!"',
    '| regexp "(?P<a>a+)+!"',
    '| regexp "(?P<a>.*)=(?P<b>.*)!"',
    '|~ "(a|a)*!"',
    '|~ "a.*b.*c.*d"',
    '|> "<_>a<_>b<_>c<_>!"',
    '!> "<_> <_> <_>!"',
    '|= ip("10.0.0.0/8")',
    '|= ip("::1")',
    '| decolorize',
    '|= "ab" or "ba"',
  ]
  for (const stage of stages) await expectAllLinear(t, count(stage), lineTexts, stage)
})

test('templates read lines in linear time', async t => {
  const templates = [
    '{{ regexReplaceAll "(a+)+!" __line__ "x" }}',
    '{{ __line__ | replace "a" "bb" | trim | upper | title }}',
    '{{ __line__ | substr 1 5 | trunc 3 }}{{ __line__ | urlencode | urldecode }}',
    '{{ fromJson __line__ }}',
    '{{ __line__ | b64enc | b64dec }}{{ alignLeft 5 __line__ }}{{ indent 2 __line__ }}',
    '{{ range $i, $x := regexFindAll "a" __line__ }}{{ end }}',
    '{{ count "(a+)+" __line__ }}{{ contains "ab" __line__ }}',
  ]
  for (const template of templates) {
    await expectAllLinear(t, query(`{app="x"} | line_format \`${template}\``), lineTexts, template)
  }
})

test('fields and patterns of lines are found in linear time', async t => {
  const sourceOf = (line: string) =>
    createMemorySource([{ labels: { app: 'x' }, entries: [{ timestampNs: 5n * second, line }] }])
  const range = { startNs: 0n, endNs: 10n * second }
  const patterns = (line: string) =>
    runPatterns(
      { ...range, stepNs: second, logql: '{app="x"}', limits: defaultQueryLimits } as never,
      sourceOf(line),
      never,
    )
  await expectAllLinear(t, patterns, lineTexts, 'patterns')
  const detect = (line: string) =>
    detectFields(
      {
        ...range,
        logql: '{app="x"}',
        lineLimit: 10,
        fieldLimit: 10,
        limits: defaultQueryLimits,
      } as never,
      sourceOf(line),
      never,
    )
  await expectAllLinear(t, detect, lineTexts, 'detected fields')
})
