// The segment file: names of its parts and their records. docs/segment-format.md specifies the bytes.
//
//   +--------+---------------------+-----+---------+-----+--------+--------+-------------------------+
//   | header | sections of block 0 | ... | filters | ... | counts | footer | trailer: length u32,    |
//   | 8      |                     |     |         |     |        |        | crc32 u32, magic 8      |
//   +--------+---------------------+-----+---------+-----+--------+--------+-------------------------+

import { crc32 } from 'node:zlib'
import { CorruptionError } from '../errors.ts'
import { footerBytesMax } from '../limits.ts'
import { ByteReader, ByteWriter } from './bytes.ts'
import type { CountRecord } from './counts/count-group.ts'
import type { FilterRecord } from './filter/filter-group.ts'

/** Version of the format. Segments of level 0 have version 1, those of compaction version 2. */
export type SegmentVersion = 1 | 2

/** First bytes of a segment: name and version of the format. */
export const segmentMagics: Readonly<Record<SegmentVersion, Buffer>> = {
  1: Buffer.from('SKALDS\x00\x01', 'latin1'),
  2: Buffer.from('SKALDS\x00\x02', 'latin1'),
}
/** Last bytes of a completely written segment. */
const trailerMagics: Readonly<Record<SegmentVersion, Buffer>> = {
  1: Buffer.from('SKALDE\x00\x01', 'latin1'),
  2: Buffer.from('SKALDE\x00\x02', 'latin1'),
}
export const headerBytes = 8
export const trailerBytes = 16

/** Returns the version whose name some bytes are. */
function versionOf(
  magics: Readonly<Record<SegmentVersion, Buffer>>,
  bytes: Buffer,
): SegmentVersion | undefined {
  return ([1, 2] as const).find(version => magics[version].equals(bytes))
}

/** Returns the version of a segment that begins with these bytes. */
export function versionOfHeader(head: Buffer): SegmentVersion | undefined {
  return versionOf(segmentMagics, head)
}

/** Order of a block's sections in the file and in its record. */
export const sectionNames = ['timestamps', 'lengths', 'metadataSets', 'rowSets', 'lines'] as const
export type SectionName = (typeof sectionNames)[number]

/** How the bytes of a section are stored. Only lines are split, see split/. */
export const codecs = { raw: 0, zstd: 1, split: 2 } as const
export type Codec = (typeof codecs)[keyof typeof codecs]

/** One column of one block in the file. An absent column has `storedBytes` 0. */
export interface SectionRecord {
  readonly codec: Codec
  readonly storedBytes: number
  /** Bytes after decompression. */
  readonly rawBytes: number
  /** CRC-32 (IEEE) of the stored bytes. */
  readonly crc: number
}

/** Flag of a block whose rows have no `detected_level` yet. */
export const flagLevelsPending = 1
/** Flag used only in the file: the record includes the number of metadata pairs. */
const flagPairsCounted = 2

/**
 * A block's position in the file, and everything about it that readers need before they open it.
 */
export interface BlockRecord {
  /** Index in the part's `streams`. */
  readonly stream: number
  readonly flags: number
  /** Arrival order among blocks of one stream: the sequence of the newest level-0 segment in it. */
  readonly sequence: number
  readonly rowCount: number
  /** Both inclusive. The times in the timestamps column count from `minNs`. */
  readonly minNs: bigint
  readonly maxNs: bigint
  /** Bytes of the lines without separators. */
  readonly lineBytes: number
  /**
   * Number of stored metadata pairs in all rows, pending levels not counted. `undefined` in files
   * from before this was recorded.
   */
  readonly metadataPairs: number | undefined
  readonly offsetBytes: number
  /** In the order of `sectionNames`, end to end from `offsetBytes`. */
  readonly sections: readonly SectionRecord[]
}

/** The blocks of one tenant and one UTC day, sorted by stream, then time. */
export interface SegmentPart {
  readonly tenant: string
  /** Days since 1970-01-01. */
  readonly day: number
  /** Canonical label sets. */
  readonly streams: readonly string[]
  readonly blocks: readonly BlockRecord[]
  /** Filters of the blocks, ascending. Empty in version 1. */
  readonly filters: readonly FilterRecord[]
  /** Counts of the rows of the blocks, ascending. Empty in version 1 and in older files of version 2. */
  readonly counts: readonly CountRecord[]
}

/** The decoded footer of a segment. */
export interface SegmentFooter {
  readonly version: SegmentVersion
  /** 0 for a fresh commit, higher for compacted segments. */
  readonly level: number
  readonly sequence: number
  /**
   * Names of the segments whose rows this one contains. A start uses them to finish an interrupted
   * compaction.
   */
  readonly replaces: readonly string[]
  /** Level 0: one for each tenant and day of the commit. Higher levels: exactly one. */
  readonly parts: readonly SegmentPart[]
}

/** Encodes footer and trailer. */
export function encodeFooter(footer: SegmentFooter): Buffer {
  const writer = new ByteWriter(4096)
  writer.varint(footer.level)
  writer.varint(footer.sequence)
  writer.varint(footer.replaces.length)
  for (const name of footer.replaces) writer.text(name)
  writer.varint(footer.parts.length)
  for (const part of footer.parts) {
    writer.text(part.tenant)
    writer.varint(part.day)
    writer.varint(part.streams.length)
    for (const labels of part.streams) writer.text(labels)
    writer.varint(part.blocks.length)
    for (const block of part.blocks) encodeBlockRecord(writer, block)
    if (footer.version >= 2) encodeFilterRecords(writer, part.filters)
  }
  if (footer.version >= 2 && footer.parts.some(isRecent)) {
    for (const { counts } of footer.parts) encodeCountRecords(writer, counts)
  }
  const body = Buffer.from(writer.finish())
  const trailer = Buffer.alloc(trailerBytes)
  trailer.writeUInt32LE(body.length, 0)
  trailer.writeUInt32LE(crc32(body), 4)
  trailerMagics[footer.version].copy(trailer, 8)
  return Buffer.concat([body, trailer])
}

function encodeBlockRecord(writer: ByteWriter, block: BlockRecord): void {
  const pairs = block.metadataPairs ?? 0
  writer.varint(block.stream)
  writer.u8(block.flags | (pairs > 0 ? flagPairsCounted : 0))
  writer.varint(block.sequence)
  writer.varint(block.rowCount)
  writer.i64(block.minNs)
  writer.i64(block.maxNs)
  writer.varint(block.lineBytes)
  if (pairs > 0) writer.varint(pairs)
  writer.varint(block.offsetBytes)
  for (const section of block.sections) {
    writer.varint(section.storedBytes)
    if (section.storedBytes === 0) continue
    writer.u8(section.codec)
    writer.varint(section.rawBytes)
    writer.u32(section.crc)
  }
}

function encodeFilterRecords(writer: ByteWriter, filters: readonly FilterRecord[]): void {
  writer.varint(filters.length)
  for (const { firstBlock, blockCount, offsetBytes, storedBytes, headBytes } of filters) {
    writer.varint(firstBlock)
    writer.varint(blockCount)
    writer.varint(offsetBytes)
    writer.varint(storedBytes)
    writer.varint(headBytes)
  }
}

/** Returns whether a part has what the first files of version 2 lack. */
function isRecent({ counts, filters }: SegmentPart): boolean {
  return counts.length > 0 || filters.some(({ hasNames }) => hasNames)
}

function encodeCountRecords(writer: ByteWriter, counts: readonly CountRecord[]): void {
  writer.varint(counts.length)
  for (const { firstBlock, blockCount, offsetBytes, storedBytes, crc } of counts) {
    writer.varint(firstBlock)
    writer.varint(blockCount)
    writer.varint(offsetBytes)
    writer.varint(storedBytes)
    writer.u32(crc)
  }
}

/**
 * Reads the trailer: where the footer begins, and its checksum.
 * @throws CorruptionError when the file is incomplete.
 */
export function decodeTrailer(
  segment: string,
  trailer: Buffer,
  fileBytes: number,
): FooterPlace & { readonly footerBytes: number } {
  const at = fileBytes - trailerBytes
  const version = versionOf(trailerMagics, trailer.subarray(8))
  if (trailer.length !== trailerBytes || version === undefined) {
    throw new CorruptionError('no valid trailer', { segment, offsetBytes: Math.max(at, 0) })
  }
  const footerBytes = trailer.readUInt32LE(0)
  const footerOffset = at - footerBytes
  if (footerOffset < headerBytes || footerBytes > footerBytesMax) {
    throw new CorruptionError(`footer length ${footerBytes} is out of range`, {
      segment,
      offsetBytes: at,
    })
  }
  return { version, footerOffset, footerBytes, crc: trailer.readUInt32LE(4) }
}

/** What the trailer says about the footer. */
interface FooterPlace {
  readonly version: SegmentVersion
  readonly footerOffset: number
  readonly crc: number
}

/**
 * Reads a footer (without its trailer) and checks that every block is inside the file.
 * @throws CorruptionError when the checksum or the contents are wrong.
 */
export function decodeFooter(segment: string, bytes: Buffer, place: FooterPlace): SegmentFooter {
  const actual = crc32(bytes)
  if (actual !== place.crc) {
    throw new CorruptionError(
      `footer checksum is ${actual.toString(16)}, expected ${place.crc.toString(16)}`,
      { segment, offsetBytes: place.footerOffset },
    )
  }
  try {
    const reader = new ByteReader(bytes)
    const level = reader.varint()
    const sequence = reader.varint()
    const replaces: string[] = []
    for (let left = reader.varint(); left > 0; left--) replaces.push(reader.text())
    const parts: SegmentPart[] = []
    for (let left = reader.varint(); left > 0; left--) {
      parts.push(decodePart(reader, place))
    }
    if (place.version >= 2 && reader.remaining > 0) addCounts(parts, reader, place.footerOffset)
    if (reader.remaining > 0) throw new RangeError('bytes follow the last part')
    return { version: place.version, level, sequence, replaces, parts }
  } catch (cause) {
    throw new CorruptionError((cause as Error).message, {
      segment,
      offsetBytes: place.footerOffset,
      cause,
    })
  }
}

function decodePart(reader: ByteReader, { version, footerOffset }: FooterPlace): SegmentPart {
  const tenant = reader.text()
  const day = reader.varint()
  const streams: string[] = []
  for (let left = reader.varint(); left > 0; left--) streams.push(reader.text())
  const blocks: BlockRecord[] = []
  for (let left = reader.varint(); left > 0; left--) {
    const block = decodeBlockRecord(reader)
    if (block.stream >= streams.length) throw new RangeError('block of an unknown stream')
    if (block.offsetBytes + storedBytes(block) > footerOffset) {
      throw new RangeError('block lies outside the file')
    }
    blocks.push(block)
  }
  const filters = version >= 2 ? decodeFilterRecords(reader, footerOffset, blocks.length) : []
  return { tenant, day, streams, blocks, filters, counts: [] }
}

/** Reads the counts of all parts, which are absent in older files. So are keys of names in their filters. */
function addCounts(parts: SegmentPart[], reader: ByteReader, footerOffset: number): void {
  for (const [i, part] of parts.entries()) {
    const counts = decodeCountRecords(reader, footerOffset, part.blocks.length)
    const filters = part.filters.map(filter => ({ ...filter, hasNames: true }))
    parts[i] = { ...part, filters, counts }
  }
}

function decodeCountRecords(
  reader: ByteReader,
  footerOffset: number,
  blockCount: number,
): CountRecord[] {
  const counts: CountRecord[] = []
  for (let left = reader.varint(); left > 0; left--) {
    const place = decodeGroupPlace(reader, counts.at(-1), { footerOffset, blockCount })
    counts.push({ ...place, crc: reader.u32() })
  }
  return counts
}

function decodeFilterRecords(
  reader: ByteReader,
  footerOffset: number,
  blockCount: number,
): FilterRecord[] {
  const filters: FilterRecord[] = []
  for (let left = reader.varint(); left > 0; left--) {
    const place = decodeGroupPlace(reader, filters.at(-1), { footerOffset, blockCount })
    const headBytes = reader.varint()
    if (headBytes > place.storedBytes) throw new RangeError('filters lie outside their group')
    filters.push({ ...place, headBytes, hasNames: false })
  }
  return filters
}

/** Place of the filters, or of the counts, of consecutive blocks. */
interface GroupPlace {
  readonly firstBlock: number
  readonly blockCount: number
  readonly offsetBytes: number
  readonly storedBytes: number
}

/** @throws RangeError if a group is not behind the one before it, or outside the part or the file. */
function decodeGroupPlace(
  reader: ByteReader,
  before: GroupPlace | undefined,
  bounds: { readonly footerOffset: number; readonly blockCount: number },
): GroupPlace {
  const firstBlock = reader.varint()
  const blockCount = reader.varint()
  const offsetBytes = reader.varint()
  const storedBytes = reader.varint()
  const next = before ? before.firstBlock + before.blockCount : 0
  if (firstBlock < next || firstBlock + blockCount > bounds.blockCount) {
    throw new RangeError('a group of unknown blocks')
  }
  if (offsetBytes + storedBytes > bounds.footerOffset) {
    throw new RangeError('a group lies outside the file')
  }
  return { firstBlock, blockCount, offsetBytes, storedBytes }
}

function decodeBlockRecord(reader: ByteReader): BlockRecord {
  const stream = reader.varint()
  const flags = reader.u8()
  const sequence = reader.varint()
  const rowCount = reader.varint()
  const minNs = reader.i64()
  const maxNs = reader.i64()
  const lineBytes = reader.varint()
  const countedPairs = (flags & flagPairsCounted) === 0 ? 0 : reader.varint()
  const offsetBytes = reader.varint()
  const sections = sectionNames.map((): SectionRecord => {
    const stored = reader.varint()
    if (stored === 0) return { codec: codecs.raw, storedBytes: 0, rawBytes: 0, crc: 0 }
    const codec = reader.u8()
    if (codec !== codecs.raw && codec !== codecs.zstd && codec !== codecs.split)
      throw new RangeError(`unknown codec ${codec}`)
    return { codec, storedBytes: stored, rawBytes: reader.varint(), crc: reader.u32() }
  })
  const hasMetadata = sections[sectionNames.indexOf('metadataSets')]!.storedBytes > 0
  return {
    stream,
    flags: flags & ~flagPairsCounted,
    sequence,
    rowCount,
    minNs,
    maxNs,
    lineBytes,
    metadataPairs: hasMetadata && countedPairs === 0 ? undefined : countedPairs,
    offsetBytes,
    sections,
  }
}

/** Returns the bytes that the sections of a block take up in the file. */
export function storedBytes(block: Pick<BlockRecord, 'sections'>): number {
  let bytes = 0
  for (const section of block.sections) bytes += section.storedBytes
  return bytes
}
