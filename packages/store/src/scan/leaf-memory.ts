// Estimates what a leaf will keep in memory, before it scans: from its blocks, its limit and its grid. It may be wrong
// in both directions. A leaf that needs more takes more as it grows.

import { isCountable, type Leaf, resultBytesOf } from '@skald/query'
import {
  blockPlanBytes,
  expectedSeriesMax,
  leafStateBytes,
  parserStateBytes,
  resultCopies,
  streamBytes,
} from '../limits.ts'
import type { BlockRef } from './messages.ts'

/** What is known about a leaf before it scans. */
export interface PlannedLeaf {
  readonly leaf: Leaf
  /** Streams that match. */
  readonly streamCount: number
  /** Blocks that may have to be read, by stream. */
  readonly blocksOf: readonly (readonly BlockRef[])[]
  readonly threadCount: number
}

/** Returns bytes, with all copies of the result. */
export function estimateLeaf({ leaf, streamCount, blocksOf, threadCount }: PlannedLeaf): number {
  let blocks = 0
  let rows = 0
  let lineBytes = 0
  for (const refs of blocksOf) {
    blocks += refs.length
    for (const { record } of refs) {
      rows += record.rowCount
      lineBytes += record.lineBytes
    }
  }
  const readsLines = leaf.kind !== 'volume' && !isCountable(leaf)
  const states = leafStateBytes + (readsLines && blocks > 0 ? threadCount * parserStateBytes : 0)
  const series = readsLines ? Math.min(rows, Math.max(expectedSeriesMax, streamCount)) : streamCount
  const result = resultBytesOf(leaf, { rows, lineBytes, series })
  return states + streamCount * streamBytes + blocks * blockPlanBytes + result * resultCopies
}
