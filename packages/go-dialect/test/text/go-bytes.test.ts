import fc from 'fast-check'
import { test } from 'tap'
import {
  byteLength,
  decodeGoText,
  encodeGoText,
  sliceBytes,
  toPrintable,
} from '../../src/text/go-bytes.ts'

test('Any bytes survive decoding and encoding', async t => {
  const survives = (bytes: Uint8Array) =>
    encodeGoText(decodeGoText(bytes)).equals(bytes) &&
    byteLength(decodeGoText(bytes)) === bytes.length
  t.doesNotThrow(() => fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), survives)))
  // Random bytes are rarely close to UTF-8. These are.
  const nearUtf8 = fc.array(
    fc.constantFrom(0x41, 0x80, 0x9f, 0xa0, 0xbf, 0xc3, 0xe0, 0xed, 0xef, 0xf0, 0xf4),
  )
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(nearUtf8, numbers => survives(Uint8Array.from(numbers))),
      { numRuns: 500 },
    ),
  )
})

test('Two halves of a character make it whole again', async t => {
  for (const char of ['é', '€', '😀']) {
    for (let at = 1; at < byteLength(char); at++) {
      const halves = sliceBytes(char, 0, at) + sliceBytes(char, at, byteLength(char))
      t.equal(encodeGoText(halves).toString('utf8'), char)
    }
  }
})

test('Each byte that is not text prints as one replacement character', async t => {
  t.equal(toPrintable(decodeGoText(Buffer.from('41e282c3', 'hex'))), 'A\ufffd\ufffd\ufffd')
  t.equal(toPrintable(decodeGoText(Buffer.from('eda080', 'hex'))), '\ufffd\ufffd\ufffd')
  t.equal(toPrintable('plain € 😀'), 'plain € 😀')
  t.equal(toPrintable(decodeGoText(Buffer.from('efbfbd', 'hex'))), '\ufffd')
})

test('sliceBytes counts bytes', async t => {
  t.equal(sliceBytes('abc', 1, 2), 'b')
  t.equal(sliceBytes('é€x', 2, 6), '€x')
  t.equal(byteLength('é€😀'), 9)
})
