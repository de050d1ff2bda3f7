// Appends blocks to a segment and ends it with the footer.

import { type BlockColumns, type Compression, encodeBlock } from './block.ts'
import {
  type BlockRecord,
  encodeFooter,
  type SegmentFooter,
  type SegmentPart,
  segmentMagic,
  storedBytes,
} from './format.ts'

interface OpenPart {
  readonly tenant: string
  readonly day: number
  readonly streams: string[]
  readonly blocks: BlockRecord[]
}

/** Builds one segment. Add all blocks of a stream together, and all streams of a part together. */
export class SegmentWriter {
  readonly #compression: Compression
  readonly #parts: OpenPart[] = []
  #offsetBytes = segmentMagic.length

  constructor(compression: Compression) {
    this.#compression = compression
  }

  /** Bytes of the segment so far, without the footer. */
  get sizeBytes(): number {
    return this.#offsetBytes
  }

  /** Encodes a block. Returns the bytes to append to the file, which starts with `segmentMagic`. */
  add(tenant: string, day: number, labelsText: string, columns: BlockColumns): Buffer[] {
    const { record, bytes } = encodeBlock(columns, this.#compression)
    this.#place(tenant, day, labelsText, record)
    return bytes
  }

  /** Adds a block that is already encoded. Append its stored bytes to the file unchanged. */
  addEncoded(tenant: string, day: number, labelsText: string, record: BlockRecord): void {
    this.#place(tenant, day, labelsText, record)
  }

  /** Ends the segment. Returns the footer and the bytes to append. */
  finish(head: Omit<SegmentFooter, 'parts'>): { footer: SegmentFooter; bytes: Buffer } {
    const parts: SegmentPart[] = this.#parts
    const footer = { ...head, parts }
    return { footer, bytes: encodeFooter(footer) }
  }

  #place(
    tenant: string,
    day: number,
    labelsText: string,
    record: Omit<BlockRecord, 'stream' | 'offsetBytes'>,
  ): void {
    let part = this.#parts.at(-1)
    if (part?.tenant !== tenant || part.day !== day) {
      part = { tenant, day, streams: [], blocks: [] }
      this.#parts.push(part)
    }
    if (part.streams.at(-1) !== labelsText) part.streams.push(labelsText)
    part.blocks.push({
      ...record,
      stream: part.streams.length - 1,
      offsetBytes: this.#offsetBytes,
    })
    this.#offsetBytes += storedBytes(record)
  }
}
