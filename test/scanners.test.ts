// Runs all code for untrusted texts on inputs made to be slow: bodies of pushes, lines, queries,
// patterns, templates, configurations. (line-scanners.test.ts covers stages,
// packages/agent/test/linear.test.ts the agent.)

import { expandEnvironment } from '@skald/config-reading'
import { parseGoDuration, parseGoTime, parseRfc3339 } from '@skald/go-dialect'
import { compileRegex } from '@skald/go-dialect/regex/regex'
import { parseLogql, parseSelector } from '@skald/query'
import { loadStoreConfig } from '@skald/store'
import { decodeJsonPush, decodeLegacyJsonPush, parseLabelSet, snappyDecompress } from '@skald/wire'
import { decodeOtlpJsonLogs } from '@skald/wire/otlp-json'
import { t as root, test } from 'tap'
import { expectAllLinear, repeat } from './linear-time.ts'

root.setTimeout(170_000)

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
  await expectAllLinear(t, text => decodeJsonPush(Buffer.from(text)), jsonTexts, 'JSON push')
  await expectAllLinear(
    t,
    text => decodeLegacyJsonPush(Buffer.from(text)),
    jsonTexts,
    'older JSON push',
  )
  const readOtlp = (text: string) =>
    decodeOtlpJsonLogs(Buffer.from(text), { ...decoding, nowNs: 0n } as never)
  await expectAllLinear(t, readOtlp, jsonTexts, 'OTLP in JSON')
  await expectAllLinear(
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
  await expectAllLinear(
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
  await expectAllLinear(t, parseLabelSet, labelTexts, 'label set')
  await expectAllLinear(t, parseSelector, labelTexts, 'selector')
})

test('queries are read in linear time', async t => {
  await expectAllLinear(
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

test('regular expressions are compiled in linear time', async t => {
  await expectAllLinear(
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
  await expectAllLinear(
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
  await expectAllLinear(
    t,
    text => expandEnvironment(text, {}),
    { dollars: repeat('$'), 'open braces': repeat('${'), 'open defaults': repeat('${a:-') },
    'environment',
  )
  const digits = { digits: repeat('1'), hours: repeat('1h'), dots: repeat('.') }
  await expectAllLinear(t, text => parseGoDuration(text), digits, 'duration')
  await expectAllLinear(t, text => parseRfc3339(text), digits, 'RFC 3339')
  await expectAllLinear(t, text => parseGoTime(text, text, {} as never), digits, 'time')
})
