// Runs a volume leaf: counts rows and their bytes per bucket from times, lengths and metadata counts. Reads
// no lines.

import type { BlockView } from '../blocks/block-view.ts'
import { createScanStats } from '../blocks/stats.ts'
import type { MemoryMeter } from '../memory-meter.ts'
import type { LeafResult } from '../plan/leaf-result.ts'
import type { LeafScanner, VolumeLeaf } from '../plan/log-source.ts'
import { lowerBound } from './row-source.ts'
import { VolumeTable, volumeBytes } from './volume-table.ts'

export class VolumeScanner implements LeafScanner {
  readonly #leaf: VolumeLeaf
  readonly #table: VolumeTable
  readonly #stats = createScanStats()

  /** @param meter Counts what the scanner keeps. */
  constructor(leaf: VolumeLeaf, meter?: MemoryMeter) {
    this.#leaf = leaf
    this.#table = new VolumeTable(leaf, meter)
  }

  wants(): boolean {
    return true
  }

  scan(block: BlockView): boolean {
    const { startNs, endNs, grid } = this.#leaf
    const to = block.maxNs >= endNs ? lowerBound(block, endNs) : block.rowCount
    const from = block.minNs < startNs ? lowerBound(block, startNs) : 0
    if (from >= to) return false
    const columns = {
      times: block.timestamps(),
      lengths: block.lineLengths(),
      pairs: block.metadataPairs(),
      skip: block.skip,
    }
    let groups: number[] | undefined
    // Times ascend, so the rows of a bucket are a run.
    for (let row = from; row < to; ) {
      const timeNs = block.baseNs + BigInt(columns.times[row]!)
      const bucket = (timeNs - grid.startNs) / grid.stepNs
      const edgeNs = grid.startNs + (bucket + 1n) * grid.stepNs
      const end = edgeNs > block.maxNs ? to : Math.min(to, lowerBound(block, edgeNs))
      const rows = sumRows(columns, row, end)
      row = end
      if (rows.entries === 0) continue
      // Create the group only here: a group exists once it has a row.
      groups ??= this.#table.groupsOf(block.labels)
      this.#stats.linesProcessed += rows.entries
      this.#table.add(groups, Number(bucket), rows)
    }
    if (groups) this.#stats.blocksScanned++
    return groups !== undefined
  }

  finish(): LeafResult {
    return { kind: 'volume', found: this.#table.found(), stats: this.#stats }
  }
}

interface VolumeColumns {
  readonly lengths: Uint32Array
  readonly pairs: Uint32Array
  readonly skip: Uint8Array | undefined
}

function sumRows({ lengths, pairs, skip }: VolumeColumns, from: number, to: number) {
  let entries = 0
  let lineBytes = 0
  let metadataPairs = 0
  for (let row = from; row < to; row++) {
    if (skip && skip[row] === 1) continue
    entries++
    lineBytes += lengths[row]!
    metadataPairs += pairs[row]!
  }
  return { entries, bytes: volumeBytes(lineBytes, metadataPairs) }
}
