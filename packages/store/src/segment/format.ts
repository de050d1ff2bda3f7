// The segment file: names of its parts and their records. docs/segment-format.md specifies the bytes.
//
//   +--------+---------------------+-----+---------+-----+--------+--------+-------------------------+
//   | header | sections of block 0 | ... | filters | ... | counts | footer | trailer: length u32,    |
//   | 8      |                     |     |         |     |        |        | crc32 u32, magic 8      |
//   +--------+---------------------+-----+---------+-----+--------+--------+-------------------------+

import { crc32 } from 'node:zlib'
import { CorruptionError } from '../errors.ts'
import { footerBytesMax } from '../limits.ts'
import { ByteReader } from './bytes.ts'
import type { CountRecord } from './counts/count-group.ts'
import type { FilterRecord } from './filter/filter-group.ts'

/** Version of the format. Segments of level 0 in local files have version 1, all others version 2. */
export type SegmentVersion = 1 | 2

/** First bytes of a segment: name and version of the format. */
export const segmentMagics: Readonly<Record<SegmentVersion, Buffer>> = {
  1: Buffer.from('SKALDS\x00\x01', 'latin1'),
  2: Buffer.from('SKALDS\x00\x02', 'latin1'),
}
/** Last bytes of a completely written segment. */
export const trailerMagics: Readonly<Record<SegmentVersion, Buffer>> = {
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
/** Flag of a block with gap markers: entries that say which lines are missing from the stream. */
export const flagGaps = 4
/** Flag used only in the file: the record includes the number of metadata pairs. */
export const flagPairsCounted = 2

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

/**
 * Reads the trailer: where the footer begins, and its checksum.
 * @throws CorruptionError when the file is incomplete.
 */
export function decodeTrailer(segment: string, trailer: Buffer, fileBytes: number): FoundFooter {
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

/** A footer that was found and not yet read. */
export interface FoundFooter extends FooterPlace {
  readonly footerBytes: number
}

/**
 * Reads a footer (without its trailer) and checks that every block is inside the file.
 * @throws CorruptionError when the checksum or the contents are wrong.
 */
export function decodeFooter(segment: string, bytes: Buffer, place: FooterPlace): SegmentFooter {
  return readFooterBytes(segment, { bytes, place }, decodePart)
}

/** Groups of filters and counts of a part. */
export type PartGroups = Pick<SegmentPart, 'filters' | 'counts'>

/** A part that was read up to its last block. */
export interface ReadPart<Part> {
  readonly part: Part
  readonly blockCount: number
}

/**
 * Reads a footer (without its trailer), and each part with `readPart`, which reads from the part's tenant to
 * its last block.
 * @throws CorruptionError when the checksum or the contents are wrong.
 */
export function readFooterBytes<Part>(
  segment: string,
  { bytes, place }: { readonly bytes: Buffer; readonly place: FooterPlace },
  readPart: (reader: ByteReader, place: FooterPlace) => ReadPart<Part>,
): Omit<SegmentFooter, 'parts'> & { readonly parts: (Part & PartGroups)[] } {
  const actual = crc32(bytes)
  if (actual !== place.crc) {
    throw new CorruptionError(
      `footer checksum is ${actual.toString(16)}, expected ${place.crc.toString(16)}`,
      { segment, offsetBytes: place.footerOffset },
    )
  }
  try {
    const reader = new ByteReader(bytes)
    const { version, footerOffset } = place
    const level = reader.varint()
    const sequence = reader.varint()
    const replaces: string[] = []
    for (let left = reader.varint(); left > 0; left--) replaces.push(reader.text())
    const read: { part: Part; blockCount: number; filters: FilterRecord[] }[] = []
    for (let left = reader.varint(); left > 0; left--) {
      const { part, blockCount } = readPart(reader, place)
      const filters = version >= 2 ? decodeFilterRecords(reader, footerOffset, blockCount) : []
      read.push({ part, blockCount, filters })
    }
    // Older files of version 2 have no counts, and no keys of names in their filters.
    const isCounted = version >= 2 && reader.remaining > 0
    const parts = read.map(({ part, blockCount, filters }) => ({
      ...part,
      filters: isCounted ? filters.map(filter => ({ ...filter, hasNames: true })) : filters,
      counts: isCounted ? decodeCountRecords(reader, footerOffset, blockCount) : [],
    }))
    if (reader.remaining > 0) throw new RangeError('bytes follow the last part')
    return { version, level, sequence, replaces, parts }
  } catch (cause) {
    throw new CorruptionError((cause as Error).message, {
      segment,
      offsetBytes: place.footerOffset,
      cause,
    })
  }
}

function decodePart(
  reader: ByteReader,
  { footerOffset }: FooterPlace,
): ReadPart<Omit<SegmentPart, keyof PartGroups>> {
  const tenant = reader.text()
  const day = reader.varint()
  const streams: string[] = []
  for (let left = reader.varint(); left > 0; left--) streams.push(reader.text())
  const blocks: BlockRecord[] = []
  for (let left = reader.varint(); left > 0; left--) {
    blocks.push(decodeBlockRecord(reader, { footerOffset, streamCount: streams.length }))
  }
  return { part: { tenant, day, streams, blocks }, blockCount: blocks.length }
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

/** Shared by all blocks: with very many of them, it is half of their sections. */
export const absentSection: SectionRecord = {
  codec: codecs.raw,
  storedBytes: 0,
  rawBytes: 0,
  crc: 0,
}

/** What a block record of a part may refer to. */
export interface BlockBounds {
  readonly footerOffset: number
  readonly streamCount: number
}

/** @throws RangeError if the block is of an unknown stream, or lies outside the file. */
export function decodeBlockRecord(reader: ByteReader, bounds: BlockBounds): BlockRecord {
  const stream = reader.varint()
  if (stream >= bounds.streamCount) throw new RangeError('block of an unknown stream')
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
    if (stored === 0) return absentSection
    const codec = reader.u8()
    if (codec !== codecs.raw && codec !== codecs.zstd && codec !== codecs.split)
      throw new RangeError(`unknown codec ${codec}`)
    return { codec, storedBytes: stored, rawBytes: reader.varint(), crc: reader.u32() }
  })
  if (offsetBytes + storedBytes({ sections }) > bounds.footerOffset) {
    throw new RangeError('block lies outside the file')
  }
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

/** Skips a block record. Returns the index of its stream. */
export function skipBlockRecord(reader: ByteReader): number {
  const stream = reader.varint()
  const flags = reader.u8()
  reader.varint()
  reader.varint()
  reader.skip(16)
  reader.varint()
  if ((flags & flagPairsCounted) !== 0) reader.varint()
  reader.varint()
  for (let left = sectionNames.length; left > 0; left--) {
    if (reader.varint() === 0) continue
    reader.skip(1)
    reader.varint()
    reader.skip(4)
  }
  return stream
}

/** Returns the bytes that the sections of a block take up in the file. */
export function storedBytes(block: Pick<BlockRecord, 'sections'>): number {
  let bytes = 0
  for (const section of block.sections) bytes += section.storedBytes
  return bytes
}
