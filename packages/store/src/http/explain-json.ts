// The object `stats.skald` of a query answer, for requests with `explain=true`: what Skald did with
// each block, what it read, and how long each step took. docs/api.md lists the keys.

import type { ScanStats } from '@skald/query'

/** How a query came to its answer. Sizes are bytes. */
export interface Explanation {
  /** Parts of the query that were run, and those of them that another query had started. */
  readonly scans: number
  readonly scansShared: number
  readonly streams: number
  readonly segments: number
  /** Blocks of the tenant in these segments, by what became of them. */
  readonly blocks: {
    readonly outOfRange: number
    readonly otherStreams: number
    readonly deleted: number
    readonly filtered: number
    readonly counted: number
    readonly fromCounts: number
    readonly beyondLimit: number
    readonly scanned: number
  }
  readonly filters: {
    readonly asked: number
    readonly falseHits: number
    readonly damagedSegments: number
  }
  readonly counts: {
    /** Segments of which no block was opened, because counts told enough. */
    readonly segments: number
    readonly damagedSegments: number
  }
  readonly bytes: {
    readonly footersRead: number
    readonly filtersRead: number
    readonly countsRead: number
    readonly blocksRead: number
    readonly decompressed: number
  }
  /** Reads of the bucket, if there is one: of what was not on the disk. */
  readonly bucket: { readonly requests: number; readonly bytes: number }
  readonly seconds: {
    readonly streams: number
    readonly footers: number
    readonly filters: number
    readonly counts: number
    readonly scan: number
    readonly merge: number
    /** The rest of `summary.execTime`. */
    readonly rest: number
  }
  readonly threads: {
    readonly count: number
    readonly scanCpuSeconds: number
    readonly busiestScanCpuSeconds: number
  }
}

/** Explains a query that took `seconds`. */
export function explain(stats: ScanStats, seconds: number): Explanation {
  const { streamsMs, footersMs, filtersMs, countsMs, scanMs, mergeMs } = stats
  const stepsMs = streamsMs + footersMs + filtersMs + countsMs + scanMs + mergeMs
  return {
    scans: stats.leaves,
    scansShared: stats.leavesShared,
    streams: stats.streams,
    segments: stats.segments,
    blocks: {
      outOfRange: stats.blocksOutOfRange,
      otherStreams: stats.blocksOfOtherStreams,
      deleted: stats.blocksDeleted,
      filtered: stats.blocksFiltered,
      counted: stats.blocksCounted,
      fromCounts: stats.blocksFromCounts,
      beyondLimit: stats.blocksBeyondLimit,
      scanned: stats.blocksScanned,
    },
    filters: {
      asked: stats.filtersAsked,
      falseHits: stats.filterFalseHits,
      damagedSegments: stats.filtersDamaged,
    },
    counts: {
      segments: stats.segmentsFromCounts,
      damagedSegments: stats.countsDamaged,
    },
    bytes: {
      footersRead: stats.footerBytesRead,
      filtersRead: stats.filterBytesRead,
      countsRead: stats.countBytesRead,
      blocksRead: stats.blockBytesRead,
      decompressed: stats.bytesDecompressed,
    },
    bucket: { requests: stats.bucketRequests, bytes: stats.bucketBytesRead },
    seconds: {
      streams: secondsOf(streamsMs),
      footers: secondsOf(footersMs),
      filters: secondsOf(filtersMs),
      counts: secondsOf(countsMs),
      scan: secondsOf(scanMs),
      merge: secondsOf(mergeMs),
      // A shared scan may have begun before the query.
      rest: secondsOf(Math.max(0, seconds * 1000 - stepsMs)),
    },
    threads: {
      count: stats.scanThreads,
      scanCpuSeconds: secondsOf(stats.scanCpuMs),
      busiestScanCpuSeconds: secondsOf(stats.scanCpuMostMs),
    },
  }
}

/** Converts to seconds with whole microseconds. */
function secondsOf(ms: number): number {
  return Math.round(ms * 1000) / 1e6
}
