// Snappy's block format, which the push protocol uses: a varint of the uncompressed length, then
// literals and back references. https://github.com/google/snappy/blob/main/format_description.txt
// WebAssembly does the work. JavaScript does it where the module was not built, and for bodies that
// would need too much of WebAssembly's memory, which never shrinks.

import { PushBodyError } from './errors.ts'
import { snappyExpansionMax } from './limits.ts'
import { compressInJs, decompressInJs, worstCompressedBytes } from './snappy-js.ts'
import { WasmSnappy } from './snappy-wasm.ts'

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
  const output = allocate(worstCompressedBytes(bytes.length))
  const length = openWasm()?.compress(bytes, output) ?? compressInJs(bytes, output)
  return output.subarray(0, length)
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
  if (length > body.length * snappyExpansionMax) throw malformed()
  const block = { body, start, length }
  const wasm = openWasm()
  const output = wasm?.hasRoomFor(block)
    ? wasm.decompress(block, allocate)
    : decompressInJs(block, allocate)
  if (!output) throw malformed()
  return output
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
