import fc from 'fast-check'
import { test } from 'tap'
import {
  encodeBoolean,
  encodeBytes,
  encodeFrame,
  encodeInt,
  FrameReader,
  RecordReader,
} from '../../../src/discovery/zookeeper/jute.ts'

/** Feeds a stream to a reader in pieces. Returns the result, with overlong frames marked. */
function cut(bytes: Buffer, pieceBytes: number) {
  const reader = new FrameReader()
  const found: string[] = []
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    for (const frame of reader.push(bytes.subarray(at, at + pieceBytes))) {
      found.push((frame.isTooLong ? 'too long ' : '') + frame.bytes.toString('latin1'))
    }
  }
  return found
}

test('FrameReader returns the same frames for any chunks', async t => {
  const payloads = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 })
  fc.assert(
    fc.property(payloads, fc.integer({ min: 1, max: 60 }), (all, pieceBytes) => {
      const bytes = Buffer.concat(all.map(payload => encodeFrame(Buffer.from(payload))))
      const texts = all.map(payload => Buffer.from(payload).toString('latin1'))
      return cut(bytes, pieceBytes).join('|') === texts.join('|')
    }),
  )
  t.pass()
})

test('FrameReader skips an overlong frame and keeps its head', async t => {
  const long = encodeFrame(Buffer.from('0123456789abcdef'), Buffer.alloc(5 * 1024 * 1024))
  const bytes = Buffer.concat([encodeFrame(Buffer.from('a')), long, encodeFrame(Buffer.from('b'))])
  for (const pieceBytes of [7, 65_536, bytes.length]) {
    t.same(cut(bytes, pieceBytes), ['a', 'too long 0123456789abcdef', 'b'])
  }
  t.throws(() => new FrameReader().push(encodeInt(-5)), /a frame cannot have -5 bytes/)
})

test('RecordReader reads what was encoded, and throws after the end', async t => {
  const text = encodeBytes(Buffer.from('grün'))
  const zxid = Buffer.alloc(8)
  zxid.writeBigInt64BE(-2n)
  const list = Buffer.concat([encodeInt(2), text, encodeInt(-1)])
  const record = new RecordReader(Buffer.concat([encodeInt(-7), zxid, text, list]))
  t.equal(record.int(), -7)
  t.equal(record.long(), -2n)
  t.equal(record.text(), 'grün')
  t.same(record.texts(), ['grün', ''])
  t.throws(() => record.int(), RangeError)
  const lying = [
    encodeBytes(Buffer.from('ab')).subarray(0, 5),
    encodeInt(0x7fff_ffff),
    Buffer.concat([encodeInt(0x7fff_ffff), text]),
  ]
  for (const bytes of lying) t.throws(() => new RecordReader(bytes).texts(), RangeError)
  t.same(encodeBoolean(true), Buffer.of(1))
})
