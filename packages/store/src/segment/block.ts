// Encodes one block from columns in memory to sections of a segment, and decodes it again. Sections
// are decoded one at a time, so a reader pays only for the columns it uses.

import { crc32 } from 'node:zlib'
import type { MetadataColumn } from '@skald/query'
import { gapNames } from '@skald/wire'
import { type Allocate, releaseBuffer } from '../buffers.ts'
import { CorruptionError } from '../errors.ts'
import { decodeTimestamps, decodeUints, encodeTimestamps, encodeUints } from './columns.ts'
import {
  absentSection,
  type BlockRecord,
  codecs,
  flagGaps,
  type SectionName,
  type SectionRecord,
  sectionNames,
} from './format.ts'
import { emptyMetadata, encodeMetadataSets, StoredSets } from './metadata-sets.ts'
import { pack } from './packing.ts'
import type { SplitSearch } from './split/split-search.ts'
import { packLines, SplitSection, unpackSection } from './split/split-section.ts'

/** Rows of one stream in memory, ascending by time, without duplicates. */
export interface BlockColumns {
  readonly flags: number
  readonly sequence: number
  readonly minNs: bigint
  readonly maxNs: bigint
  /** Row → nanoseconds since `minNs`. */
  readonly timestamps: Float64Array
  readonly lengths: Uint32Array
  /** Lines end to end, each followed by one `\n`. */
  readonly lines: Buffer
  /** Absent if no row has any. */
  readonly metadata: MetadataColumn | undefined
}

/**
 * How the sections of a block are stored. `none`: as they are, for level 0 on a local disk. `zstd`: each compressed,
 * for level 0 in a bucket. `split`: compressed too, and lines split where that makes them smaller, for the levels above.
 * Splitting costs twice the CPU of compressing, so only what stays is split.
 */
export type Compression = 'none' | 'zstd' | 'split'

/**
 * Encodes a block. Returns its record without stream and offset, and its sections in file order.
 * Without compression, the returned buffers share memory with `columns` and with what `allocate` returns.
 */
export function encodeBlock(
  columns: BlockColumns,
  compression: Compression,
  allocate: Allocate = Buffer.allocUnsafe,
): { record: Omit<BlockRecord, 'stream' | 'offsetBytes'>; bytes: Buffer[] } {
  const { metadata, timestamps, lengths, lines } = columns
  const raw: Record<SectionName, Buffer | undefined> = {
    timestamps: encodeTimestamps(timestamps, allocate),
    lengths: encodeUints(lengths, allocate),
    metadataSets: metadata && encodeMetadataSets(metadata.sets),
    rowSets: metadata && encodeUints(metadata.rowSets, allocate),
    lines,
  }
  const bytes: Buffer[] = []
  const sections = sectionNames.map(name => {
    const section = raw[name]
    if (!section || section.length === 0) return absentSection
    const { codec, stored } =
      compression === 'none'
        ? { codec: codecs.raw, stored: section }
        : name === 'lines' && compression === 'split'
          ? packLines(section, lengths)
          : pack(section)
    bytes.push(stored)
    return { codec, storedBytes: stored.length, rawBytes: section.length, crc: crc32(stored) }
  })
  const { sequence, minNs, maxNs } = columns
  const flags = columns.flags | (metadata && hasGaps(metadata) ? flagGaps : 0)
  const rowCount = lengths.length
  const lineBytes = lines.length - rowCount
  const metadataPairs = metadata ? countPairs(metadata) : 0
  const head = { flags, sequence, rowCount, minNs, maxNs, lineBytes, metadataPairs }
  return { record: { ...head, sections }, bytes }
}

function hasGaps({ sets }: MetadataColumn): boolean {
  return sets.some(set => set.some(({ name }) => name === gapNames.kind))
}

function countPairs({ sets, rowSets }: MetadataColumn): number {
  const sizes = Uint32Array.from(sets, set => set.length)
  let pairs = 0
  for (let row = 0; row < rowSets.length; row++) pairs += sizes[rowSets[row]!]!
  return pairs
}

/** Returns the stored bytes of a section: `length` bytes at `offsetBytes` of the file. */
export type ReadBytes = (offsetBytes: number, length: number) => Buffer

/** Reads the columns of one block on demand. `release` frees their memory. */
export class BlockReader {
  readonly record: BlockRecord
  readonly #segment: string
  readonly #read: ReadBytes
  readonly #allocateLines: Allocate | undefined
  /** What was decoded, in memory of its own. */
  readonly #columns: ArrayBufferView[] = []
  #hasLines = false
  #split: SplitSection | undefined
  #search: SplitSearch | undefined

  /** @param allocateLines Returns memory for joined lines. By default it is their own, and `release` frees it. */
  constructor(
    segment: string,
    record: BlockRecord,
    read: ReadBytes,
    allocateLines?: Allocate | undefined,
  ) {
    this.#segment = segment
    this.record = record
    this.#read = read
    this.#allocateLines = allocateLines
  }

  /** Checks the checksums of sections without decoding them. @throws CorruptionError */
  verify(names: readonly SectionName[]): void {
    for (const name of names) this.#stored(name)
  }

  /**
   * This and all methods below: @throws CorruptionError when the checksum or the contents are
   * wrong.
   */
  timestamps(): Float64Array {
    return this.#column('timestamps', bytes => decodeTimestamps(bytes, this.record.rowCount))
  }

  lengths(): Uint32Array {
    return this.#column('lengths', bytes => decodeUints(bytes, this.record.rowCount))
  }

  lines(): Buffer {
    const lines = this.#unpackedLines()
    this.#releaseSplit()
    const { codec } = this.#place('lines').section
    // Raw lines are in memory of the reader.
    const isOwn = codec === codecs.zstd || (codec === codecs.split && !this.#allocateLines)
    if (isOwn) this.#columns.push(lines)
    this.#hasLines = true
    return lines
  }

  /**
   * Returns 1 for each row whose line has a text, without decoding the lines. `undefined` if that
   * needs the lines, as for those that were decoded already.
   */
  rowsWith(text: Buffer): Uint8Array | undefined {
    if (this.#hasLines || this.#place('lines').section.codec !== codecs.split) return undefined
    const search = this.#search ?? this.#openSearch()
    return this.#guard('lines', () => search.find(text.toString('latin1')))
  }

  /** Frees the memory of all columns but metadata sets. Do not read them afterwards. */
  release(): void {
    for (const column of this.#columns) releaseBuffer(column)
    this.#columns.length = 0
    this.#hasLines = false
    this.#releaseSplit()
  }

  #unpackedLines(): Buffer {
    const { section } = this.#place('lines')
    const allocate = this.#allocateLines ?? Buffer.allocUnsafeSlow
    const split = this.#split
    if (split) return this.#guard('lines', () => split.join(section.rawBytes, allocate))
    const stored = this.#stored('lines')
    return this.#guard('lines', () => unpackSection(stored, section, allocate))
  }

  #openSearch(): SplitSearch {
    const stored = this.#stored('lines')
    return this.#guard('lines', () => {
      this.#split = new SplitSection(stored)
      this.#search = this.#split.search(this.record.rowCount)
      return this.#search
    })
  }

  #releaseSplit(): void {
    this.#split?.release()
    this.#split = undefined
    this.#search = undefined
  }

  /**
   * Returns metadata as stored, without `detected_level` if the block's flag says that levels are
   * pending.
   */
  metadata(): MetadataColumn {
    const { rowCount, sections } = this.record
    if (sections[sectionNames.indexOf('rowSets')]!.storedBytes === 0) return emptyMetadata(rowCount)
    const table = this.#storedSets()
    const readRowSets = () => this.#rowSets(table.setCount)
    let rowSets: Uint32Array | undefined
    return {
      table,
      get sets() {
        return table.sets
      },
      // Decoded on demand: queries read the names of many blocks, but the rows' sets of only few.
      get rowSets() {
        rowSets ??= readRowSets()
        return rowSets
      },
    }
  }

  /** Row → number of metadata pairs as stored, or `undefined` if no row has any. */
  metadataPairs(): Uint32Array | undefined {
    const { rowCount, metadataPairs } = this.record
    if (metadataPairs === 0) return undefined
    const sizes = this.#storedSets().pairCounts()
    const pairs = this.#rowSets(sizes.length)
    for (let row = 0; row < rowCount; row++) pairs[row] = sizes[pairs[row]!]!
    return pairs
  }

  #storedSets(): StoredSets {
    const isRaw = this.#place('metadataSets').section.codec === codecs.raw
    // Raw bytes are in memory of the reader, who may use it again before the sets are decoded.
    return this.#decode('metadataSets', bytes => new StoredSets(isRaw ? Buffer.from(bytes) : bytes))
  }

  #rowSets(setCount: number): Uint32Array {
    const { rowCount } = this.record
    const rowSets = this.#column('rowSets', bytes => decodeUints(bytes, rowCount))
    for (let i = 0; i < rowCount; i++) {
      if (rowSets[i]! >= setCount)
        throw this.#damaged('rowSets', 'a row has an unknown metadata set')
    }
    return rowSets
  }

  #stored(name: SectionName): Buffer {
    const { section, offsetBytes } = this.#place(name)
    const stored = this.#read(offsetBytes, section.storedBytes)
    const actual = crc32(stored)
    if (stored.length !== section.storedBytes || actual !== section.crc) {
      throw this.#damaged(
        name,
        `checksum of ${name} is ${actual.toString(16)}, expected ${section.crc.toString(16)}`,
      )
    }
    return stored
  }

  #column<T extends ArrayBufferView>(name: SectionName, decode: (bytes: Buffer) => T): T {
    const column = this.#decode(name, bytes => {
      const decoded = decode(bytes)
      if (this.#place(name).section.codec !== codecs.raw) releaseBuffer(bytes)
      return decoded
    })
    this.#columns.push(column)
    return column
  }

  #decode<T>(name: SectionName, decode: (bytes: Buffer) => T): T {
    const { section } = this.#place(name)
    const stored = this.#stored(name)
    return this.#guard(name, () => decode(unpackSection(stored, section)))
  }

  /** Says that a section is damaged if it cannot be decoded. */
  #guard<T>(name: SectionName, decode: () => T): T {
    try {
      return decode()
    } catch (cause) {
      throw this.#damaged(name, (cause as Error).message, cause)
    }
  }

  #place(name: SectionName): { section: SectionRecord; offsetBytes: number } {
    let offsetBytes = this.record.offsetBytes
    for (const [i, section] of this.record.sections.entries()) {
      if (sectionNames[i] === name) return { section, offsetBytes }
      offsetBytes += section.storedBytes
    }
    throw new RangeError(`block has no section ${name}`)
  }

  #damaged(name: SectionName, why: string, cause?: unknown): CorruptionError {
    const { offsetBytes } = this.#place(name)
    return new CorruptionError(why, { segment: this.#segment, offsetBytes, cause })
  }
}
