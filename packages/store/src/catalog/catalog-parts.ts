// Derives the catalog's records of a segment from its footer. Commits, compactions and a rebuild of
// the catalog all use it.

import type { LabelSet } from '@skald/wire'
import type { SegmentFooter, SegmentPart } from '../segment/format.ts'
import type { CatalogPart, StreamActivity } from './catalog.ts'

/** Summarizes the parts of a footer. `labelsOf` parses canonical label texts. */
export function catalogPartsOf(
  footer: SegmentFooter,
  labelsOf: (labelsText: string) => LabelSet,
): CatalogPart[] {
  return footer.parts.map(part => catalogPart(part, labelsOf))
}

/**
 * Summarizes the parts of a merged segment, without their streams: the catalog knows them from the
 * segments that it replaces.
 */
export function mergedPartsOf(footer: SegmentFooter): CatalogPart[] {
  return catalogPartsOf(footer, () => []).map(part => ({ ...part, streams: [] }))
}

function catalogPart(part: SegmentPart, labelsOf: (labelsText: string) => LabelSet): CatalogPart {
  const streams: StreamActivity[] = []
  let minNs = part.blocks[0]?.minNs ?? 0n
  let maxNs = part.blocks[0]?.maxNs ?? 0n
  let rowCount = 0
  let lineBytes = 0
  // Blocks of one stream are adjacent.
  for (let i = 0; i < part.blocks.length; ) {
    const { stream } = part.blocks[i]!
    let streamMinNs = part.blocks[i]!.minNs
    let streamMaxNs = part.blocks[i]!.maxNs
    for (; i < part.blocks.length && part.blocks[i]!.stream === stream; i++) {
      const block = part.blocks[i]!
      if (block.minNs < streamMinNs) streamMinNs = block.minNs
      if (block.maxNs > streamMaxNs) streamMaxNs = block.maxNs
      rowCount += block.rowCount
      lineBytes += block.lineBytes
    }
    if (streamMinNs < minNs) minNs = streamMinNs
    if (streamMaxNs > maxNs) maxNs = streamMaxNs
    const labelsText = part.streams[stream]!
    streams.push({
      labelsText,
      // Only new streams are asked for their labels.
      get labels() {
        return labelsOf(labelsText)
      },
      minNs: streamMinNs,
      maxNs: streamMaxNs,
    })
  }
  return { tenant: part.tenant, day: part.day, minNs, maxNs, rowCount, lineBytes, streams }
}
