// Where the streams of a part and the records of their blocks are in the bytes of a footer: a few bytes for
// each stream, however many blocks it has.

import { CorruptionError } from '../errors.ts'
import { ByteReader } from './bytes.ts'
import {
  type BlockRecord,
  decodeBlockRecord,
  type PartGroups,
  type ReadPart,
  skipBlockRecord,
} from './format.ts'

/** Where the streams of a part are. All arrays have an end after the last stream. */
export interface PartOutline {
  readonly tenant: string
  readonly day: number
  readonly streamCount: number
  readonly blockCount: number
  /** Offset of each label text in the footer, with its length before it. */
  readonly textOffsets: Uint32Array
  /** Index of each stream's first block. */
  readonly firstBlocks: Uint32Array
  /** Offset of the record of that block in the footer. */
  readonly blockOffsets: Uint32Array
}

/** Calls `onText` with the first byte and the end of each label text in the footer. */
export function outlinePart(
  reader: ByteReader,
  onText: (from: number, to: number) => void = () => {},
): ReadPart<PartOutline> {
  const tenant = reader.text()
  const day = reader.varint()
  const streamCount = reader.varint()
  const textOffsets = new Uint32Array(streamCount + 1)
  for (let i = 0; i < streamCount; i++) {
    textOffsets[i] = reader.at
    const length = reader.varint()
    reader.skip(length)
    onText(reader.at - length, reader.at)
  }
  textOffsets[streamCount] = reader.at
  const blockCount = reader.varint()
  const firstBlocks = new Uint32Array(streamCount + 1)
  const blockOffsets = new Uint32Array(streamCount + 1)
  let next = 0
  for (let i = 0; i < blockCount; i++) {
    const offset = reader.at
    const stream = skipBlockRecord(reader)
    if (stream >= streamCount || stream < next - 1)
      throw new RangeError('block of an unknown stream')
    for (; next <= stream; next++) {
      firstBlocks[next] = i
      blockOffsets[next] = offset
    }
  }
  for (; next <= streamCount; next++) {
    firstBlocks[next] = blockCount
    blockOffsets[next] = reader.at
  }
  const places = { textOffsets, firstBlocks, blockOffsets }
  return { part: { tenant, day, streamCount, blockCount, ...places }, blockCount }
}

/** A part of a footer whose checksum was right. */
export type OutlinedPart = PartOutline & PartGroups

/**
 * Decodes the records of a stream's blocks.
 * @param bytes The bytes of the footer from `blockOffsets[at]` to the next.
 * @throws CorruptionError when they are not records of this stream.
 */
export function decodeRecordsOf(
  bytes: Buffer,
  { part, at }: { readonly part: PartOutline; readonly at: number },
  { segment, footerOffset }: { readonly segment: string; readonly footerOffset: number },
): BlockRecord[] {
  const bounds = { footerOffset, streamCount: part.streamCount }
  const count = part.firstBlocks[at + 1]! - part.firstBlocks[at]!
  try {
    const reader = new ByteReader(bytes)
    const records = Array.from({ length: count }, () => decodeBlockRecord(reader, bounds))
    if (reader.remaining > 0 || records.some(({ stream }) => stream !== at))
      throw new RangeError('block of another stream')
    return records
  } catch (cause) {
    const message = (cause as Error).message
    throw new CorruptionError(message, { segment, offsetBytes: footerOffset, cause })
  }
}
