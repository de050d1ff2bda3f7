// The limits of one tenant, under Loki's names, as `limits_config` and a file of overrides set them.

import type { QueryLimits } from '@skald/query'
import type { Matcher, OtlpMapping } from '@skald/wire'
import type { RulerLimits } from './ruler-config.ts'

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
  /** Whether replicas divide this rate among them, or each allows it in full. */
  readonly ingestionRateStrategy: 'global' | 'local'
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
  /** Labels that are kept as structured metadata. Empty if that is not accepted. */
  readonly demoteLabels: readonly string[]
  /** Demotes labels with more values than this in a day; 0 for none. */
  readonly demoteLabelsAbove: number
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
  /** Largest size of the tenant's segments; 0 for no limit. */
  readonly retentionMaxBytes: number
  readonly deletionMode: 'filter-and-delete' | 'filter-only' | 'disabled'
  readonly queryTimeoutNs: bigint
  /** Maximum number of tail clients of a tenant; 0 for no limit. */
  readonly maxConcurrentTails: number
  readonly volumeEnabled: boolean
  readonly volumeMaxSeries: number
  readonly ruler: RulerLimits
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
