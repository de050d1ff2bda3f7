// What scans touched, added up.

import type { ScanStats } from './block-view.ts'

/** Counts of a scan that can still grow. */
export type MutableScanStats = { -readonly [K in keyof ScanStats]: number }

export function createScanStats(): MutableScanStats {
  return {
    blocksScanned: 0,
    blocksSkipped: 0,
    bytesProcessed: 0,
    linesProcessed: 0,
    linesMatched: 0,
    structuredMetadataBytes: 0,
  }
}

/** Adds the counts of one scan to a sum. */
export function addScanStats(sum: MutableScanStats, stats: ScanStats): void {
  sum.blocksScanned += stats.blocksScanned
  sum.blocksSkipped += stats.blocksSkipped
  sum.bytesProcessed += stats.bytesProcessed
  sum.linesProcessed += stats.linesProcessed
  sum.linesMatched += stats.linesMatched
  sum.structuredMetadataBytes += stats.structuredMetadataBytes
}
