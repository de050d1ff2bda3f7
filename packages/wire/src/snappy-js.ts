// Snappy in JavaScript, with snappyjs. snappy.ts says when it is used.

import { SnappyCompressor } from 'snappyjs/snappy_compressor.js'
import { SnappyDecompressor } from 'snappyjs/snappy_decompressor.js'

/** A block whose declared length has been read. */
export interface SnappyBlock {
  readonly body: Buffer
  /** Where the elements start. */
  readonly start: number
  /** Declared length of the output. */
  readonly length: number
}

/** Returns how long the block of this many bytes can become, whoever compresses it. */
export function worstCompressedBytes(bytes: number): number {
  return 32 + bytes + Math.floor(bytes / 6)
}

/** Compresses into `output`, which has room for the worst case. Returns the length. */
export function compressInJs(bytes: Buffer, output: Buffer): number {
  return new SnappyCompressor(bytes).compressToBuffer(output)
}

/**
 * Decompresses a block. Returns undefined if its elements are damaged. If their sum is not the
 * declared length, it allocates nothing.
 */
export function decompressInJs(
  { body, start, length }: SnappyBlock,
  allocate: (bytes: number) => Buffer,
): Buffer | undefined {
  if (elementBytes(body, start) !== length) return undefined
  const output = allocate(length).subarray(0, length)
  const decompressor = new SnappyDecompressor(body)
  decompressor.readUncompressedLength()
  return decompressor.uncompressToBuffer(output) ? output : undefined
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
 * Sums up the output of all elements without producing it. Returns -1 if an element is cut or copies
 * from 2 GiB or more before. The decoder notices neither that nor a sum that is not the declared
 * length.
 */
function elementBytes(body: Buffer, start: number): number {
  const end = body.length
  let at = start
  let total = 0
  while (at < end) {
    const tag = body[at]!
    const taken = elementBytesOf[tag]!
    if (taken > 0) {
      if (taken === 5 && (tag & 3) === 3 && at + 5 <= end && body[at + 4]! > 0x7f) return -1
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
