// Runs all code for untrusted texts on inputs made to be slow: bodies of pushes, lines, queries,
// patterns, templates, configurations. (packages/agent/test/linear.test.ts covers the agent.)

import { expandEnvironment } from '@skald/config-reading'
import { parseGoDuration, parseGoTime, parseRfc3339 } from '@skald/go-dialect'
import { compileRegex } from '@skald/go-dialect/regex/regex'
import {
  defaultQueryLimits,
  detectFields,
  parseLogql,
  parseSelector,
  runPatterns,
  runQuery,
} from '@skald/query'
import { loadStoreConfig } from '@skald/store'
import { decodeJsonPush, decodeLegacyJsonPush, parseLabelSet, snappyDecompress } from '@skald/wire'
import { decodeOtlpJsonLogs } from '@skald/wire/otlp-json'
import { t as root, test } from 'tap'
import { createMemorySource } from '../packages/query/test/memory-source.ts'
import { expectLinear, repeat } from './linear-time.ts'

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

async function checkAll(
  t: Parameters<typeof expectLinear>[0],
  read: (text: string) => unknown,
  texts: Readonly<Record<string, (size: number) => string>>,
  what: string,
): Promise<void> {
  for (const [name, make] of Object.entries(texts)) {
    await expectLinear(t, `${what}, ${name}`, { input: make, run: read })
  }
}

const jsonTexts = {
  'escaped quotes': repeat('\\"', { before: '{"streams":["' }),
  backslashes: repeat('\\', { before: '{"streams":["' }),
  'open braces': repeat('{"a":', { before: '{"streams":' }),
  'open brackets': repeat('[', { before: '{"streams":' }),
  quotes: repeat('"', { before: '{"streams":' }),
  'pairs that were cut': repeat('"a":"b",', { before: '{' }),
  'an inner object that was cut': repeat('{\\"a\\":\\"b\\"},', {
    before: '{"streams":[{"stream":{},"values":[["1","',
  }),
  'closed objects': repeat('{}', { before: '{}' }),
  'equal keys': repeat('"a":1,', { before: '{', after: '"a":1}' }),
  spaces: repeat(' ', { before: '{', after: 'x' }),
  'an escaped key': repeat('\\u0061', { before: '{"', after: '":1}' }),
}

test('bodies of pushes are read in linear time', async t => {
  const decoding = { mapping: { resource: [], scope: [], log: [], ignoreDefaults: false } }
  await checkAll(t, text => decodeJsonPush(Buffer.from(text)), jsonTexts, 'JSON push')
  await checkAll(t, text => decodeLegacyJsonPush(Buffer.from(text)), jsonTexts, 'older JSON push')
  const readOtlp = (text: string) =>
    decodeOtlpJsonLogs(Buffer.from(text), { ...decoding, nowNs: 0n } as never)
  await checkAll(t, readOtlp, jsonTexts, 'OTLP in JSON')
  await checkAll(
    t,
    text => decodeJsonPush(Buffer.from(text)),
    {
      'a nested label value': length =>
        `{"streams":[{"stream":{"a":${'['.repeat(length / 2)}${']'.repeat(length / 2)}},"values":[]}]}`,
      'numbers as label values': repeat('"a":1.0,', {
        before: '{"streams":[{"stream":{',
        after: '"b":1},"values":[]}]}',
      }),
      'many streams with numbers': repeat('{"stream":{"a":1}},', {
        before: '{"streams":[',
        after: '{}]}',
      }),
    },
    'JSON push',
  )
  await checkAll(
    t,
    text => snappyDecompress(Buffer.from(text, 'latin1'), 64 * 1024 * 1024, n => Buffer.alloc(n)),
    { literals: repeat('\x00a', { before: '\xff\xff\x3f' }) },
    'Snappy',
  )
})

const labelTexts = {
  'escaped quotes': repeat('\\"', { before: '{a="' }),
  backslashes: repeat('\\', { before: '{a="' }),
  pairs: repeat('a="b",', { before: '{' }),
  'equal pairs': repeat('a="b", ', { before: '{', after: 'c="d"}' }),
  names: repeat('a', { before: '{' }),
  spaces: repeat(' ', { before: '{', after: 'x' }),
  braces: repeat('{'),
}

test('labels and selectors are read in linear time', async t => {
  await checkAll(t, parseLabelSet, labelTexts, 'label set')
  await checkAll(t, parseSelector, labelTexts, 'selector')
})

test('queries are read in linear time', async t => {
  await checkAll(
    t,
    parseLogql,
    {
      parentheses: repeat('('),
      'closed parentheses': length => `${'('.repeat(length / 2)}1${')'.repeat(length / 2)}`,
      filters: repeat(' |= "a"', { before: '{a="b"}' }),
      'or chains': repeat(' or "a"', { before: '{a="b"} |= "a"' }),
      'and of labels': repeat(' and a="b"', { before: '{a="b"} | a="b"' }),
      sums: repeat(' + 1', { before: '1' }),
      powers: repeat(' ^ 1', { before: '1' }),
      comments: repeat('#\n', { before: '{a="b"}' }),
      'an open text': repeat('\\"', { before: '{a="b"} |= "' }),
      'an open raw text': repeat('a', { before: '{a="b"} |= `' }),
      'a number': repeat('1'),
      'a duration': repeat('1h', { before: 'rate({a="b"}[' }),
      'a line format': repeat('{{', { before: '{a="b"} | line_format "' }),
      'a pattern': repeat('<a>', { before: '{a="b"} | pattern "', after: '"' }),
      'a regular expression': repeat('(a', { before: '{a=~"' }),
      'a path': repeat('a.', { before: '{a="b"} | json x="', after: 'a"' }),
      'indexes of a path': repeat('[0]', { before: '{a="b"} | json x="a', after: '"' }),
      keeps: repeat('a,', { before: '{a="b"} | keep ' }),
      grouping: repeat('a,', { before: 'sum by (', after: 'a)(rate({a="b"}[1m]))' }),
    },
    'query',
  )
})

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
  for (const stage of stages) await checkAll(t, count(stage), lineTexts, stage)
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
    await checkAll(t, query(`{app="x"} | line_format \`${template}\``), lineTexts, template)
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
  await checkAll(t, patterns, lineTexts, 'patterns')
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
  await checkAll(t, detect, lineTexts, 'detected fields')
})

test('regular expressions are compiled in linear time', async t => {
  await checkAll(
    t,
    text => compileRegex(text).test('a'.repeat(100)),
    {
      groups: repeat('(a)'),
      'open groups': repeat('('),
      alternatives: repeat('a|'),
      stars: repeat('a*'),
      classes: repeat('[a-z]'),
      'an open class': repeat('a-', { before: '[' }),
      repetitions: repeat('a{2}'),
      backslashes: repeat('\\'),
    },
    'regular expression',
  )
})

test('configurations, durations and times are read in linear time', async t => {
  await checkAll(
    t,
    text => loadStoreConfig(text, 'store.yaml'),
    {
      keys: length => Array.from({ length: length / 10 }, (_, i) => `k${i}: x`).join('\n'),
      'equal keys': repeat('server: {}\n'),
      brackets: repeat('[', { before: 'server: ' }),
      'open braces': repeat('{a: ', { before: 'server: ' }),
      lists: repeat('- '),
      anchors: repeat('&a ', { before: 'server: ' }),
      aliases: repeat('*a, ', { before: 'server: &a [', after: ']' }),
      'a block text': repeat('  x\n', { before: 'server: |\n' }),
      comments: repeat('# x\n'),
      quotes: repeat('"', { before: 'server: ' }),
      'a long line': repeat('x', { before: 'server: ' }),
    },
    'configuration',
  )
  await checkAll(
    t,
    text => expandEnvironment(text, {}),
    { dollars: repeat('$'), 'open braces': repeat('${'), 'open defaults': repeat('${a:-') },
    'environment',
  )
  const digits = { digits: repeat('1'), hours: repeat('1h'), dots: repeat('.') }
  await checkAll(t, text => parseGoDuration(text), digits, 'duration')
  await checkAll(t, text => parseRfc3339(text), digits, 'RFC 3339')
  await checkAll(t, text => parseGoTime(text, text, {} as never), digits, 'time')
})
