// Lines of a block as a section of a segment: split, and each part compressed.
//
//   | codec u8, bytes varint, stored bytes varint, of each part | the parts |

import { releaseBuffer } from '../../buffers.ts'
import { splitBytesLeast, splitBytesMax, splitSampleBytes, splitShareMax } from '../../limits.ts'
import { ByteReader, ByteWriter } from '../bytes.ts'
import { type Codec, codecs, type SectionRecord } from '../format.ts'
import { pack, packedShare, unpack } from '../packing.ts'
import { type LineSplitter, partNames } from './parts.ts'
import { joinInScript, splitInScript } from './script-split.ts'
import { SplitSearch } from './split-search.ts'
import { openWasmSplitter } from './wasm-split.ts'

let splitter: LineSplitter | undefined

/** One for each thread: it has memory of its own. */
function threadSplitter(): LineSplitter {
  splitter ??= openWasmSplitter() ?? { split: splitInScript, join: joinInScript }
  return splitter
}

/**
 * Packs the lines of a block: split if that makes them smaller. Whether it does is judged by their
 * first bytes, because compressing all of them twice would cost more than it brings.
 */
export function packLines(lines: Buffer): { codec: Codec; stored: Buffer } {
  const split = encodeSplit(lines)
  if (!split) return pack(lines)
  const shareMax = splitShareMax * packedShare(lines.subarray(0, splitSampleBytes))
  return split.length <= lines.length * shareMax
    ? { codec: codecs.split, stored: split }
    : pack(lines)
}

/** @throws RangeError, or the error of zlib, if the section is damaged. */
export function unpackSection(stored: Buffer, { codec, rawBytes }: SectionRecord): Buffer {
  if (codec === codecs.raw) return stored
  return codec === codecs.split ? decodeSplit(stored, rawBytes) : unpack(stored, rawBytes)
}

/**
 * Splits lines that end with `\n` and compresses the parts. Returns `undefined` if the lines have no
 * common form.
 */
function encodeSplit(lines: Buffer): Buffer | undefined {
  if (lines.length < splitBytesLeast || lines.length > splitBytesMax) return undefined
  const parts = threadSplitter().split(lines)
  if (!parts) return undefined
  const head = new ByteWriter(64)
  const packed: Buffer[] = []
  for (const name of partNames) {
    const { codec, stored } = pack(parts[name])
    head.u8(codec)
    head.varint(parts[name].length)
    head.varint(stored.length)
    packed.push(stored)
  }
  return Buffer.concat([head.finish(), ...packed])
}

/** Opens a section of split lines for searches. @throws as `unpackSection`. */
export function openSearch(section: Buffer): SplitSearch {
  const [shape, ids, words] = readParts(section)
  return new SplitSearch({ shape: shape(), ids: ids(), words: words() })
}

type ReadPart = () => Buffer

/** Returns code that unpacks each part. */
function readParts(section: Buffer): [ReadPart, ReadPart, ReadPart, ReadPart, ReadPart] {
  const reader = new ByteReader(section)
  const heads = partNames.map(() => ({
    codec: reader.u8(),
    rawBytes: reader.varint(),
    storedBytes: reader.varint(),
  }))
  const parts = heads.map(({ codec, rawBytes, storedBytes }) => {
    const stored = reader.bytes(storedBytes)
    if (codec === codecs.raw && rawBytes === storedBytes) return () => stored
    if (codec !== codecs.zstd || rawBytes > splitBytesMax) {
      throw new RangeError('a part of split lines is damaged')
    }
    return () => unpack(stored, rawBytes)
  })
  return parts as [ReadPart, ReadPart, ReadPart, ReadPart, ReadPart]
}

/**
 * Returns the lines of a section: `lineBytes` with all `\n`.
 * @throws RangeError if the section is not what `encodeSplit` writes.
 */
function decodeSplit(section: Buffer, lineBytes: number): Buffer {
  if (lineBytes > splitBytesMax) throw new RangeError('split lines are too long')
  const parts = readParts(section).map(read => read())
  const [shape, ids, words, numbers, hex] = parts as [Buffer, Buffer, Buffer, Buffer, Buffer]
  const lines = threadSplitter().join({ shape, ids, words, numbers, hex }, lineBytes)
  for (const part of parts) if (part.buffer !== section.buffer) releaseBuffer(part)
  if (lines.length !== lineBytes) throw new RangeError('split lines have the wrong length')
  return lines
}
