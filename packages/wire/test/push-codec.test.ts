import fc from 'fast-check'
import { test } from 'tap'
import {
  createLabelSet,
  formatLabelSet,
  PushBodyError,
  type PushStream,
  type Stream,
} from '../src/index.ts'
import { decodePushRequest, encodePushRequest } from '../src/push-codec.ts'

/** Converts the columns back to entries. */
function entriesOf(stream: PushStream) {
  return Array.from({ length: stream.entryCount }, (_, i) => {
    const start = stream.lineOffsets[i]!
    return {
      timestampNs: BigInt(stream.seconds[i]!) * 1_000_000_000n + BigInt(stream.nanos[i]!),
      line: stream.bytes.toString('utf8', start, start + stream.lineLengths[i]!),
      structuredMetadata: stream.metadata?.[i] ?? [],
    }
  })
}

const labelPairs = fc.array(
  fc.record({
    name: fc.stringMatching(/^[a-z]{1,5}$/),
    value: fc.string({ unit: 'grapheme', minLength: 1 }),
  }),
  { maxLength: 3 },
)
const streams: fc.Arbitrary<Stream[]> = fc.array(
  fc.record({
    labels: fc
      .dictionary(fc.stringMatching(/^[a-z]{1,5}$/), fc.string({ minLength: 1 }))
      .map(createLabelSet),
    entries: fc.array(
      fc.record({
        timestampNs: fc.bigInt({ min: -(1n << 62n), max: 1n << 62n }),
        line: fc.string({ unit: 'grapheme' }),
        structuredMetadata: labelPairs,
      }),
      { maxLength: 5 },
    ),
  }),
  { maxLength: 4 },
)

test('a push request is the same after encoding and decoding', async t => {
  fc.assert(
    fc.property(streams, sent => {
      const read = decodePushRequest(encodePushRequest(sent))
      t.same(
        read.map(stream => ({ labels: stream.labelsText, entries: entriesOf(stream) })),
        sent.map(({ labels, entries }) => ({ labels: formatLabelSet(labels), entries })),
      )
    }),
  )
  t.pass()
})

// One stream {app="x"}, one entry at 1 s and 2 ns with the line "hi" and metadata k=v.
const golden = Buffer.from(
  '0a1f' +
    '0a09' +
    '7b6170703d2278227d' +
    '1212' +
    '0a04' +
    '08011002' +
    '1202' +
    '6869' +
    '1a06' +
    '0a016b' +
    '120176',
  'hex',
)

test('encodePushRequest writes these bytes, and always will', async t => {
  const encoded = encodePushRequest([
    {
      labels: createLabelSet({ app: 'x' }),
      entries: [
        {
          timestampNs: 1_000_000_002n,
          line: 'hi',
          structuredMetadata: [{ name: 'k', value: 'v' }],
        },
      ],
    },
  ])
  t.equal(encoded.toString('hex'), golden.toString('hex'))
})

test('decodePushRequest reads them, and skips unknown fields', async t => {
  const unknown = Buffer.from('4a0178', 'hex')
  const [stream] = decodePushRequest(Buffer.concat([unknown, golden]))
  t.equal(stream?.labelsText, '{app="x"}')
  t.same(entriesOf(stream!), [
    { timestampNs: 1_000_000_002n, line: 'hi', structuredMetadata: [{ name: 'k', value: 'v' }] },
  ])
})

test('a body cut anywhere is rejected or holds fewer entries, and never different ones', async t => {
  for (let length = 1; length < golden.length; length++) {
    t.throws(() => decodePushRequest(golden.subarray(0, length)), { code: 'PUSH_BODY_MALFORMED' })
  }
  t.same(decodePushRequest(Buffer.alloc(0)), [])
})

test('wrong wire types are reported', async t => {
  t.throws(() => decodePushRequest(Buffer.from('0805', 'hex')), {
    message: 'proto: wrong wireType = 0 for field Streams',
  })
  t.throws(() => decodePushRequest(Buffer.from('0a020805', 'hex')), {
    message: 'proto: wrong wireType = 0 for field Labels',
  })
  t.throws(() => decodePushRequest(Buffer.from([0, 0, 0])), PushBodyError, 'tag 0')
  t.throws(() => decodePushRequest(Buffer.from([0x0f, 1])), PushBodyError, 'wire type 7')
})

test('nanoseconds beyond a second are rejected', async t => {
  const body = Buffer.from('0a0c' + '120a' + '0a08' + '0801' + '1080a8d6b907' + '', 'hex')
  t.throws(() => decodePushRequest(body), { code: 'PUSH_BODY_MALFORMED' })
})

test('any bytes give streams or a PushBodyError', async t => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), bytes => {
      try {
        decodePushRequest(Buffer.from(bytes))
      } catch (error) {
        t.ok(error instanceof PushBodyError)
      }
    }),
    { numRuns: 3000 },
  )
  t.pass()
})
