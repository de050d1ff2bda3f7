// Derives the catalog's records of a segment from its footer. Commits, compactions and a rebuild of
// the catalog all use it.

import type { LabelSet } from '@skald/wire'
import type { BlockRecord, SegmentFooter, SegmentPart } from '../segment/format.ts'
import type { CatalogPart, PartSummary, StreamActivity } from './catalog.ts'

/** Summarizes the parts of a footer. `labelsOf` parses canonical label texts. */
export function catalogPartsOf(
  footer: SegmentFooter,
  labelsOf: (labelsText: string) => LabelSet,
): CatalogPart[] {
  return footer.parts.map(part => catalogPart(part, labelsOf))
}

/** Sums up the blocks of one tenant and day. */
export class PartTotals {
  #minNs = 0n
  #maxNs = 0n
  #rowCount = 0
  #lineBytes = 0
  #isEmpty = true

  add({ minNs, maxNs, rowCount, lineBytes }: BlockRecord): void {
    if (this.#isEmpty || minNs < this.#minNs) this.#minNs = minNs
    if (this.#isEmpty || maxNs > this.#maxNs) this.#maxNs = maxNs
    this.#rowCount += rowCount
    this.#lineBytes += lineBytes
    this.#isEmpty = false
  }

  /** Returns the sums; nothing if there was no block. */
  of(tenant: string, day: number): PartSummary | undefined {
    if (this.#isEmpty) return undefined
    const times = { minNs: this.#minNs, maxNs: this.#maxNs }
    return { tenant, day, ...times, rowCount: this.#rowCount, lineBytes: this.#lineBytes }
  }
}

function catalogPart(part: SegmentPart, labelsOf: (labelsText: string) => LabelSet): CatalogPart {
  const { tenant, day } = part
  const streams: StreamActivity[] = []
  const totals = new PartTotals()
  // Blocks of one stream are adjacent.
  for (let i = 0; i < part.blocks.length; ) {
    const { stream } = part.blocks[i]!
    let { minNs, maxNs } = part.blocks[i]!
    for (; i < part.blocks.length && part.blocks[i]!.stream === stream; i++) {
      const block = part.blocks[i]!
      if (block.minNs < minNs) minNs = block.minNs
      if (block.maxNs > maxNs) maxNs = block.maxNs
      totals.add(block)
    }
    const labelsText = part.streams[stream]!
    streams.push({
      labelsText,
      // Only new streams are asked for their labels.
      get labels() {
        return labelsOf(labelsText)
      },
      minNs,
      maxNs,
    })
  }
  const none = { tenant, day, minNs: 0n, maxNs: 0n, rowCount: 0, lineBytes: 0 }
  return { ...(totals.of(tenant, day) ?? none), streams }
}
