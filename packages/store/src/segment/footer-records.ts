// Collects the records of a segment of level 0 while it is written. Queries get them from memory, so a fresh
// segment need not be read.

import type { FooterHead } from './footer-writer.ts'
import type { BlockRecord, SegmentFooter, SegmentPart, SegmentVersion } from './format.ts'
import type { BlockOwner } from './writer.ts'

/** Call `add` for each block of the segment. */
export class FooterRecords {
  readonly #parts: (SegmentPart & {
    readonly streams: string[]
    readonly blocks: BlockRecord[]
  })[] = []

  add({ tenant, day, labelsText }: BlockOwner, record: BlockRecord): void {
    let part = this.#parts.at(-1)
    if (part?.tenant !== tenant || part.day !== day) {
      part = { tenant, day, streams: [], blocks: [], filters: [], counts: [] }
      this.#parts.push(part)
    }
    if (part.streams.length === record.stream) part.streams.push(labelsText)
    part.blocks.push(record)
  }

  /** Returns the footer without the groups of counts that a compressed segment has. */
  footer(head: FooterHead, version: SegmentVersion): SegmentFooter {
    return { ...head, version, parts: this.#parts }
  }
}
