import { test } from 'tap'
import { snappyCodec, snappyCompress, snappyDecompress } from '../src/index.ts'

test('without WebAssembly, JavaScript does the same', async t => {
  // The first call opens WebAssembly, and this file makes none before.
  t.equal(Reflect.deleteProperty(globalThis, 'WebAssembly'), true)
  t.equal(snappyCodec(), 'js')
  const text = Buffer.from('the same line again and again\n'.repeat(5000))
  const body = snappyCompress(text)
  t.ok(body.length < text.length / 10)
  t.ok(snappyDecompress(body, text.length).equals(text))
  t.throws(() => snappyDecompress(body.subarray(0, -1), text.length), {
    code: 'PUSH_BODY_MALFORMED',
  })
  // length 8, literal "abcd", copy of 4 bytes from 2^32 - 1 back
  const far = Buffer.from([8, 3 << 2, 97, 98, 99, 100, (3 << 2) | 3, 255, 255, 255, 255])
  t.throws(() => snappyDecompress(far, text.length), { code: 'PUSH_BODY_MALFORMED' })
  t.throws(() => snappyDecompress(body, text.length - 1), { code: 'PUSH_BODY_TOO_LARGE' })
})
