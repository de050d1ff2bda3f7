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

/** Longest label text whose result is cached. */
export const cachedLabelsTextMax = 16 * 1024

/** The same rejection of a tenant is logged once in this time, with the number of entries. */
export const refusalLogPeriodMs = 10_000

/**
 * Maximum line bytes of one block. Below 256 KB compression suffers; above 1 MB a scan reads more
 * than it needs.
 */
export const blockLineBytesMax = 1024 * 1024

/** A commit includes at most this many bytes of lines, so that its file is written in one go. */
export const commitBytesMax = 8 * 1024 * 1024

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

/**
 * Maximum bytes of pushes being received, decoded or waiting for a commit. Beyond that, pushes get
 * 503.
 */
export const pendingPushBytesMax = 64 * 1024 * 1024

/**
 * Memory reserved for a body before any of it has arrived. Larger bodies get the rest when this is
 * full, so that announcing a length costs nothing. Most pushes of an agent are smaller.
 */
export const bodyMemoryFirstBytes = 256 * 1024

/**
 * A body may take longer than `http_server_read_timeout` if it arrives at this rate: a megabyte in
 * four minutes.
 */
export const bodyLeastBytesPerSecond = 4 * 1024

/** Largest push body as received, and after decompression. */
export const pushBodyBytesMax = 16 * 1024 * 1024
export const pushDecompressedBytesMax = 64 * 1024 * 1024

/** Bodies decompressed at the same time. Their size is known only at the end. */
export const unpackingMax = 2

/** Level 0 is compacted when it reaches this many bytes, this many segments, or this age. */
export const compactLevel0Bytes = 64 * 1024 * 1024
export const compactLevel0Segments = 256
export const compactLevel0AgeMs = 60_000
/** Maximum input of one merge of level 0. */
export const level0PortionBytes = 2 * compactLevel0Bytes

/** Disk space that pushes never use: for the catalog, and for a merge to start with. */
export const reserveBytes = 16 * 1024 * 1024

/** How often to read the free disk space while pushes arrive. In between it is calculated. */
export const roomCheckMs = 250

/** This many neighbouring segments of one day are merged. */
export const compactTierSegments = 8
/**
 * Segments of this size are not merged further, and no merge produces larger ones (except for its
 * last input).
 */
export const compactTierBytesMax = 512 * 1024 * 1024

/** Line bytes that one message to a scan worker requests. Small enough to stop a query soon. */
export const scanTaskBytes = 8 * 1024 * 1024

/**
 * Maximum rows of overlapping blocks in which a volume looks for duplicates. More would take
 * seconds, and compaction removes the duplicates anyway.
 */
export const volumeOverlapRowsMax = 500_000

/** Memory for parsed footers, counted by their bytes in the file. */
export const footerCacheBytes = 16 * 1024 * 1024

/** Maximum number of streams whose checked label sets are cached. */
export const streamCacheEntriesMax = 100_000

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

/** Delete requests that may wait per tenant. Every query of the tenant must check them. */
export const deleteRequestsMax = 1000

/** Longest query of a delete request. All waiting ones are kept in memory. */
export const deleteQueryBytesMax = 16 * 1024

/** How long a processed delete request stays in the list. */
export const processedDeletesKeptMs = 30 * 86_400_000
