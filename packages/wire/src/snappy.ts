// Snappy's block format, which the push protocol uses: a varint of the uncompressed length, then
// literals and back references. https://github.com/google/snappy/blob/main/format_description.txt

import { SnappyCompressor } from 'snappyjs/snappy_compressor.js'
import { SnappyDecompressor } from 'snappyjs/snappy_decompressor.js'
import { PushBodyError } from './errors.ts'
import { snappyExpansionMax } from './limits.ts'

/**
 * Compresses bytes to one Snappy block.
 *
 * @param allocate Returns memory for the result, at least as many bytes as requested: the worst
 * case, a sixth more than the input.
 */
export function snappyCompress(
  bytes: Buffer,
  allocate: (bytes: number) => Buffer = Buffer.allocUnsafe,
): Buffer {
  const compressor = new SnappyCompressor(bytes)
  const output = allocate(compressor.maxCompressedLength())
  return output.subarray(0, compressor.compressToBuffer(output))
}

/**
 * Decompresses one Snappy block. Before it allocates anything, it checks the declared length
 * against `bytesMax`, against what the body can hold at most, and against the sum of its elements.
 *
 * @param allocate Returns memory for the result, at least as many bytes as requested.
 * @throws PushBodyError PUSH_BODY_MALFORMED or PUSH_BODY_TOO_LARGE.
 */
export function snappyDecompress(
  body: Buffer,
  bytesMax: number,
  allocate: (bytes: number) => Buffer = Buffer.allocUnsafe,
): Buffer {
  const { length, start } = readDeclaredLength(body)
  if (length > bytesMax) {
    throw new PushBodyError(
      `snappy: declared length ${length} exceeds the limit of ${bytesMax} bytes`,
      { code: 'PUSH_BODY_TOO_LARGE' },
    )
  }
  if (length > body.length * snappyExpansionMax || elementBytes(body, start) !== length) {
    throw malformed()
  }
  const output = allocate(length).subarray(0, length)
  const decompressor = new SnappyDecompressor(body)
  decompressor.readUncompressedLength()
  if (!decompressor.uncompressToBuffer(output)) throw malformed()
  return output
}

function malformed(): PushBodyError {
  return new PushBodyError('snappy: corrupt input', { code: 'PUSH_BODY_MALFORMED' })
}

function readDeclaredLength(body: Buffer): { length: number; start: number } {
  let length = 0
  for (let at = 0; at < 5 && at < body.length; at++) {
    const byte = body[at]!
    length += (byte & 0x7f) * 2 ** (7 * at)
    if (byte < 0x80) {
      if (length > 0xffffffff) throw malformed()
      return { length, start: at + 1 }
    }
  }
  throw malformed()
}

/**
 * Tag → size of the element and of its output; 0 for a literal whose length follows. Tables instead
 * of branches, because a processor cannot predict the order of tags.
 */
const { elementBytesOf, outputBytesOf } = createTagTables()

function createTagTables() {
  const elementBytesOf = new Uint8Array(256)
  const outputBytesOf = new Uint8Array(256)
  for (let tag = 0; tag < 256; tag++) {
    const length = (tag >>> 2) + 1
    switch (tag & 3) {
      case 0:
        elementBytesOf[tag] = length > 60 ? 0 : 1 + length
        outputBytesOf[tag] = length > 60 ? 0 : length
        break
      case 1:
        elementBytesOf[tag] = 2
        outputBytesOf[tag] = ((tag >>> 2) & 7) + 4
        break
      default:
        elementBytesOf[tag] = (tag & 3) === 2 ? 3 : 5
        outputBytesOf[tag] = length
    }
  }
  return { elementBytesOf, outputBytesOf }
}

/**
 * Sums up the output of all elements without producing it. The decoder does not compare that sum
 * with the declared length, so it would not notice a body that is too short or too long.
 */
function elementBytes(body: Buffer, start: number): number {
  const end = body.length
  let at = start
  let total = 0
  while (at < end) {
    const tag = body[at]!
    const taken = elementBytesOf[tag]!
    if (taken > 0) {
      total += outputBytesOf[tag]!
      at += taken
      continue
    }
    const lengthBytes = (tag >>> 2) - 59
    if (at + 1 + lengthBytes > end) return -1
    const length = body.readUIntLE(at + 1, lengthBytes) + 1
    total += length
    at += 1 + lengthBytes + length
  }
  return at === end ? total : -1
}
