import { test } from 'tap'
import { fieldTypeOf } from '../../src/detected-fields/detected-fields.ts'
import {
  type DetectedFieldsRequest,
  defaultQueryLimits,
  detectFields,
  detectFieldValues,
  isUsefulLabel,
} from '../../src/index.ts'
import { createMemorySource } from '../memory-source.ts'

const startNs = 1_768_435_200_000_000_000n
const signal = new AbortController().signal

type Entry = string | readonly [line: string, metadata: Readonly<Record<string, string>>]

/** Lines of one stream, the first one the oldest. */
function ask(lines: readonly Entry[], options: Partial<DetectedFieldsRequest> = {}) {
  const entries = lines.map((entry, i) => {
    const [line, metadata] = typeof entry === 'string' ? [entry, {}] : entry
    return { timestampNs: startNs + BigInt(i), line, metadata }
  })
  const source = createMemorySource([{ labels: { app: 'a', pod: 'p' }, entries }])
  const request = {
    logql: '{app="a"}',
    startNs,
    endNs: startNs + 1_000_000n,
    lineLimit: 100,
    limit: 1000,
    limits: defaultQueryLimits,
    ...options,
  }
  return { source, request }
}

/** `name type cardinality parsers path`, one text for each field. */
async function fields(lines: readonly Entry[], options: Partial<DetectedFieldsRequest> = {}) {
  const { source, request } = ask(lines, options)
  const found = await detectFields(request, source, signal)
  return found
    .map(({ label, type, cardinality, parsers, jsonPath }) =>
      [label, type, cardinality, parsers.join('+') || 'metadata', jsonPath?.join('.') ?? '-'].join(
        ' ',
      ),
    )
    .sort()
}

async function values(
  name: string,
  lines: readonly Entry[],
  options: Partial<DetectedFieldsRequest> = {},
) {
  const { source, request } = ask(lines, options)
  return detectFieldValues({ ...request, name }, source, signal)
}

test('Fields come from JSON, from logfmt and from structured metadata', async t => {
  t.same(await fields(['{"a":1,"in":{"b c":"x","deep":{"1d":true}},"list":[1],"none":null}']), [
    'a int 1 json a',
    'in_b_c string 1 json in.b c',
    'in_deep_1d boolean 1 json in.deep.1d',
  ])
  t.same(await fields(['took=5ms size=3kB text', 'took=7ms size=3kB']), [
    'size bytes 1 logfmt -',
    'took duration 2 logfmt -',
  ])
  t.same(
    await fields([
      ['a=1', { trace: 't1', detected_level: 'info' }],
      ['{"a":2}', { trace: 't2', a: 'x' }],
    ]),
    ['a int 3 json+logfmt a', 'detected_level string 1 metadata -', 'trace string 2 metadata -'],
  )
  t.same(await fields(['no fields here', '']), [])
})

test('A field of a stream label has another name, those of errors are none', async t => {
  t.same(await fields(['{"pod":"x"}']), ['pod_extracted string 1 json pod'])
  t.same(await fields([['a=1', { pod: 'x' }]]), [
    'a int 1 logfmt -',
    'pod_extracted string 1 metadata -',
  ])
  t.same(await fields(['__error__=custom b=1', '{"b":'], { logql: '{app="a"} | json' }), [
    'b int 1 logfmt -',
  ])
})

test("What the query's own stages found counts, and what they dropped is found again", async t => {
  t.same(await fields(['GET /x a=1'], { logql: '{app="a"} | pattern "<method> <_>"' }), [
    'a int 1 logfmt -',
    'method string 1 logfmt -',
  ])
  t.same(await fields(['a=1 b=2'], { logql: '{app="a"} | logfmt | drop a' }), [
    'a int 1 logfmt -',
    'b int 1 logfmt -',
  ])
  t.same(await fields(['a=1'], { logql: '{app="a"} | logfmt | line_format "c={{.a}}"' }), [
    'a int 1 logfmt -',
    'c int 1 logfmt -',
  ])
  t.same(await fields(['a=1', 'b=1'], { logql: '{app="a"} |= "b"' }), ['b int 1 logfmt -'])
})

test('The newest lines are looked at, and the last value tells the type', async t => {
  const lines = ['a=text', 'a=1', 'a=2']
  t.same(await fields(lines), ['a string 3 logfmt -'])
  t.same(await fields(lines, { lineLimit: 2 }), ['a int 2 logfmt -'])
  t.same(await fields(['a=1 b=2 c=3'], { limit: 2 }), ['a int 1 logfmt -', 'b int 1 logfmt -'])
})

test('A line that is no exact JSON has fields with a path, and the last line tells it', async t => {
  t.same(await fields(['{"a":1} behind']), ['a int 1 json a'])
  t.same(await fields(['{"a_b":1}', '{"a":{"b":1}}']), ['a_b int 1 json a_b'])
})

test('Values are those of one field; sizes have one decimal unit', async t => {
  const lines: Entry[] = [
    ['size=1.5KiB n=200 d=5m', { region: '5MB' }],
    'size=1536B n=404',
    'size=2GB n=200',
  ]
  t.same(await values('size', lines), ['1.5kB', '2.0GB'])
  t.same(await values('n', lines), ['200', '404'])
  t.same(await values('d', lines), ['5m'], 'a duration is no size')
  t.same(await values('region', lines), ['5MB'], 'metadata is left as it is')
  t.same(await values('n', lines, { limit: 1 }), ['200'])
  t.same(await values('none', lines), [])
  t.same(await values('app', lines), [], 'a stream label is no field')
})

test('Types are what Go can read', t => {
  const type = (value: string, want: string) => t.equal(fieldTypeOf(value), want, value)
  type('9223372036854775807', 'int')
  type('-9223372036854775808', 'int')
  type('9223372036854775808', 'float')
  type('+4', 'int')
  type('1e3', 'float')
  type('NaN', 'float')
  type('true', 'boolean')
  type('T', 'boolean')
  type('yes', 'string')
  type('1h30m', 'duration')
  type('-5s', 'duration')
  type('1d', 'string')
  type('5 KB', 'bytes')
  type('1,000', 'bytes')
  type('', 'string')
  t.end()
})

test('A metric query, a limit that is too high and a query that is gone are refused', async t => {
  await t.rejects(fields([], { logql: 'rate({app="a"}[1m])' }), {
    message: 'only log selector is supported',
  })
  await t.rejects(fields([], { lineLimit: 5001 }), { message: /max entries limit per query/ })
  const { source, request } = ask(['a=1'])
  const gone = AbortSignal.abort(new Error('gone'))
  await t.rejects(detectFields(request, source, gone), new Error('gone'))
})

test('Labels of numbers and UUIDs alone are not worth offering', t => {
  const useful = (name: string, texts: readonly string[], want: boolean) =>
    t.equal(isUsefulLabel(name, texts), want, `${name}: ${texts.join(', ')}`)
  useful('ver', ['1', '2.5', '1e3'], false)
  useful('ver', ['1', 'v2'], true)
  useful('id', ['6ba7b810-9dad-11d1-80b4-00c04fd430c8'], false)
  useful(
    'id',
    ['{6ba7b810-9dad-11d1-80b4-00c04fd430c8}', '6BA7B8109DAD11D180B400C04FD430C8'],
    false,
  )
  useful('id', ['6ba7b810-9dad-11d1-80b4-00c04fd430c8', 'x'], true)
  useful('pod', ['1'], true)
  useful('flag', ['0', '1'], true)
  useful('flag', ['1', '2'], false)
  useful('flag', [], false)
  useful('instance', ['10'], true)
  t.end()
})
