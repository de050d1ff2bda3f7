import fc from 'fast-check'
import { test } from 'tap'
import { BufferPool, PushBatchEncoder } from '../src/index.ts'
import { decodePushRequest } from '../src/push-codec.ts'

const entry = fc.record({
  seconds: fc.integer({ min: -(2 ** 40), max: 2 ** 40 }),
  nanos: fc.nat({ max: 999_999_999 }),
  line: fc.string({ unit: 'grapheme', maxLength: 9000 }),
  metadata: fc.array(fc.record({ name: fc.stringMatching(/^[a-z]{1,5}$/), value: fc.string() }), {
    maxLength: 2,
  }),
})

test('PushBatchEncoder writes what decodePushRequest reads', async t => {
  const pool = new BufferPool(1 << 20)
  fc.assert(
    fc.property(fc.array(fc.array(entry, { maxLength: 5 }), { maxLength: 3 }), streams => {
      const encoder = new PushBatchEncoder(pool)
      for (const [i, entries] of streams.entries()) {
        const stream = encoder.addStream(`{i="${i}"}`)
        for (const { seconds, nanos, line, metadata } of entries) {
          const bytes = Buffer.from(`<${line}>`)
          stream.add(seconds, nanos, bytes, 1, bytes.length - 1, metadata)
        }
      }
      const decoded = encoder.finish(pieces => decodePushRequest(Buffer.concat(pieces)))
      const seen = decoded.map(stream => ({
        labels: stream.labelsText,
        entries: Array.from({ length: stream.entryCount }, (_, i) => {
          const start = stream.lineOffsets[i]!
          return {
            seconds: stream.seconds[i]!,
            nanos: stream.nanos[i]!,
            line: stream.bytes.toString('utf8', start, start + stream.lineLengths[i]!),
            metadata: (stream.metadata?.[i] ?? []).map(pair => ({ ...pair })),
          }
        }),
      }))
      const want = streams.map((entries, i) => ({
        labels: `{i="${i}"}`,
        entries: entries.map(each => ({
          ...each,
          metadata: each.metadata.map(pair => ({ ...pair })),
        })),
      }))
      t.strictSame(seen, want)
    }),
    { numRuns: 30 },
  )
})

test('a stream grows without a copy, and its memory is used again', async t => {
  const pool = new BufferPool(1 << 20)
  const line = Buffer.alloc(1000, 'x')
  const fill = () => {
    const encoder = new PushBatchEncoder(pool)
    const stream = encoder.addStream('{a="b"}')
    for (let i = 0; i < 200; i++) stream.add(i, 0, line, 0, line.length)
    return encoder.finish(pieces => {
      const [decoded] = decodePushRequest(Buffer.concat(pieces))
      t.equal(decoded!.entryCount, 200)
      const [_labels, ...entries] = pieces
      return entries.map(({ buffer }) => buffer)
    })
  }
  const first = fill()
  t.ok(first.length > 5, 'several pieces')
  const again = fill()
  t.equal(again.length, first.length)
  t.ok(again.every(memory => first.includes(memory)))
})
