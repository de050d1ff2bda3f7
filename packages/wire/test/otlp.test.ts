import fc from 'fast-check'
import protobuf from 'protobufjs'
import { test } from 'tap'
import {
  defaultOtlpLabelAttributes,
  type Label,
  type OtlpMapping,
  otlpNestingMax,
  PushBodyError,
  type PushStream,
} from '../src/index.ts'
import { decodeOtlpLogs, encodeOtlpError } from '../src/otlp.ts'
import { decodeOtlpJsonLogs } from '../src/otlp-json.ts'

const mapping: OtlpMapping = {
  resource: name =>
    defaultOtlpLabelAttributes.includes(name) ? 'index_label' : 'structured_metadata',
  scope: () => 'structured_metadata',
  record: () => 'structured_metadata',
  serviceNameLabels: ['service', 'k8s_container_name', 'container_name'],
}
const nowNs = 1_800_000_000_000_000_005n
const decoding = { mapping, nowNs }

// The part of the protocol's definition that is read, for an independent encoder.
const { root } = protobuf.parse(`
  syntax = "proto3";
  message Request { repeated ResourceLogs resource_logs = 1; }
  message ResourceLogs { Resource resource = 1; repeated ScopeLogs scope_logs = 2; string schema_url = 3; }
  message Resource { repeated KeyValue attributes = 1; uint32 dropped_attributes_count = 2; }
  message ScopeLogs { Scope scope = 1; repeated LogRecord log_records = 2; string schema_url = 3; }
  message Scope {
    string name = 1; string version = 2; repeated KeyValue attributes = 3;
    uint32 dropped_attributes_count = 4;
  }
  message LogRecord {
    fixed64 time_unix_nano = 1; fixed64 observed_time_unix_nano = 11; int32 severity_number = 2;
    string severity_text = 3; AnyValue body = 5; repeated KeyValue attributes = 6;
    uint32 dropped_attributes_count = 7; fixed32 flags = 8; bytes trace_id = 9; bytes span_id = 10;
    string event_name = 12;
  }
  message KeyValue { string key = 1; AnyValue value = 2; }
  message AnyValue { oneof value {
    string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4;
    ArrayValue array_value = 5; KeyValueList kvlist_value = 6; bytes bytes_value = 7;
  } }
  message ArrayValue { repeated AnyValue values = 1; }
  message KeyValueList { repeated KeyValue values = 1; }
`)
const Request = root.lookupType('Request')

type Json = Readonly<Record<string, unknown>>

/** Encodes a request from its JSON form (ids and bytes in base64) to protobuf. */
function encode(request: Json): Buffer {
  return Buffer.from(Request.encode(Request.fromObject(request)).finish())
}

/** Converts a request to JSON as sent on the wire, with hexadecimal ids. */
function toJson(request: Json): Buffer {
  const hexIds = (key: string, value: unknown) =>
    (key === 'traceId' || key === 'spanId') && typeof value === 'string'
      ? Buffer.from(value, 'base64').toString('hex')
      : value
  return Buffer.from(JSON.stringify(request, hexIds))
}

interface Found {
  readonly labels: string
  readonly time: string
  readonly line: string
  readonly metadata: readonly string[]
}

function entriesOf(streams: readonly PushStream[]): Found[] {
  return streams.flatMap(stream =>
    Array.from({ length: stream.entryCount }, (_, i) => ({
      labels: stream.labelsText,
      time: String(BigInt(stream.seconds[i]!) * 1_000_000_000n + BigInt(stream.nanos[i]!)),
      line: stream.bytes.toString(
        'utf8',
        stream.lineOffsets[i]!,
        stream.lineOffsets[i]! + stream.lineLengths[i]!,
      ),
      metadata: (stream.metadata?.[i] ?? []).map(({ name, value }: Label) => `${name}=${value}`),
    })),
  )
}

const decode = (request: Json) => entriesOf(decodeOtlpLogs(encode(request), decoding))
const decodeJson = (request: Json) => entriesOf(decodeOtlpJsonLogs(toJson(request), decoding))

const text = (value: string) => ({ stringValue: value })
const attribute = (key: string, value: Json) => ({ key, value })
const oneRecord = (record: Json, resource: readonly Json[] = []) => ({
  resourceLogs: [{ resource: { attributes: resource }, scopeLogs: [{ logRecords: [record] }] }],
})

const whole = {
  resourceLogs: [
    {
      resource: {
        attributes: [
          attribute('service.name', text('shop')),
          attribute('k8s.pod.name', text('shop-1')),
          attribute('host.arch', text('amd64')),
          attribute('host', {
            kvlistValue: { values: [attribute('cpu.count', { intValue: '8' })] },
          }),
        ],
      },
      scopeLogs: [
        {
          scope: {
            name: 'cart',
            version: '1.2',
            attributes: [attribute('lang', text('de'))],
            droppedAttributesCount: 3,
          },
          logRecords: [
            {
              timeUnixNano: '1700000000000000001',
              observedTimeUnixNano: '1700000000000000002',
              severityNumber: 17,
              severityText: 'Error',
              body: text('größer'),
              attributes: [
                attribute('http.status', { intValue: '500' }),
                attribute('slow', { boolValue: true }),
              ],
              droppedAttributesCount: 2,
              flags: 1,
              traceId: Buffer.from('0102030405060708090a0b0c0d0e0f10', 'hex').toString('base64'),
              spanId: Buffer.from('0102030405060708', 'hex').toString('base64'),
              eventName: 'paid',
            },
            { observedTimeUnixNano: '1700000000000000003', body: text('second') },
            { body: text('third') },
          ],
        },
      ],
    },
  ],
}

test('resource, scope and record become labels, metadata, time and line', async t => {
  const shared = [
    'host_arch=amd64',
    'host_cpu_count=8',
    'lang=de',
    'scope_name=cart',
    'scope_version=1.2',
    'scope_dropped_attributes_count=3',
  ]
  const labels = '{k8s_pod_name="shop-1", service_name="shop"}'
  const want = [
    {
      labels,
      time: '1700000000000000001',
      line: 'größer',
      metadata: [
        'http_status=500',
        'slow=true',
        'observed_timestamp=1700000000000000002',
        'severity_number=17',
        'severity_text=Error',
        'dropped_attributes_count=2',
        'flags=1',
        'trace_id=0102030405060708090a0b0c0d0e0f10',
        'span_id=0102030405060708',
        'event_name=paid',
        ...shared,
      ],
    },
    { labels, time: '1700000000000000003', line: 'second', metadata: shared },
    { labels, time: String(nowNs), line: 'third', metadata: shared },
  ]
  t.same(decode(whole), want)
  t.same(decodeJson(whole), want)
})

test('lines that are text are not copied', async t => {
  const body = encode(whole)
  t.equal(decodeOtlpLogs(body, decoding)[0]!.bytes, body)
})

test('a body of any type becomes a line', async t => {
  const f = (value: Json | undefined, want: string) => {
    const request = oneRecord(value ? { body: value } : {})
    t.equal(decode(request)[0]!.line, want)
    t.equal(decodeJson(request)[0]!.line, want)
  }
  f(undefined, '')
  f({}, '')
  f(text(''), '')
  f(text('a "quoted" <text>\n'), 'a "quoted" <text>\n')
  f({ boolValue: false }, 'false')
  f({ intValue: '0' }, '0')
  f({ intValue: '-5' }, '-5')
  f({ intValue: '9223372036854775807' }, '9223372036854775807')
  f({ intValue: '-9223372036854775808' }, '-9223372036854775808')
  f({ doubleValue: 1.5 }, '1.5')
  f({ doubleValue: 1e21 }, '1e+21')
  f({ doubleValue: 2 }, '2')
  f({ bytesValue: 'AP/+' }, 'AP/+')
  f({ arrayValue: {} }, '[]')
  f(
    { arrayValue: { values: [text('a"<'), { intValue: '1' }, {}, { bytesValue: 'AA==' }] } },
    '["a\\"<",1,null,"AA=="]',
  )
  f({ kvlistValue: {} }, '{}')
  const map = {
    kvlistValue: {
      values: [
        attribute('z', { doubleValue: 0.5 }),
        attribute('a', { kvlistValue: { values: [attribute('__proto__', { boolValue: true })] } }),
        attribute('m', text('first')),
        attribute('m', text('last')),
        { key: 'none' },
      ],
    },
  }
  f(map, '{"a":{"__proto__":true},"m":"last","none":null,"z":0.5}')
})

test('numbers that JSON cannot express', async t => {
  const f = (doubleValue: number, json: unknown, want: string, inside: string) => {
    t.equal(decode(oneRecord({ body: { doubleValue } }))[0]!.line, want)
    t.equal(decodeJson(oneRecord({ body: { doubleValue: json } }))[0]!.line, want)
    const list = (value: unknown) =>
      oneRecord({ body: { arrayValue: { values: [{ doubleValue: value }] } } })
    t.equal(decode(list(doubleValue))[0]!.line, `[${inside}]`)
    t.equal(decodeJson(list(json))[0]!.line, `[${inside}]`)
  }
  f(Number.NaN, 'NaN', 'NaN', '"NaN"')
  f(Number.POSITIVE_INFINITY, 'Infinity', '+Inf', '"+Inf"')
  f(Number.NEGATIVE_INFINITY, '-Infinity', '-Inf', '"-Inf"')
})

test('the service name comes from service.name, or the first label that can provide it', async t => {
  const f = (resource: readonly (readonly [string, string])[], want: string) => {
    const sent = resource.map(([key, value]) => attribute(key, text(value)))
    const request = oneRecord({ body: text('x') }, sent)
    t.equal(decode(request)[0]!.labels, want)
    t.equal(decodeJson(request)[0]!.labels, want)
  }
  f([], '{service_name="unknown_service"}')
  f([['service.name', '']], '{service_name="unknown_service"}')
  f([['service.name', 'a']], '{service_name="a"}')
  f(
    [
      ['container.name', 'first'],
      ['k8s.container.name', 'second'],
    ],
    '{container_name="first", k8s_container_name="second", service_name="first"}',
  )
  f([['host.name', 'h']], '{service_name="unknown_service"}')
  const off = { ...decoding, mapping: { ...mapping, serviceNameLabels: [] } }
  t.equal(decodeOtlpLogs(encode(oneRecord({})), off)[0]!.labelsText, '{}')
})

test('dropped attributes are absent', async t => {
  const dropping: OtlpMapping = {
    ...mapping,
    resource: name => (name === 'a' ? 'drop' : 'index_label'),
    scope: name => (name === 'a' ? 'drop' : 'structured_metadata'),
    record: name => (name === 'a' ? 'drop' : 'structured_metadata'),
  }
  const attributes = [attribute('a', text('1')), attribute('b', text('2'))]
  const request = {
    resourceLogs: [
      {
        resource: { attributes },
        scopeLogs: [{ scope: { attributes }, logRecords: [{ attributes }] }],
      },
    ],
  }
  const options = { mapping: dropping, nowNs }
  for (const streams of [
    decodeOtlpLogs(encode(request), options),
    decodeOtlpJsonLogs(toJson(request), options),
  ]) {
    t.match(entriesOf(streams), [
      { labels: '{b="2", service_name="unknown_service"}', metadata: ['b=2', 'b=2'] },
    ])
  }
})

test('ids of zeros and ids without bytes count as absent', async t => {
  const zeros = (count: number) => Buffer.alloc(count).toString('base64')
  const request = oneRecord({ traceId: zeros(16), spanId: '' })
  t.same(decode(request)[0]!.metadata, [])
  t.same(decodeJson(request)[0]!.metadata, [])
})

test('resources and scopes may come after their records', async t => {
  const part = (request: Json) => encode(request)
  const scope = Buffer.from('0a03' + '0a0173', 'hex')
  const record = Buffer.from('1205' + '2a03' + '0a0178', 'hex')
  const inner = Buffer.concat([record, scope])
  const scopeLogs = Buffer.concat([Buffer.from([0x12, inner.length]), inner])
  // The resource of a whole request, without the two bytes before it.
  const resource = part({
    resourceLogs: [{ resource: { attributes: [attribute('service.name', text('s'))] } }],
  }).subarray(2)
  const logs = Buffer.concat([scopeLogs, resource])
  const body = Buffer.concat([Buffer.from([0x0a, logs.length]), logs])
  t.match(entriesOf(decodeOtlpLogs(body, decoding)), [
    { labels: '{service_name="s"}', line: 'x', metadata: ['scope_name=s'] },
  ])
})

test('resources without records produce no streams', async t => {
  t.same(decode({}), [])
  t.same(decode({ resourceLogs: [{}, { scopeLogs: [{}] }] }), [])
  t.same(decodeJson({ resourceLogs: [{}, { scopeLogs: [{}] }] }), [])
  t.same(decodeJson({ resourceLogs: null }), [])
})

// One record at 1 s and 2 ns, severity 9, the body "hi", one attribute k=v, of the service "svc".
const golden =
  '0a410a170a150a0c736572766963652e6e616d6512050a037376631226122409' +
  '02ca9a3b0000000010092a040a02686932080a016b12030a0176590000000000' +
  '000000'

test('these bytes mean this record, and always will', async t => {
  t.same(entriesOf(decodeOtlpLogs(Buffer.from(golden, 'hex'), decoding)), [
    {
      labels: '{service_name="svc"}',
      time: '1000000002',
      line: 'hi',
      metadata: ['k=v', 'severity_number=9'],
    },
  ])
})

test('a request cut anywhere is rejected', async t => {
  const body = encode(whole)
  for (let length = 1; length < body.length; length++) {
    t.throws(() => decodeOtlpLogs(body.subarray(0, length), decoding), {
      code: 'PUSH_BODY_MALFORMED',
    })
  }
})

test('a request with any one byte changed is read or rejected', async t => {
  const body = encode(whole)
  for (let at = 0; at < body.length; at++) {
    for (const flip of [0x01, 0x07, 0x80, 0xff]) {
      const changed = Buffer.from(body)
      changed[at]! ^= flip
      try {
        decodeOtlpLogs(changed, decoding)
      } catch (error) {
        if (!(error instanceof PushBodyError)) t.fail(`byte ${at}: ${error}`)
      }
    }
  }
  t.pass()
})

test('wrong wire types are reported', async t => {
  const f = (hex: string, field: string) =>
    t.throws(() => decodeOtlpLogs(Buffer.from(hex, 'hex'), decoding), {
      message: new RegExp(`wrong wireType = \\d for field ${field}$`),
    })
  f('0805', 'ResourceLogs')
  f('0a020805', 'Resource')
  f('0a021005', 'ScopeLogs')
  f('0a0412021005', 'LogRecords')
  f('0a06120412020805', 'TimeUnixNano')
  f('0a0612041202' + '4005', 'Flags')
  f('0a0812061204' + '2a02' + '0805', 'Value')
})

test('ids of the wrong length are rejected', async t => {
  const odd = oneRecord({ traceId: 'AQI=' })
  t.throws(() => decode(odd), { message: 'invalid length for TraceID: 2' })
  t.throws(() => decodeJson(odd), { message: /traceId: not 16 bytes in hexadecimal/ })
})

test('values nested too deeply are rejected, in bodies and in attributes', async t => {
  const nest = (depth: number, kind: 'list' | 'map'): Json => {
    let value: Json = text('x')
    for (let i = 0; i < depth; i++) {
      value =
        kind === 'list'
          ? { arrayValue: { values: [value] } }
          : { kvlistValue: { values: [attribute('k', value)] } }
    }
    return value
  }
  for (const kind of ['list', 'map'] as const) {
    for (const record of [
      (value: Json) => ({ body: value }),
      (value: Json) => ({ attributes: [attribute('a', value)] }),
    ]) {
      const fits = oneRecord(record(nest(otlpNestingMax, kind)))
      t.same(decode(fits), decodeJson(fits))
      const deep = oneRecord(record(nest(otlpNestingMax + 1, kind)))
      t.throws(() => decode(deep), { message: /nested more than/ })
      t.throws(() => decodeJson(deep), { message: /nested more than/ })
    }
  }
  const lists = 100_000
  const json = `${'{"arrayValue":{"values":['.repeat(lists)}${']}}'.repeat(lists)}`
  const body = `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":${json}}]}]}]}`
  t.throws(() => decodeOtlpJsonLogs(Buffer.from(body), decoding), PushBodyError)
})

test('a few bytes cannot claim much memory', async t => {
  const attributes = Array.from({ length: 3000 }, () => ({}))
  const logRecords = Array.from({ length: 3000 }, () => ({}))
  const request = { resourceLogs: [{ resource: { attributes }, scopeLogs: [{ logRecords }] }] }
  t.throws(() => decode(request), { code: 'PUSH_BODY_TOO_LARGE' })
  t.throws(() => decodeJson(request), { code: 'PUSH_BODY_TOO_LARGE' })
})

test("JSON accepts the protocol's field names, 64-bit numbers and severity names", async t => {
  const f = (record: string, want: Partial<Found>) => {
    const body = `{"resource_logs":[{"scope_logs":[{"log_records":[${record}]}]}]}`
    t.match(entriesOf(decodeOtlpJsonLogs(Buffer.from(body), decoding))[0], want)
  }
  f('{"time_unix_nano":1700000000000000001,"body":{"string_value":"x"}}', {
    time: '1700000000000000001',
    line: 'x',
  })
  f('{"body":{"intValue":9223372036854775807}}', { line: '9223372036854775807' })
  f('{"body":{"intValue":7}}', { line: '7' })
  f(
    '{"body":{"kvlistValue":{"values":[{"key":"a","value":{"doubleValue":0.1}}]}},"flags":1234567890123456789012}'.replace(
      '1234567890123456789012',
      '1',
    ),
    { line: '{"a":0.1}' },
  )
  f('{"severityNumber":"SEVERITY_NUMBER_WARN2"}', { metadata: ['severity_number=14'] })
  f('{"severityNumber":"SEVERITY_NUMBER_UNSPECIFIED"}', { metadata: [] })
  f('{"severityNumber":"9","unknown":{"x":[1]}}', { metadata: ['severity_number=9'] })
})

test('JSON that is not a request is rejected with its place', async t => {
  const f = (body: string, message: RegExp) =>
    t.throws(() => decodeOtlpJsonLogs(Buffer.from(body), decoding), {
      code: 'PUSH_BODY_MALFORMED',
      message,
    })
  const record = (json: string) => `{"resourceLogs":[{"scopeLogs":[{"logRecords":[${json}]}]}]}`
  f('', /^the body is not JSON/)
  f('{"resourceLogs":', /^the body is not JSON/)
  f('[]', /^the body is not an object/)
  f('{"resourceLogs":{}}', /^resourceLogs: not a list$/)
  f('{"resourceLogs":[null]}', /^resourceLogs\[0\]: not an object$/)
  f(
    record('{"body":"x"}'),
    /^resourceLogs\[0\]\.scopeLogs\[0\]\.logRecords\[0\]\.body: not an object$/,
  )
  f(record('{"severityText":5}'), /severityText: not a string$/)
  f(record('{"timeUnixNano":"soon"}'), /timeUnixNano: not a whole number$/)
  f(record('{"timeUnixNano":-1}'), /timeUnixNano: -1 is out of range$/)
  f(record('{"timeUnixNano":1.5}'), /timeUnixNano: not a whole number$/)
  f(record('{"flags":"4294967296"}'), /flags: 4294967296 is out of range$/)
  f(record('{"severityNumber":"LOUD"}'), /severityNumber: "LOUD" is not a severity$/)
  f(record('{"body":{"doubleValue":"many"}}'), /doubleValue: not a number$/)
  f(record('{"body":{"boolValue":"yes"}}'), /boolValue: not true or false$/)
  f(record('{"traceId":"xyz"}'), /traceId: not 16 bytes in hexadecimal$/)
})

const value: fc.Arbitrary<Json> = fc.letrec<{ value: Json }>(tie => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.string({ unit: 'grapheme' }).map(text),
    fc.boolean().map(boolValue => ({ boolValue })),
    fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }).map(n => ({ intValue: String(n) })),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map(n => ({ doubleValue: n + 0 })),
    fc.uint8Array({ maxLength: 5 }).map(b => ({ bytesValue: Buffer.from(b).toString('base64') })),
    fc.array(tie('value'), { maxLength: 3 }).map(values => ({ arrayValue: { values } })),
    fc
      .array(fc.tuple(fc.string(), tie('value')), { maxLength: 3 })
      .map(members => ({ kvlistValue: { values: members.map(([k, v]) => attribute(k, v)) } })),
  ),
})).value
const attributes = fc
  .array(fc.tuple(fc.oneof(fc.constantFrom(...defaultOtlpLabelAttributes), fc.string()), value), {
    maxLength: 4,
  })
  .map(pairs => pairs.map(([k, v]) => attribute(k, v)))
const id = (length: number) =>
  fc
    .uint8Array({ minLength: length, maxLength: length })
    .map(b => Buffer.from(b).toString('base64'))
const u64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }).map(String)
const u32 = fc.nat({ max: 0xffffffff })
const request = fc.record({
  resourceLogs: fc.array(
    fc.record({
      resource: fc.record({ attributes }),
      scopeLogs: fc.array(
        fc.record({
          scope: fc.record({
            name: fc.string(),
            version: fc.string(),
            attributes,
            droppedAttributesCount: u32,
          }),
          logRecords: fc.array(
            fc.record(
              {
                timeUnixNano: u64,
                observedTimeUnixNano: u64,
                severityNumber: fc.nat({ max: 24 }),
                severityText: fc.string(),
                body: value,
                attributes,
                droppedAttributesCount: u32,
                flags: u32,
                traceId: id(16),
                spanId: id(8),
                eventName: fc.string(),
              },
              { requiredKeys: [] },
            ),
            { maxLength: 3 },
          ),
        }),
        { maxLength: 2 },
      ),
    }),
    { maxLength: 2 },
  ),
})

test('both encodings of any request give the same result', async t => {
  fc.assert(
    fc.property(request, sent => {
      const streams = decode(sent)
      t.same(streams, decodeJson(sent))
      const times = sent.resourceLogs.flatMap(logs =>
        logs.scopeLogs.flatMap(({ logRecords }) => logRecords),
      )
      t.same(
        streams.map(({ time }) => time),
        times.map(({ timeUnixNano = '0', observedTimeUnixNano = '0' }) => {
          const sentTime = timeUnixNano !== '0' ? timeUnixNano : observedTimeUnixNano
          return sentTime !== '0' ? sentTime : String(nowNs)
        }),
      )
    }),
  )
  t.pass()
})

test('any bytes give streams or a PushBodyError', async t => {
  const refuse = (decodeAny: () => unknown) => {
    try {
      decodeAny()
    } catch (error) {
      if (!(error instanceof PushBodyError)) t.fail(String(error))
    }
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), bytes => {
      refuse(() => decodeOtlpLogs(Buffer.from(bytes), decoding))
    }),
    { numRuns: 3000 },
  )
  fc.assert(
    fc.property(fc.json(), json => {
      refuse(() => decodeOtlpJsonLogs(Buffer.from(json), decoding))
      const inside = `{"resourceLogs":[{"scopeLogs":[{"logRecords":[${json}]}]}]}`
      refuse(() => decodeOtlpJsonLogs(Buffer.from(inside), decoding))
    }),
  )
  t.pass()
})

test('an error is a google.rpc.Status with only its message', async t => {
  t.equal(encodeOtlpError('no').toString('hex'), '12026e6f')
})
