// Appends blocks to a segment and ends it with the footer. In compacted segments, groups of filters lie together
// in runs, somewhere behind the blocks they belong to, and the counts of all blocks are in front of the footer.

import type { RowCounts } from '@skald/query'
import type { Allocate } from '../buffers.ts'
import { filterRunBytes } from '../limits.ts'
import { type BlockColumns, type Compression, encodeBlock } from './block.ts'
import { CountGroupWriter } from './counts/count-group.ts'
import { countRows } from './counts/count-rows.ts'
import type { BlockFilter } from './filter/block-filter.ts'
import { FilterGroupWriter, type FinishedFilterGroup } from './filter/filter-group.ts'
import type { KeyFinder } from './filter/key-finder.ts'
import { type FooterHead, FooterWriter } from './footer-writer.ts'
import {
  type BlockRecord,
  headerBytes,
  type SegmentVersion,
  segmentMagics,
  storedBytes,
} from './format.ts'

interface OpenPart {
  readonly tenant: string
  readonly day: number
  /** Of the last stream. */
  labelsText: string | undefined
  stream: number
  blockCount: number
  /** Groups of counts that are full, and the last one, which is not. */
  readonly countGroups: CountGroupWriter[]
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
  /** Last bytes of the file, in order. */
  readonly pieces: Buffer[]
  readonly sizeBytes: number
}

export interface SegmentWriterOptions {
  /** Finds the keys of new blocks for their filters. Without it, they get none. */
  readonly keys?: KeyFinder
  /** Returns memory for the columns of a block, until its bytes are written. The heap if absent. */
  readonly allocate?: Allocate
  /** Called for each block with its record as it is in the footer. */
  readonly onBlock?: (owner: BlockOwner, record: BlockRecord) => void
}

/**
 * Builds one segment. Add all blocks of a stream together, and all streams of a part together.
 * Append the bytes of every call to the file, in order.
 */
export class SegmentWriter {
  readonly version: SegmentVersion
  readonly #compression: Compression
  readonly #options: SegmentWriterOptions
  readonly #footer: FooterWriter
  readonly #parts: OpenPart[] = []
  #group: FilterGroupWriter | undefined
  /** Groups of filters that wait until there are enough for a run. */
  #run: { readonly part: number; readonly group: FinishedFilterGroup }[] = []
  #offsetBytes = headerBytes

  constructor(compression: Compression, options: SegmentWriterOptions = {}) {
    this.#compression = compression
    this.version = compression === 'none' ? 1 : 2
    this.#options = options
    this.#footer = new FooterWriter(this.version)
  }

  /** First bytes of the file. */
  get header(): Buffer {
    return segmentMagics[this.version]
  }

  /** Encodes a block. Returns the bytes to append. */
  add(owner: BlockOwner, columns: BlockColumns): Buffer[] {
    const { record, bytes } = encodeBlock(columns, this.#compression, this.#options.allocate)
    const before = this.#beginBlock(owner)
    const filter = this.#options.keys?.filterOf(columns, columns.metadata?.sets ?? [])
    const counts =
      this.version >= 2
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

  /** Ends the segment. Returns the bytes to append, with the footer, and the size of the file. */
  finish(head: FooterHead): FinishedSegment {
    const pieces = [...this.#endGroup(), ...this.#endRun(), ...this.#endCounts()]
    let sizeBytes = this.#offsetBytes
    for (const piece of this.#footer.finish(head)) {
      pieces.push(piece)
      sizeBytes += piece.length
    }
    return { pieces, sizeBytes }
  }

  /** Begins the part of a block, if it is another one. Returns a run of filters if one is full. */
  #beginBlock({ tenant, day }: BlockOwner): Buffer[] {
    const part = this.#parts.at(-1)
    const isSamePart = part?.tenant === tenant && part.day === day
    const pieces = !isSamePart || this.#group?.isFull ? this.#endGroup() : []
    if (isSamePart) return pieces
    this.#parts.push({
      tenant,
      day,
      labelsText: undefined,
      stream: -1,
      blockCount: 0,
      countGroups: [],
    })
    this.#footer.beginPart(tenant, day)
    return pieces
  }

  /** Adds the open group to the run. Returns the run before it, if there is no room for another group. */
  #endGroup(): Buffer[] {
    const group = this.#group?.finish()
    this.#group = undefined
    if (!group) return []
    const runBytes = this.#run.reduce((sum, one) => sum + one.group.bytes.length, 0)
    const pieces = runBytes + group.bytes.length > filterRunBytes ? this.#endRun() : []
    this.#run.push({ part: this.#parts.length - 1, group })
    return pieces
  }

  /** Places the groups that wait one after the other, so that one read brings them all. */
  #endRun(): Buffer[] {
    const pieces = this.#run.map(({ part, group: { record, bytes } }) => {
      this.#footer.addFilters(part, { ...record, offsetBytes: this.#offsetBytes })
      this.#offsetBytes += bytes.length
      return bytes
    })
    this.#run = []
    return pieces
  }

  #endCounts(): Buffer[] {
    const pieces: Buffer[] = []
    for (const [part, { countGroups }] of this.#parts.entries()) {
      for (const writer of countGroups) {
        const group = writer.finish(this.#offsetBytes)
        if (!group) continue
        this.#footer.addCounts(part, group.record)
        pieces.push(group.bytes)
        this.#offsetBytes += group.bytes.length
      }
    }
    return pieces
  }

  #place(
    owner: BlockOwner,
    found: Omit<BlockRecord, 'stream' | 'offsetBytes'>,
    { filter, counts }: KnownOfBlock,
  ): void {
    const part = this.#parts.at(-1)!
    if (part.labelsText !== owner.labelsText) {
      part.labelsText = owner.labelsText
      part.stream = this.#footer.addStream(owner.labelsText)
    }
    if (this.version >= 2) {
      this.#group ??= new FilterGroupWriter(part.blockCount)
      this.#group.add(filter)
      countGroupOf(part).add(counts)
    }
    part.blockCount++
    const record = { ...found, stream: part.stream, offsetBytes: this.#offsetBytes }
    this.#footer.addBlock(record)
    this.#options.onBlock?.(owner, record)
    this.#offsetBytes += storedBytes(record)
  }
}

/** Returns the group of counts that the next block of a part belongs to. */
function countGroupOf({ countGroups, blockCount }: OpenPart): CountGroupWriter {
  const last = countGroups.at(-1)
  if (last && !last.isFull) return last
  const next = new CountGroupWriter(blockCount)
  countGroups.push(next)
  return next
}
