// Snappy's block format, which the push protocol uses: a varint of the uncompressed length, then
// literals and back references. https://github.com/google/snappy/blob/main/format_description.txt
// WebAssembly does the work. JavaScript does it where the module was not built, and for bodies that
// would need too much of WebAssembly's memory, which never shrinks.

import { BufferPool } from './buffer-pool.ts'
import { PushBodyError } from './errors.ts'
import { snappyExpansionMax } from './limits.ts'
import { compressInJs, decompressInJs, worstCompressedBytes } from './snappy-js.ts'
import { WasmSnappy } from './snappy-wasm.ts'
import { writeVarint } from './varint.ts'

/** Room for a block's declared length. */
const lengthBytes = 8
/** Lines of logs become two to six times shorter. */
const usualRatio = 2

/** Compresses bytes to one Snappy block. */
export function snappyCompress(bytes: Buffer): Buffer {
  return Buffer.from(snappyCompressPieces([bytes], new BufferPool(0)).body)
}

/**
 * Compresses what lies in pieces, one after the other, to one Snappy block. Its memory comes from the
 * pool and grows with the output, so it is not as large as the worst case.
 *
 * @returns the block, and the whole buffer that it lies in, to return to the pool.
 */
export function snappyCompressPieces(
  pieces: readonly Buffer[],
  pool: BufferPool,
): { body: Buffer; memory: Buffer } {
  const wasm = openWasm()
  if (!wasm) {
    const bytes = Buffer.concat(pieces)
    const memory = pool.take(worstCompressedBytes(bytes.length))
    return { body: memory.subarray(0, compressInJs(bytes, memory)), memory }
  }
  let byteCount = 0
  for (const piece of pieces) byteCount += piece.length
  let memory = pool.take(lengthBytes + byteCount / usualRatio)
  let length = writeVarint(memory, 0, byteCount)
  wasm.compress(pieces, elements => {
    if (length + elements.length > memory.length) {
      const grown = pool.take(Math.max(length + elements.length, memory.length * 2))
      memory.copy(grown, 0, 0, length)
      pool.give(memory)
      memory = grown
    }
    elements.copy(memory, length)
    length += elements.length
  })
  return { body: memory.subarray(0, length), memory }
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
  const { length, start } = readChecked(body, bytesMax)
  const block = { body, start, length }
  const wasm = openWasm()
  const output = wasm?.hasRoomFor(block)
    ? wasm.decompress(block, allocate)
    : decompressInJs(block, allocate)
  if (!output) throw malformed()
  return output
}

/**
 * Returns how many bytes snappyDecompress will return, without decompressing anything. What it cannot know is
 * whether the rest of the body is damaged.
 *
 * @throws PushBodyError like snappyDecompress.
 */
export function snappyDecompressedBytes(body: Buffer, bytesMax: number): number {
  return readChecked(body, bytesMax).length
}

/** Returns what compresses and decompresses here: `js` takes about four times as much CPU. */
export function snappyCodec(): 'wasm' | 'js' {
  return openWasm() ? 'wasm' : 'js'
}

/** The instance of this thread, once the first call has opened it; null if it cannot be opened. */
let opened: WasmSnappy | null | undefined

function openWasm(): WasmSnappy | null {
  if (opened !== undefined) return opened
  try {
    opened = new WasmSnappy()
  } catch {
    // Whatever the reason is, JavaScript does the same. Programs log `snappyCodec`.
    opened = null
  }
  return opened
}

function readChecked(body: Buffer, bytesMax: number): { length: number; start: number } {
  const declared = readDeclaredLength(body)
  const { length } = declared
  if (length > bytesMax) {
    throw new PushBodyError(
      `snappy: declared length ${length} exceeds the limit of ${bytesMax} bytes`,
      { code: 'PUSH_BODY_TOO_LARGE' },
    )
  }
  if (length > body.length * snappyExpansionMax) throw malformed()
  return declared
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
