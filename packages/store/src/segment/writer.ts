// Appends blocks to a segment and ends it with the footer. In compacted segments, filters follow the
// blocks they belong to, and the counts of all blocks are in front of the footer.

import type { RowCounts } from '@skald/query'
import { type BlockColumns, type Compression, encodeBlock } from './block.ts'
import { CountGroupWriter, type CountRecord } from './counts/count-group.ts'
import { countRows } from './counts/count-rows.ts'
import type { BlockFilter } from './filter/block-filter.ts'
import { FilterGroupWriter, type FilterRecord } from './filter/filter-group.ts'
import type { KeyFinder } from './filter/key-finder.ts'
import {
  type BlockRecord,
  encodeFooter,
  headerBytes,
  type SegmentFooter,
  type SegmentPart,
  type SegmentVersion,
  segmentMagics,
  storedBytes,
} from './format.ts'

interface OpenPart {
  readonly tenant: string
  readonly day: number
  readonly streams: string[]
  readonly blocks: BlockRecord[]
  readonly filters: FilterRecord[]
  /** Groups of counts that are full, and the last one, which is not. */
  readonly countGroups: CountGroupWriter[]
  readonly counts: CountRecord[]
}

/** Where a block belongs. */
export interface BlockOwner {
  readonly tenant: string
  /** Days since 1970-01-01. */
  readonly day: number
  /** Canonical label set of its stream. */
  readonly labelsText: string
}

/** What queries know about a block without opening it. */
export interface KnownOfBlock {
  /** Without one, searches always read the block. */
  readonly filter: BlockFilter | undefined
  /** Without them, queries that count rows read the block. */
  readonly counts: RowCounts | undefined
}

/** The end of a segment. */
export interface FinishedSegment {
  readonly footer: SegmentFooter
  /** Last bytes of the file. */
  readonly bytes: Buffer
  readonly sizeBytes: number
}

/**
 * Builds one segment. Add all blocks of a stream together, and all streams of a part together.
 * Append the bytes of every call to the file, in order.
 */
export class SegmentWriter {
  readonly #compression: Compression
  readonly #version: SegmentVersion
  readonly #keys: KeyFinder | undefined
  readonly #parts: OpenPart[] = []
  #group: FilterGroupWriter | undefined
  #offsetBytes = headerBytes

  /** @param keys Finds the keys of new blocks for their filters. Without it, they get none. */
  constructor(compression: Compression, keys?: KeyFinder) {
    this.#compression = compression
    this.#version = compression === 'none' ? 1 : 2
    this.#keys = keys
  }

  /** First bytes of the file. */
  get header(): Buffer {
    return segmentMagics[this.#version]
  }

  /** Encodes a block. Returns the bytes to append. */
  add(owner: BlockOwner, columns: BlockColumns): Buffer[] {
    const { record, bytes } = encodeBlock(columns, this.#compression)
    const before = this.#beginBlock(owner)
    const filter = this.#keys?.filterOf(columns, columns.metadata?.sets ?? [])
    const counts =
      this.#version >= 2
        ? countRows(columns, owner.day, record.sections.at(-1)!.storedBytes)
        : undefined
    this.#place(owner, record, { filter, counts })
    return [...before, ...bytes]
  }

  /**
   * Adds a block that is already encoded. Returns the bytes to append before its stored bytes.
   *
   * @param known What is known about the block without opening it.
   */
  addEncoded(owner: BlockOwner, record: BlockRecord, known: KnownOfBlock): Buffer[] {
    const before = this.#beginBlock(owner)
    this.#place(owner, record, known)
    return before
  }

  /** Ends the segment. Returns the footer, the bytes to append, and the size of the file. */
  finish(head: Omit<SegmentFooter, 'parts' | 'version'>): FinishedSegment {
    const filters = this.#endGroup()
    const counts = this.#endCounts()
    const parts: SegmentPart[] = this.#parts.map(({ countGroups, ...part }) => part)
    const footer = { ...head, version: this.#version, parts }
    const end = encodeFooter(footer)
    const sizeBytes = this.#offsetBytes + end.length
    return { footer, bytes: Buffer.concat([...filters, ...counts, end]), sizeBytes }
  }

  /** Ends the group of filters before this block if it is full, or if another part begins. */
  #beginBlock({ tenant, day }: BlockOwner): Buffer[] {
    const part = this.#parts.at(-1)
    if (part?.tenant === tenant && part.day === day)
      return this.#group?.isFull ? this.#endGroup() : []
    const bytes = this.#endGroup()
    this.#parts.push({
      ...{ tenant, day, streams: [], blocks: [] },
      ...{ filters: [], countGroups: [], counts: [] },
    })
    return bytes
  }

  #endGroup(): Buffer[] {
    const group = this.#group?.finish(this.#offsetBytes)
    this.#group = undefined
    if (!group) return []
    this.#parts.at(-1)!.filters.push(group.record)
    this.#offsetBytes += group.bytes.length
    return [group.bytes]
  }

  #endCounts(): Buffer[] {
    const pieces: Buffer[] = []
    for (const { countGroups, counts } of this.#parts) {
      for (const writer of countGroups) {
        const group = writer.finish(this.#offsetBytes)
        if (!group) continue
        counts.push(group.record)
        pieces.push(group.bytes)
        this.#offsetBytes += group.bytes.length
      }
    }
    return pieces
  }

  #place(
    { labelsText }: BlockOwner,
    record: Omit<BlockRecord, 'stream' | 'offsetBytes'>,
    { filter, counts }: KnownOfBlock,
  ): void {
    const part = this.#parts.at(-1)!
    if (part.streams.at(-1) !== labelsText) part.streams.push(labelsText)
    if (this.#version >= 2) {
      this.#group ??= new FilterGroupWriter(part.blocks.length)
      this.#group.add(filter)
      countGroupOf(part).add(counts)
    }
    part.blocks.push({
      ...record,
      stream: part.streams.length - 1,
      offsetBytes: this.#offsetBytes,
    })
    this.#offsetBytes += storedBytes(record)
  }
}

/** Returns the group of counts that the next block of a part belongs to. */
function countGroupOf({ countGroups, blocks }: OpenPart): CountGroupWriter {
  const last = countGroups.at(-1)
  if (last && !last.isFull) return last
  const next = new CountGroupWriter(blocks.length)
  countGroups.push(next)
  return next
}
