import { test } from 'tap'
import { decodeJsonPush, decodeLegacyJsonPush } from '../src/index.ts'

const decode = (text: string) => decodeJsonPush(Buffer.from(text))

test('streams, entries and structured metadata', async t => {
  const [stream] = decode(
    '{"streams":[{"stream":{"app":"x","n":"1"},"values":[["1700000000000000001","line é"],["1700000000000000002","",{"trace_id":"a\\nb"}],["-1"]]}]}',
  )
  t.equal(stream?.labelsText, '{app="x", n="1"}')
  t.equal(stream?.entryCount, 3)
  t.same([...stream!.seconds], [1_700_000_000, 1_700_000_000, -1])
  t.same([...stream!.nanos], [1, 2, 999_999_999])
  t.equal(stream?.bytes.toString('utf8', 0, stream.lineLengths[0]), 'line é')
  t.equal(stream?.lineLengths[1], 0)
  t.same(stream?.metadata, [undefined, [{ name: 'trace_id', value: 'a\nb' }], undefined])
})

test('everything after the first object is ignored', async t => {
  const one = '{"streams":[{"stream":{"app":"a}"},"values":[["1","x"]]}]}'
  t.equal(decode(`${one}{"streams":[]}`)[0]?.labelsText, '{app="a}"}')
  t.throws(() => decode(`${one.slice(0, -1)} {`), { code: 'PUSH_BODY_MALFORMED' })
})

test('label values that are not strings become their source text', async t => {
  const [stream] = decode(
    '{"streams":[{"stream":{"a":1.0,"b":true,"c":null,"d":"x"},"values":[]}]}',
  )
  t.equal(stream?.labelsText, '{a="1.0", b="true", c="null", d="x"}')
})

test('a body without streams is empty', async t => {
  for (const text of ['{}', 'null', '{"streams":null}', '{"streams":[]}'])
    t.same(decode(text), [], text)
  t.equal(decode('{"streams":[{"stream":{"a":"b"}}]}')[0]?.entryCount, 0)
  t.equal(decode('{"streams":[{"stream":{"a":"b"},"values":null}]}')[0]?.entryCount, 0)
})

test('the wrong shape is rejected with its place', async t => {
  const refuse = (text: string, message: RegExp) =>
    t.throws(() => decode(text), { code: 'PUSH_BODY_MALFORMED', message }, text)
  const values = (text: string) => `{"streams":[{"stream":{"a":"b"},"values":${text}}]}`
  refuse('', /^EOF$/)
  refuse('{', /not JSON/)
  refuse('[]', /not an object with "streams"/)
  refuse('{"streams":{}}', /^streams: not a list/)
  refuse('{"streams":[null]}', /^streams\[0\]: not an object/)
  refuse('{"streams":[{"stream":[],"values":[["1","x"]]}]}', /^streams\[0\]\.stream/)
  refuse(values('{}'), /values: not a list/)
  refuse(values('["x"]'), /values\[0\]: not a list/)
  refuse(values('[[1700000000000000000,"x"]]'), /values\[0\]\[0\]: the timestamp/)
  refuse(values('[["1700000000.5","x"]]'), /values\[0\]\[0\]: the timestamp/)
  refuse(values('[["9999999999999999999","x"]]'), /out of range/)
  refuse(values('[["1","x"],["1",5]]'), /values\[1\]\[1\]: the line/)
  refuse(values('[["1","x",null]]'), /values\[0\]\[2\]/)
  refuse(values('[["1","x",{"a":5}]]'), /values\[0\]\[2\]\.a/)
})

test('the older format has labels as text and RFC 3339 times', async t => {
  const body =
    '{"streams":[{"labels":"{a=\\"b\\"}","entries":[{"ts":"2026-01-15T00:00:00.5Z","line":"x"}]}]}'
  const [stream] = decodeLegacyJsonPush(Buffer.from(body))
  t.equal(stream?.labelsText, '{a="b"}')
  t.equal(stream?.seconds[0], 1_768_435_200)
  t.equal(stream?.nanos[0], 500_000_000)
  t.throws(() => decodeLegacyJsonPush(Buffer.from(body.replace('2026', 'year'))), {
    code: 'PUSH_BODY_MALFORMED',
  })
})

test('a few bytes cannot claim much memory', async t => {
  const values = (value: string, count: number) =>
    Buffer.from(`{"streams":[{"stream":{},"values":[${Array(count).fill(value).join(',')}]}]}`)
  t.throws(() => decodeJsonPush(values('[]', 2_500_000)), { code: 'PUSH_BODY_TOO_LARGE' })
  // Text inside strings is not counted.
  const line = JSON.stringify('[{"a":"\\\\",,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,}]')
  const [stream] = decodeJsonPush(values(`["1700000000000000000",${line}]`, 100_000))
  t.equal(stream!.entryCount, 100_000)
})

test('a label value that is not a string keeps its source text at every level', async t => {
  const f = (value: string, want: string) => {
    const body = `{"streams":[{"stream":{"a":${value}},"values":[["1","x"]]}]}`
    t.equal(decodeJsonPush(Buffer.from(body))[0]!.labelsText, `{a=${JSON.stringify(want)}}`)
  }
  f('1.0', '1.0')
  f('true', 'true')
  f('null', 'null')
  f('12345678901234567890', '12345678901234567890')
  f('{"b":1.0}', '{"b":1.0}')
  f('["c",{"d":[2]}]', '["c",{"d":[2]}]')
})

test('a label value nested too deeply is rejected as malformed', async t => {
  // Four levels surround the value.
  const bodyOf = (depth: number) => {
    const deep = `${'['.repeat(depth - 4)}"]]"${']'.repeat(depth - 4)}`
    return Buffer.from(`{"streams":[{"stream":{"a":${deep}},"values":[]}]}`)
  }
  t.doesNotThrow(() => decodeJsonPush(bodyOf(1_000)))
  for (const depth of [1_001, 100_000]) {
    t.throws(() => decodeJsonPush(bodyOf(depth)), {
      code: 'PUSH_BODY_MALFORMED',
      message: 'the body is nested too deeply',
    })
  }
})
