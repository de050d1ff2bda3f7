// Adds up the statistics of scans.

import type { ScanStats } from './block-view.ts'

/** Scan statistics that can still grow. */
export type MutableScanStats = { -readonly [K in keyof ScanStats]: number }

/** Returns statistics of no work at all. */
export function createScanStats(): MutableScanStats {
  return {
    blocksScanned: 0,
    blocksSkipped: 0,
    bytesProcessed: 0,
    linesProcessed: 0,
    linesMatched: 0,
    structuredMetadataBytes: 0,
    leaves: 0,
    leavesShared: 0,
    streams: 0,
    segments: 0,
    blocksOutOfRange: 0,
    blocksOfOtherStreams: 0,
    blocksDeleted: 0,
    blocksFiltered: 0,
    blocksCounted: 0,
    blocksFromCounts: 0,
    blocksBeyondLimit: 0,
    filtersAsked: 0,
    filterFalseHits: 0,
    filtersDamaged: 0,
    segmentsFromCounts: 0,
    countsDamaged: 0,
    footerBytesRead: 0,
    filterBytesRead: 0,
    countBytesRead: 0,
    blockBytesRead: 0,
    bucketRequests: 0,
    bucketBytesRead: 0,
    bytesDecompressed: 0,
    streamsMs: 0,
    footersMs: 0,
    filtersMs: 0,
    countsMs: 0,
    scanMs: 0,
    mergeMs: 0,
    scanThreads: 0,
    scanCpuMs: 0,
    scanCpuMostMs: 0,
  }
}

const names = Object.keys(createScanStats()) as readonly (keyof ScanStats)[]

/** Adds the statistics of one scan to a sum. Of the threads, the sum has the most of any scan. */
export function addScanStats(sum: MutableScanStats, stats: ScanStats): void {
  const scanThreads = Math.max(sum.scanThreads, stats.scanThreads)
  for (const name of names) sum[name] += stats[name]
  sum.scanThreads = scanThreads
}
