// Formats the `stats` object of a query answer like Loki's; Grafana and logcli show parts of it.
// Fields without a counterpart here are 0.

import type { ScanStats } from '@skald/query'
import { explain } from './explain-json.ts'

const emptyCache = {
  entriesFound: 0,
  entriesRequested: 0,
  entriesStored: 0,
  bytesReceived: 0,
  bytesSent: 0,
  requests: 0,
  downloadTime: 0,
  queryLengthServed: 0,
}

/** A query that has ended. */
export interface EndedQuery {
  readonly seconds: number
  /** Entries it returned. */
  readonly entryCount: number
  /** Whether the client wants the object `skald` as well. */
  readonly isExplained?: boolean
}

/** Formats the object for a query. */
export function formatStats(
  stats: ScanStats,
  { seconds, entryCount, isExplained = false }: EndedQuery,
): string {
  const perSecond = (count: number) => (seconds > 0 ? Math.round(count / seconds) : 0)
  const store = (isFilled: boolean) => ({
    totalChunksRef: isFilled ? stats.blocksScanned + stats.blocksSkipped : 0,
    totalChunksDownloaded: isFilled ? stats.blocksScanned : 0,
    chunksDownloadTime: 0,
    queryReferencedStructuredMetadata: false,
    chunk: {
      headChunkBytes: 0,
      headChunkLines: 0,
      decompressedBytes: isFilled ? stats.bytesProcessed : 0,
      decompressedLines: isFilled ? stats.linesProcessed : 0,
      compressedBytes: 0,
      totalDuplicates: 0,
      postFilterLines: isFilled ? stats.linesMatched : 0,
      headChunkStructuredMetadataBytes: 0,
      decompressedStructuredMetadataBytes: isFilled ? stats.structuredMetadataBytes : 0,
    },
    chunkRefsFetchTime: 0,
    congestionControlLatency: 0,
    pipelineWrapperFilteredLines: 0,
  })
  return JSON.stringify({
    summary: {
      bytesProcessedPerSecond: perSecond(stats.bytesProcessed),
      linesProcessedPerSecond: perSecond(stats.linesProcessed),
      totalBytesProcessed: stats.bytesProcessed,
      totalLinesProcessed: stats.linesProcessed,
      execTime: seconds,
      queueTime: 0,
      subqueries: 0,
      totalEntriesReturned: entryCount,
      splits: 0,
      shards: 0,
      totalPostFilterLines: stats.linesMatched,
      totalStructuredMetadataBytesProcessed: stats.structuredMetadataBytes,
    },
    querier: { store: store(true) },
    ingester: {
      totalReached: 0,
      totalChunksMatched: 0,
      totalBatches: 0,
      totalLinesSent: 0,
      store: store(false),
    },
    cache: {
      chunk: emptyCache,
      index: emptyCache,
      result: emptyCache,
      statsResult: emptyCache,
      volumeResult: emptyCache,
      seriesResult: emptyCache,
      labelResult: emptyCache,
      instantMetricResult: emptyCache,
    },
    index: { totalChunks: 0, postFilterChunks: 0, shardsDuration: 0, usedBloomFilters: false },
    ...(isExplained && { skald: explain(stats, seconds) }),
  })
}
