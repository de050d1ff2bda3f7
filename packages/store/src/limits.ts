// Limits of the store: those that a tenant's configuration sets, under Loki's names, and its own.

import type { QueryLimits } from '@skald/query'
import type { Matcher, OtlpMapping } from '@skald/wire'

/** Limits of one tenant: `limits_config` resolved to numbers. */
export interface TenantLimits {
  readonly maxLineBytes: number
  readonly truncateLongLines: boolean
  readonly maxLabelNameBytes: number
  readonly maxLabelValueBytes: number
  readonly maxLabelNames: number
  /** Older entries are rejected. If absent, none are. */
  readonly rejectOlderThanNs: bigint | undefined
  /** How far in the future an entry's time may be. */
  readonly creationGraceNs: bigint
  /** Bytes a tenant may push per second, and at once. 0 for no limit, absent for the default. */
  readonly ingestionRateBytes: number | undefined
  readonly ingestionBurstBytes: number | undefined
  /** The same for one stream. */
  readonly streamRateBytes: number | undefined
  readonly streamBurstBytes: number | undefined
  /** Maximum number of active streams of a tenant; 0 for no limit. */
  readonly maxStreams: number
  readonly discoverServiceName: readonly string[]
  readonly discoverLogLevels: boolean
  readonly logLevelFields: readonly string[]
  readonly allowStructuredMetadata: boolean
  readonly maxStructuredMetadataBytes: number
  readonly maxStructuredMetadataEntries: number
  /** Whether to separate lines with equal times. */
  readonly incrementDuplicateTimes: boolean
  /** Labels that every stream must have. */
  readonly enforcedLabels: readonly string[]
  /** Until when to reject all entries, and with which status; absent to accept them. */
  readonly ingestionBlock: { readonly untilNs: bigint; readonly status: number } | undefined
  /** How to map the attributes of OTLP logs. */
  readonly otlp: OtlpMapping
  /** How far back queries may look; 0 for no limit. */
  readonly maxQueryLookbackNs: bigint
  /** Maximum bytes of lines that a leaf of a query may read; 0 for no limit. */
  readonly maxQueryBytesRead: number
  /** The same, reported as the limit of a querier. */
  readonly maxQuerierBytesRead: number
  /** Maximum number of streams that a leaf of a query may find; 0 for no limit. */
  readonly cardinalityLimit: number
  readonly blockedQueries: readonly BlockedQuery[]
  /** How long to keep entries; 0 means forever. Always 0 if the compactor may not delete. */
  readonly retentionNs: bigint
  /** Periods of streams that differ from it. */
  readonly retentionStreams: readonly StreamRetention[]
  readonly deletionMode: 'filter-and-delete' | 'filter-only' | 'disabled'
  readonly queryTimeoutNs: bigint
  /** Maximum number of tail clients of a tenant; 0 for no limit. */
  readonly maxConcurrentTails: number
  readonly volumeEnabled: boolean
  readonly volumeMaxSeries: number
  readonly query: QueryLimits
}

/** How long to keep the streams of a selector. Of several rules, the highest priority wins. */
export interface StreamRetention {
  readonly matchers: readonly Matcher[]
  readonly priority: number
  readonly periodNs: bigint
}

/** A rule that blocks queries. */
export interface BlockedQuery {
  /** Returns true if the rule's text or hash matches a query. */
  readonly matches: (query: string) => boolean
  /** `metric`, `filter` or `limited`; empty for all. */
  readonly types: readonly string[]
}

// ingest/

/**
 * Rates for tenants that set none. With several tenants, Loki's defaults apply, because they could
 * take each other's share. A single-tenant store has back-pressure and no limit.
 */
export const defaultRates = {
  tenantBytes: 4 * 1024 * 1024,
  tenantBurstBytes: 6 * 1024 * 1024,
  streamBytes: 3 * 1024 * 1024,
  streamBurstBytes: 15 * 1024 * 1024,
} as const

/** A stream without entries for this long is no longer active. */
export const activeStreamMs = 3_600_000

/**
 * Maximum number of streams whose rate is tracked. When a stream drops out, it starts again with a
 * full burst.
 */
export const rateStreamsMax = 100_000

/** Entries that the message of a refusal names; the rest is counted. */
export const toldEntriesMax = 10

/** Streams whose checked label sets are kept in memory, and the longest label text among them. */
export const streamCacheEntriesMax = 100_000
export const cachedLabelsTextMax = 16 * 1024

/** The same rejection of a tenant is logged once in this time, with the number of entries. */
export const refusalLogPeriodMs = 10_000

/** Pairs of tenant and reason that the log of refusals follows; all begin again beyond. */
export const refusalsFollowedMax = 10_000

/** Characters of a refusal in the log: labels and values may be of any length. */
export const refusalTextCharsMax = 1000

/** Depth of JSON objects that are searched for a level: the outermost and those right in it, as in Loki. */
export const levelJsonDepthMax = 2

/** Bytes of pushes that are being received, decoded or waiting for a commit; above, 503. */
export const pendingPushBytesMax = 64 * 1024 * 1024

/** The least that any push counts: what its connection and request take. */
export const pushShareBytesLeast = 16 * 1024

/**
 * How many times what is still free one owner may hold. A single address gets half of the budget, a single
 * tenant three quarters; each that comes has the same part of what the others leave. So a tenant whose
 * one client is greedy has room for its others, and no tenant is without.
 */
export const pushHeldPerFree = { tenant: 3, address: 1 } as const

/** A commit includes at most this many bytes of lines, so that its file is written in one go. */
export const commitBytesMax = 8 * 1024 * 1024

/** Memory of a full commit with the separators of its lines; larger ones take the rest from the heap. */
export const commitArenaBytes = commitBytesMax + 2 * 1024 * 1024

/** How long a commit may wait for pushes that are still being received. */
export const commitLingerMs = 100

/**
 * A commit waits for a body only if some of it arrived within this time, and at least at this rate.
 */
export const arrivingFreshMs = 20
export const arrivingBytesPerMs = 64

/**
 * Minimum time between two commits unless `commitEagerBytes` are waiting. Limits the number of
 * files in a busy minute.
 */
export const commitSpacingMs = 20
export const commitEagerBytes = 1024 * 1024

// http/

/** Time in which a request has to arrive as a whole: the largest push at 56 KB/s. */
export const requestArrivalMs = 300_000

/** Bytes of a request's head: Grafana sends queries of many kilobytes in URLs, where a byte may become three. */
export const requestHeadBytesMax = 256 * 1024

/** Characters of one part of a path that names something. */
export const pathParamCharsMax = 2048

/** Bytes of bodies that are not pushes: forms with a query in them. */
export const formBytesMax = 1024 * 1024

/** Bytes of a push body as it comes over the wire, and after decompression. */
export const pushBodyBytesMax = 16 * 1024 * 1024
export const pushDecompressedBytesMax = 64 * 1024 * 1024

/**
 * Memory reserved for a body before any of it has arrived. Larger bodies get the rest when this is
 * full, so that announcing a length costs nothing. Most pushes of an agent are smaller.
 */
export const bodyMemoryFirstBytes = 256 * 1024

/** Bytes of decompressed bodies that are kept for the next pushes. */
export const pushIdleBufferBytesMax = 8 * 1024 * 1024

/** Bodies being decompressed at a time: what they become is counted only at their end. */
export const unpackingMax = 2

/** A body that brings less than this in `http_server_read_timeout` makes no progress. */
export const bodyProgressBytesLeast = 1024

/** A body may take longer than `http_server_read_timeout` when it comes at this rate: a megabyte in four minutes. */
export const bodyLeastBytesPerSecond = 4 * 1024

/** How long a body, or the head of a request, may still arrive after a stop has begun. */
export const stopGraceMs = 3_000

/** Answers below this are not compressed: they fit into one packet anyway. */
export const gzipBytesLeast = 1400

/** Bytes of a tenant's name, as in Loki. */
export const tenantNameBytesMax = 150

/** Points of a series that a client can ask for, as in Loki. */
export const seriesPointsMax = 11_000n

/** Bytes of one message of a tail client, which has nothing to say. */
export const tailAskBytesMax = 64 * 1024

// catalog/

/** Streams and active days kept in memory; beyond it the caches are emptied. */
export const catalogCacheEntriesMax = 200_000

/** From this many streams on, activity is read by day in one query and not stream by stream. */
export const activityByDayStreamsLeast = 500

/** Bytes to which checkpoints cut the write-ahead log back; else it stays as long as it ever was. */
export const catalogLogBytesMax = 1024 * 1024

/** Memory of the catalog's pages; the hot ones are few. */
export const catalogPagesKib = 8 * 1024

// objects/

/** Small pieces are gathered up to this size before they are written: each write is a trip to the thread pool. */
export const diskWriteBytes = 1024 * 1024

/** Files that a reader keeps open: a merge goes through all of its inputs for each stream. */
export const openFilesMax = 64

/** Room of the disk that pushes leave in any case: for the catalog, and for what a merge begins with. */
export const reserveBytes = 16 * 1024 * 1024

/** How often the room of the disk is looked at while pushes come; in between it is counted. */
export const roomCheckMs = 250

// segment/

/** Lines of one block: below 256 KB compression suffers, above 1 MB a scan reads more than it needs. */
export const blockLineBytesMax = 1024 * 1024

/** Sections below this are not compressed: setting up the compressor costs more than it saves. */
export const packedBytesLeast = 256

/** Bytes of a footer; no real one comes near, more than that is damage. */
export const footerBytesMax = 256 * 1024 * 1024

/** Parsed footers kept in memory, counted by their bytes in the file. */
export const footerCacheBytes = 16 * 1024 * 1024

// compaction/

/** Level 0 is compacted when it reaches this many bytes, this many segments, or this age. */
export const compactLevel0Bytes = 64 * 1024 * 1024
export const compactLevel0Segments = 256
export const compactLevel0AgeMs = 60_000
/** Maximum input of one merge of level 0. */
export const level0PortionBytes = 2 * compactLevel0Bytes

/** How often the age of level 0 is looked at. */
export const compactCheckIntervalMs = 5_000

/** How long nothing is tried after a failed merge. */
export const compactFailureDelayMs = 30_000

/** This many neighbouring segments of one day are merged. */
export const compactTierSegments = 8
/**
 * Segments of this size are not merged further, and no merge produces larger ones (except for its
 * last input).
 */
export const compactTierBytesMax = 512 * 1024 * 1024

/** Blocks with at least this many bytes of lines are copied without unpacking them. */
export const keptBlockBytesLeast = 256 * 1024

/** Overlapping rows above this are left as they are: queries can cope, memory could not. */
export const mergeOverlapBytesMax = 64 * 1024 * 1024

/** Memory of a merge: two blocks of lines read, two built, and their small columns. */
export const mergeArenaBytes = 5 * 1024 * 1024

/** How often retention looks for old segments: a small part of a day. */
export const retentionIntervalMs = 10 * 60_000

/** Streams that retention and delete sweeps look at before pushes and queries have their turn. */
export const retentionStreamsAtOnce = 2000
export const sweepStreamsAtOnce = 500

/** Times that a day is read again when its segments change meanwhile; then it stays as it is. */
export const dayReadAttemptsMax = 3

// deletes/

/** Delete requests of a tenant that may wait: every query of it has to look at them. */
export const deleteRequestsMax = 1000

/** Bytes of the query of a delete request: all that wait are kept in memory. */
export const deleteQueryBytesMax = 16 * 1024

/** How long a processed delete request is listed. */
export const processedDeletesKeptMs = 30 * 86_400_000

// settings/

/** Depth of directories in which rules are looked for: one for each tenant, and links of a mounted ConfigMap. */
export const rulesDirectoryDepthMax = 3

// scan/

/** Bytes of lines that one message to a scan worker asks for; small enough to stop a query soon. */
export const scanTaskBytes = 8 * 1024 * 1024

/**
 * Maximum rows of overlapping blocks in which a volume looks for duplicates. More would take
 * seconds, and compaction removes the duplicates anyway.
 */
export const volumeOverlapRowsMax = 500_000

// tail/

/** Longest delay a tail client may request so that late entries can be sorted in. Loki's value. */
export const tailDelaySecondsMax = 5

/** Entries in one message to a tail client (Loki's value), and its bytes without the last entry. */
export const tailFrameEntriesMax = 100
export const tailFrameBytesMax = 256 * 1024

/** When this many bytes are in the socket of a tail client, further entries wait in its queue. */
export const tailSocketBytesMax = 256 * 1024

/**
 * Bytes that may wait for one tail client and for all together. Each may always have the minimum.
 */
export const tailQueueBytesMax = 16 * 1024 * 1024
export const tailQueuesBytesMax = 64 * 1024 * 1024
export const tailQueueBytesLeast = 64 * 1024

/**
 * Dropped entries that can still be reported to a slow tail client (Loki's value). After that it is
 * disconnected.
 */
export const tailDroppedMax = 1000

/** How often tail clients are pinged, and how long one may be silent before it is disconnected. */
export const tailPingMs = 5_000
export const tailSilenceMs = 60_000

/**
 * How long the entries of a tail's history are remembered, so that a repeated batch is not shown
 * again.
 */
export const tailHistoryKnownMs = 600_000

/** Commits that may wait for the tail thread. Later ones are reported as dropped. */
export const tailBacklogCommitsMax = 256

/**
 * Bytes of one answer of the tail thread, and how many answers it may be ahead of the main thread.
 */
export const tailAnswerBytes = 1024 * 1024
export const tailAnswersMax = 8

/** The tail thread sends what it has when a commit's entries exceed this many bytes. */
export const tailFoundBytesMax = 16 * 1024 * 1024

/** Rows and streams that the tail thread remembers. */
export const tailRecentRowsMax = 50_000
export const tailStreamsKnownMax = 20_000

/**
 * How long after its start a store keeps commits for the tails that the last process left open:
 * Grafana is back after 5 seconds, loki-canary after 10 to 20. Beyond this many commits, or bytes
 * of their segments, they start as new tails.
 */
export const tailResumeMs = 60_000
export const tailResumeCommitsMax = 4096
export const tailResumeBytesMax = 256 * 1024 * 1024

/**
 * Commits before an interruption whose entries are remembered, so that a repeated batch is shown
 * once.
 */
export const tailResumeKnownCommits = 64

/** Distinct queries of open tails that are recorded for the next process. */
export const tailRecordKeysMax = 1000

// Scans

/** How often a query looks again after it found a segment that was just replaced. */
export const scanReplansMax = 3

/** Scan threads. With more, scans would wait for memory bandwidth rather than for each other. */
export const scanThreadsMax = 8

// Live tails, to clients

/** Clients to serve before other work gets its turn: about a millisecond. */
export const tailReceiversAtOnce = 50

/** A client that does not answer a close within this time is disconnected. */
export const tailCloseGraceMs = 2_000

/** Sent entries of a client to keep in front of the waiting ones. */
export const tailSentKeptMax = 1000

/** Bytes of a reason in a close frame: the maximum of RFC 6455. */
export const tailReasonBytesMax = 123
