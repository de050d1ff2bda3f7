// Computes volumes from the footers of segments. A block that fits into one bucket is counted from
// its record. Only blocks that cross a bucket border, may hold duplicates or have deleted rows go
// to the scan threads.

import {
  createScanStats,
  type LeafResult,
  type Pause,
  type VolumeLeaf,
  VolumeTable,
  volumeBytes,
} from '@skald/query'
import type { LabelSet } from '@skald/wire'
import { volumeOverlapRowsMax } from '../limits.ts'
import { type BlockRecord, flagLevelsPending } from '../segment/format.ts'
import { groupOverlapping } from '../segment/overlap.ts'
import type { BlockGroup, BlockRef } from './messages.ts'

/** The part of a volume known from footers, and what is left to scan. */
export interface VolumePlan {
  readonly known: LeafResult
  /** Groups of blocks to scan. */
  readonly groups: readonly BlockGroup[]
}

/**
 * Counts everything that needs no scan. `blocksOf` has the blocks in the range by stream, in the
 * order of `labels`.
 */
export async function planVolume(
  leaf: VolumeLeaf,
  { labels, blocksOf }: { labels: readonly LabelSet[]; blocksOf: readonly (readonly BlockRef[])[] },
  pause: Pause,
): Promise<VolumePlan> {
  const table = new VolumeTable(leaf)
  const scanned: BlockGroup[] = []
  let blocksSkipped = 0
  for (const [stream, blocks] of blocksOf.entries()) {
    let keys: number[] | undefined
    for (const group of groupsOf(blocks)) {
      const isCounted = group.length === 1 && !group[0]!.deletes
      const bucket = isCounted ? bucketOf(leaf, group[0]!.record) : -1
      if (bucket < 0) {
        scanned.push(group)
        continue
      }
      keys ??= table.groupsOf(labels[stream]!)
      table.add(keys, bucket, rowsOf(group[0]!.record))
      blocksSkipped++
    }
    await pause(1 + blocks.length * 10)
  }
  const stats = { ...createScanStats(), blocksSkipped }
  return { known: { kind: 'volume', found: table.found(), stats }, groups: scanned }
}

/**
 * Groups overlapping blocks. Very large groups are split up again, so their duplicates may count
 * twice.
 */
function groupsOf(blocks: readonly BlockRef[]): BlockGroup[] {
  return groupOverlapping(blocks, ({ record }) => record).flatMap(group => {
    const rowCount = group.reduce((sum, { record }) => sum + record.rowCount, 0)
    return rowCount <= volumeOverlapRowsMax ? [group] : group.map(block => [block])
  })
}

/** Returns the bucket that contains the whole block, or -1 if its columns must be read. */
function bucketOf({ startNs, endNs, grid }: VolumeLeaf, record: BlockRecord): number {
  const { minNs, maxNs, metadataPairs } = record
  if (minNs < startNs || maxNs >= endNs || metadataPairs === undefined) return -1
  const bucket = (minNs - grid.startNs) / grid.stepNs
  return (maxNs - grid.startNs) / grid.stepNs === bucket ? Number(bucket) : -1
}

function rowsOf({ rowCount, lineBytes, metadataPairs = 0, flags }: BlockRecord) {
  const pendingPairs = (flags & flagLevelsPending) === 0 ? 0 : rowCount
  return { entries: rowCount, bytes: volumeBytes(lineBytes, metadataPairs + pendingPairs) }
}
