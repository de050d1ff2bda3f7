// Volumes from the footers of segments: a block that lies in one bucket is counted by its record, and
// only those that are cut by a bucket, may hold a row twice or have deleted rows are left to the scan
// threads.

import {
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

/** A volume as far as the footers tell it. */
export interface VolumePlan {
  readonly known: LeafResult
  /** What has to be scanned. */
  readonly groups: readonly BlockGroup[]
}

/** Counts what needs no scan. `blocksOf` are the blocks in the range, by stream, as `labels` are. */
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
  const stats = {
    blocksScanned: 0,
    blocksSkipped,
    bytesProcessed: 0,
    linesProcessed: 0,
    linesMatched: 0,
    structuredMetadataBytes: 0,
  }
  return { known: { kind: 'volume', found: table.found(), stats }, groups: scanned }
}

/** Blocks that share moments in time; where these are very many rows, a row may count twice. */
function groupsOf(blocks: readonly BlockRef[]): BlockGroup[] {
  return groupOverlapping(blocks, ({ record }) => record).flatMap(group => {
    const rowCount = group.reduce((sum, { record }) => sum + record.rowCount, 0)
    return rowCount <= volumeOverlapRowsMax ? [group] : group.map(block => [block])
  })
}

/** The bucket that a block lies in as a whole; -1 where its columns have to be looked at. */
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
