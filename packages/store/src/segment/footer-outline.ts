// Knows where a large footer has each stream and its blocks, in a few bytes for each. So a query for few
// streams of very many reads only theirs, and memory does not grow with the others.

import { CorruptionError } from '../errors.ts'
import { ByteReader } from './bytes.ts'
import {
  type BlockRecord,
  decodeBlockRecord,
  type FoundFooter,
  type PartGroups,
  type ReadPart,
  readFooterBytes,
  type SegmentPart,
  skipBlockRecord,
} from './format.ts'
import { checkName, type ReadRange } from './reader.ts'

/** A part with only some of its streams. */
export interface PartialPart extends SegmentPart {
  /** Index of each block in the whole part. */
  readonly blockIndexes: readonly number[]
  readonly blockCount: number
}

/** Where the streams of a part are. All arrays but the hashes have an end after the last stream. */
interface PartOutline {
  readonly tenant: string
  readonly day: number
  readonly streamCount: number
  readonly blockCount: number
  /** Hash of each label text. */
  readonly hashes: Uint32Array
  /** Offset of each label text in the footer. */
  readonly textOffsets: Uint32Array
  /** Index of each stream's first block. */
  readonly firstBlocks: Uint32Array
  /** Offset of the record of that block in the footer. */
  readonly blockOffsets: Uint32Array
}

/** The outline of one footer. Create it with readOutline. */
export class FooterOutline {
  readonly #segment: string
  readonly #footerOffset: number
  readonly #parts: readonly (PartOutline & PartGroups)[]

  constructor(segment: string, footerOffset: number, parts: readonly (PartOutline & PartGroups)[]) {
    this.#segment = segment
    this.#footerOffset = footerOffset
    this.#parts = parts
  }

  /** Memory that it takes, in bytes. */
  get costBytes(): number {
    return this.#parts.reduce((sum, { streamCount }) => sum + 16 * streamCount, 1024)
  }

  /**
   * Reads the parts of a tenant with only the given streams.
   * @throws CorruptionError when what it reads is no footer any more.
   */
  async read(
    tenant: string,
    labelsTexts: Iterable<string>,
    readRange: ReadRange,
  ): Promise<PartialPart[]> {
    const wanted = [...labelsTexts].map(text => ({ text, bytes: Buffer.from(text) }))
    const found: PartialPart[] = []
    for (const part of this.#parts) {
      if (part.tenant !== tenant) continue
      const streams: string[] = []
      const blocks: BlockRecord[] = []
      const blockIndexes: number[] = []
      const sorted: { readonly at: number; readonly text: string }[] = []
      for (const { text, bytes } of wanted) {
        const at = await this.#find(part, bytes, readRange)
        if (at !== undefined) sorted.push({ at, text })
      }
      sorted.sort((a, b) => a.at - b.at)
      for (const { at, text } of sorted) {
        for (const [i, record] of (await this.#records(part, at, readRange)).entries()) {
          blocks.push({ ...record, stream: streams.length })
          blockIndexes.push(part.firstBlocks[at]! + i)
        }
        streams.push(text)
      }
      const { day, filters, counts, blockCount } = part
      found.push({ tenant, day, streams, blocks, filters, counts, blockIndexes, blockCount })
    }
    return found
  }

  /** Returns the index of a stream in a part. */
  async #find(part: PartOutline, text: Buffer, read: ReadRange): Promise<number | undefined> {
    const hash = hashOf(text, 0, text.length)
    for (let at = part.hashes.indexOf(hash); at >= 0; at = part.hashes.indexOf(hash, at + 1)) {
      const bytes = await read(this.#footerOffset + part.textOffsets[at]!, text.length)
      // The text that follows may begin like this one.
      const isWhole = part.textOffsets[at + 1]! - part.textOffsets[at]! >= text.length
      if (isWhole && bytes.equals(text)) return at
    }
    return undefined
  }

  async #records(part: PartOutline, at: number, read: ReadRange): Promise<BlockRecord[]> {
    const from = part.blockOffsets[at]!
    const bytes = await read(this.#footerOffset + from, part.blockOffsets[at + 1]! - from)
    const bounds = { footerOffset: this.#footerOffset, streamCount: part.streamCount }
    const count = part.firstBlocks[at + 1]! - part.firstBlocks[at]!
    try {
      const reader = new ByteReader(bytes)
      const records = Array.from({ length: count }, () => decodeBlockRecord(reader, bounds))
      if (reader.remaining > 0 || records.some(({ stream }) => stream !== at))
        throw new RangeError('block of another stream')
      return records
    } catch (cause) {
      throw new CorruptionError((cause as Error).message, {
        segment: this.#segment,
        offsetBytes: this.#footerOffset,
        cause,
      })
    }
  }
}

/**
 * Reads and checks a footer, and keeps only its outline.
 * @throws CorruptionError when the footer is damaged.
 */
export async function readOutline(
  segment: string,
  place: FoundFooter,
  read: ReadRange,
): Promise<FooterOutline> {
  const bytes = await read(place.footerOffset, place.footerBytes)
  const footer = readFooterBytes(segment, { bytes, place }, reader => outlinePart(reader, bytes))
  checkName(segment, footer)
  return new FooterOutline(segment, place.footerOffset, footer.parts)
}

function outlinePart(reader: ByteReader, bytes: Buffer): ReadPart<PartOutline> {
  const tenant = reader.text()
  const day = reader.varint()
  const streamCount = reader.varint()
  const hashes = new Uint32Array(streamCount)
  const textOffsets = new Uint32Array(streamCount + 1)
  for (let i = 0; i < streamCount; i++) {
    const length = reader.varint()
    textOffsets[i] = reader.at
    reader.skip(length)
    hashes[i] = hashOf(bytes, textOffsets[i]!, reader.at)
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
  const part = {
    tenant,
    day,
    streamCount,
    blockCount,
    hashes,
    textOffsets,
    firstBlocks,
    blockOffsets,
  }
  return { part, blockCount }
}

/** FNV-1a of some bytes. */
function hashOf(bytes: Buffer, from: number, to: number): number {
  let hash = 0x811c9dc5
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193)
  return hash >>> 0
}
