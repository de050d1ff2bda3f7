// Compresses bytes with zstd where that saves something.

import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { packedBytesLeast } from '../limits.ts'
import { codecs } from './format.ts'

// On logs, level 1 needs a fifth of the CPU of level 3, and its output is only a few percent
// larger.
const zstdParams = { [constants.ZSTD_c_compressionLevel]: 1 }

/** Bytes and how they are stored. */
export interface Packed {
  readonly codec: typeof codecs.raw | typeof codecs.zstd
  readonly stored: Buffer
}

/** Compresses bytes, or copies them if that saves next to nothing. */
export function pack(bytes: Buffer): Packed {
  // Copies, because the memory may be reused before it is written.
  if (bytes.length < packedBytesLeast) return { codec: codecs.raw, stored: Buffer.from(bytes) }
  const packed = compress(bytes)
  // Then readers save the decompression. Nanoseconds look like noise.
  if (packed.length > bytes.length * 0.95) return { codec: codecs.raw, stored: Buffer.from(bytes) }
  return { codec: codecs.zstd, stored: packed }
}

function compress(bytes: Buffer): Buffer {
  // One chunk holds the whole output of most sections. By default, zlib collects 16 KiB pieces.
  const chunkSize = Math.max(1024, Math.ceil(bytes.length * 0.3))
  return zstdCompressSync(bytes, { params: zstdParams, chunkSize })
}

/** Returns how many bytes of their size these bytes keep when they are compressed. */
export function packedShare(bytes: Buffer): number {
  return compress(bytes).length / bytes.length
}

/** Decompresses. @throws RangeError, or the error of zlib, if they are not `rawBytes`. */
export function unpack(stored: Buffer, rawBytes: number): Buffer {
  // One byte more than needed: a full chunk would make zlib allocate a second, empty one.
  const chunkSize = Math.max(64, rawBytes + 1)
  const raw = zstdDecompressSync(stored, { chunkSize, maxOutputLength: chunkSize })
  if (raw.length !== rawBytes) throw new RangeError('wrong length after decompression')
  return raw
}
