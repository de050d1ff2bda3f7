// Appends blocks to a segment and ends it with the footer. In compacted segments, filters follow the
// blocks they belong to.

import { type BlockColumns, type Compression, encodeBlock } from './block.ts'
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
}

/** Where a block belongs. */
export interface BlockOwner {
  readonly tenant: string
  /** Days since 1970-01-01. */
  readonly day: number
  /** Canonical label set of its stream. */
  readonly labelsText: string
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
    this.#place(owner, record, filter)
    return [...before, ...bytes]
  }

  /**
   * Adds a block that is already encoded. Returns the bytes to append before its stored bytes.
   *
   * @param filter Filter of the block. Without one, searches always read it.
   */
  addEncoded(owner: BlockOwner, record: BlockRecord, filter: BlockFilter | undefined): Buffer[] {
    const before = this.#beginBlock(owner)
    this.#place(owner, record, filter)
    return before
  }

  /** Ends the segment. Returns the footer, the bytes to append, and the size of the file. */
  finish(head: Omit<SegmentFooter, 'parts' | 'version'>): FinishedSegment {
    const filters = this.#endGroup()
    const parts: SegmentPart[] = this.#parts
    const footer = { ...head, version: this.#version, parts }
    const end = encodeFooter(footer)
    const sizeBytes = this.#offsetBytes + end.length
    return { footer, bytes: Buffer.concat([...filters, end]), sizeBytes }
  }

  /** Ends the group of filters before this block if it is full, or if another part begins. */
  #beginBlock({ tenant, day }: BlockOwner): Buffer[] {
    const part = this.#parts.at(-1)
    if (part?.tenant === tenant && part.day === day)
      return this.#group?.isFull ? this.#endGroup() : []
    const bytes = this.#endGroup()
    this.#parts.push({ tenant, day, streams: [], blocks: [], filters: [] })
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

  #place(
    { labelsText }: BlockOwner,
    record: Omit<BlockRecord, 'stream' | 'offsetBytes'>,
    filter: BlockFilter | undefined,
  ): void {
    const part = this.#parts.at(-1)!
    if (part.streams.at(-1) !== labelsText) part.streams.push(labelsText)
    if (this.#version >= 2) {
      this.#group ??= new FilterGroupWriter(part.blocks.length)
      this.#group.add(filter)
    }
    part.blocks.push({
      ...record,
      stream: part.streams.length - 1,
      offsetBytes: this.#offsetBytes,
    })
    this.#offsetBytes += storedBytes(record)
  }
}
