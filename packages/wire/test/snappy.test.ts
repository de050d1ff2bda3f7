import fc from 'fast-check'
import { type Test, test } from 'tap'
import { PushBodyError, snappyCompress, snappyDecompress } from '../src/index.ts'

const limit = 1 << 20
const refuse = (t: Test, body: Buffer, code: string, name: string) =>
  t.throws(() => snappyDecompress(body, limit), { code }, name)

test('bytes are the same after compression and decompression', async t => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5000 }), bytes => {
      t.same(snappyDecompress(snappyCompress(Buffer.from(bytes)), limit), Buffer.from(bytes))
    }),
  )
  const text = Buffer.from('the same line again and again\n'.repeat(5000))
  t.same(snappyDecompress(snappyCompress(text), limit), text)
})

test('a block written by hand decodes as the format specifies', async t => {
  // length 11, literal "abc", copy of 8 bytes from 3 back
  t.equal(
    snappyDecompress(Buffer.from([11, 2 << 2, 97, 98, 99, (4 << 2) | 1, 3]), limit).toString(),
    'abcabcabcab',
  )
})

test('a declared length is checked before anything is allocated', async t => {
  const declared = (length: number) => {
    const bytes: number[] = []
    for (let left = length; ; left = Math.floor(left / 128)) {
      bytes.push(left >= 128 ? (left % 128) | 0x80 : left)
      if (left < 128) break
    }
    return Buffer.from([...bytes, 0, 97])
  }
  refuse(t, declared(limit + 1), 'PUSH_BODY_TOO_LARGE', 'over the limit')
  refuse(t, declared(4_000_000_000), 'PUSH_BODY_TOO_LARGE', 'four gigabytes')
  refuse(t, declared(1000), 'PUSH_BODY_MALFORMED', 'more than the body can hold')
})

test('truncated bodies and wrong lengths are rejected', async t => {
  const good = snappyCompress(Buffer.from('some line of a log, some line of a log, and its end'))
  for (let length = 0; length < good.length; length++) {
    refuse(t, good.subarray(0, length), 'PUSH_BODY_MALFORMED', `cut at ${length}`)
  }
  const lying = Buffer.from(good)
  lying[0]!++
  refuse(t, lying, 'PUSH_BODY_MALFORMED', 'declares one byte more')
  lying[0]! -= 2
  refuse(t, lying, 'PUSH_BODY_MALFORMED', 'declares one byte less')
  refuse(
    t,
    Buffer.from([11, 2 << 2, 97, 98, 99, (4 << 2) | 1, 9]),
    'PUSH_BODY_MALFORMED',
    'copy from before the start',
  )
})

test('any bytes give an answer or a PushBodyError', async t => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
      try {
        snappyDecompress(Buffer.from(bytes), limit)
      } catch (error) {
        t.ok(error instanceof PushBodyError)
      }
    }),
    { numRuns: 2000 },
  )
  t.pass()
})
