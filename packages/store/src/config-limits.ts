// Converts the limits of a tenant from their written form to numbers with units.

import { parseWrittenDuration, parseWrittenTime } from '@skald/config-reading'
import { formatGoDuration, parseConfigBytes } from '@skald/go-dialect'
import { parseSelector } from '@skald/query'
import type { Matcher } from '@skald/wire'
import { createBlockedQuery } from './blocked-queries.ts'
import type { RawLimits } from './config-schema.ts'
import { nsPerDay } from './day.ts'
import { createOtlpMapping } from './ingest/otlp-actions.ts'
import { resolveRulerLimits } from './resolve-ruler.ts'
import type { StreamRetention, TenantLimits } from './tenant-limits.ts'

/** Loki's minimum retention period for a stream. */
const leastStreamPeriodNs = nsPerDay

function readStreamRetentions(
  rules: RawLimits['retention_stream'],
  report: (message: string) => void,
): StreamRetention[] {
  return rules.map(({ selector, period, priority = 0 }) => {
    const periodNs = parseWrittenDuration(period)
    if (periodNs < leastStreamPeriodNs) {
      report(`retention period must be >= 24h was ${formatGoDuration(periodNs)}`)
    }
    return { matchers: readSelector(selector, report), priority, periodNs }
  })
}

function readSelector(text: string, report: (message: string) => void): readonly Matcher[] {
  try {
    return parseSelector(text)
  } catch (error) {
    report(`${JSON.stringify(text)} is not a selector: ${(error as Error).message}`)
    return []
  }
}

function readIngestionBlock(
  { block_ingestion_until: text, block_ingestion_status_code: status }: RawLimits,
  report: (message: string) => void,
): TenantLimits['ingestionBlock'] {
  const untilNs = parseWrittenTime(text)
  if (untilNs === undefined) return undefined
  if (status < 200 || status > 599) report(`status ${status} is out of range`)
  return { untilNs, status }
}

/** Applies the older names for `deletion_mode` if the newer key is not set. */
export function withOlderDeletes<
  Limits extends Partial<Pick<RawLimits, 'allow_deletes' | 'deletion_mode'>>,
>(
  limits: Limits,
  { isWritten, older = '' }: { readonly isWritten: boolean; readonly older?: RawOlderMode },
): Limits {
  const mode = limits.allow_deletes === false ? 'disabled' : older
  return isWritten || mode === '' ? limits : { ...limits, deletion_mode: mode }
}

/** `deletion_mode` in its older place; empty if not set. */
type RawOlderMode = RawLimits['deletion_mode'] | ''

export interface ResolveOptions {
  /** Whether the compactor deletes entries past their retention period. */
  readonly mayDelete: boolean
  /** Called for each key whose value cannot be used. */
  readonly report: (key: keyof RawLimits & string, message: string) => void
}

/** Converts a tenant's limits to numbers with units. */
export function resolveLimits(raw: RawLimits, { mayDelete, report }: ResolveOptions): TenantLimits {
  const durationNs = (key: keyof RawLimits & string): bigint =>
    parseWrittenDuration(raw[key] as string | number)
  const sizeBytes = (key: keyof RawLimits & string): number => parseConfigBytes(String(raw[key]))
  /** Converts megabytes of 1024² bytes; `undefined` if not set. */
  const megabytes = (value: number | null) => (value === null ? undefined : value * 1024 * 1024)
  const optionalSize = (key: 'per_stream_rate_limit' | 'per_stream_rate_limit_burst') =>
    raw[key] === null ? undefined : sizeBytes(key)
  const maxAgeNs = durationNs('reject_old_samples_max_age')
  const retentionNs = durationNs('retention_period')
  const streams = readStreamRetentions(raw.retention_stream, message =>
    report('retention_stream', message),
  )
  return {
    maxLineBytes: sizeBytes('max_line_size'),
    truncateLongLines: raw.max_line_size_truncate,
    maxLabelNameBytes: raw.max_label_name_length,
    maxLabelValueBytes: raw.max_label_value_length,
    maxLabelNames: raw.max_label_names_per_series,
    rejectOlderThanNs: raw.reject_old_samples ? maxAgeNs : undefined,
    creationGraceNs: durationNs('creation_grace_period'),
    ingestionRateBytes: megabytes(raw.ingestion_rate_mb),
    ingestionBurstBytes: megabytes(raw.ingestion_burst_size_mb),
    ingestionRateStrategy: raw.ingestion_rate_strategy,
    streamRateBytes: optionalSize('per_stream_rate_limit'),
    streamBurstBytes: optionalSize('per_stream_rate_limit_burst'),
    maxStreams: raw.max_streams_per_user || raw.max_global_streams_per_user,
    discoverServiceName: raw.discover_service_name,
    discoverLogLevels: raw.discover_log_levels,
    logLevelFields: raw.log_level_fields,
    allowStructuredMetadata: raw.allow_structured_metadata,
    maxStructuredMetadataBytes: sizeBytes('max_structured_metadata_size'),
    maxStructuredMetadataEntries: raw.max_structured_metadata_entries_count,
    incrementDuplicateTimes: raw.increment_duplicate_timestamp,
    demoteLabels: raw.allow_structured_metadata ? raw.demote_labels : [],
    demoteLabelsAbove: raw.allow_structured_metadata ? raw.demote_labels_above : 0,
    enforcedLabels: raw.enforced_labels,
    ingestionBlock: readIngestionBlock(raw, message => report('block_ingestion_until', message)),
    otlp: createOtlpMapping(raw.otlp_config, {
      serviceNameLabels: raw.discover_service_name,
      report: message => report('otlp_config', message),
    }),
    maxQueryLookbackNs: durationNs('max_query_lookback'),
    maxQueryBytesRead: sizeBytes('max_query_bytes_read'),
    maxQuerierBytesRead: sizeBytes('max_querier_bytes_read'),
    cardinalityLimit: raw.cardinality_limit,
    blockedQueries: raw.blocked_queries.map(query =>
      createBlockedQuery(query, message => report('blocked_queries', message)),
    ),
    retentionNs: mayDelete ? retentionNs : 0n,
    retentionStreams: mayDelete ? streams : [],
    retentionMaxBytes: sizeBytes('retention_max_bytes'),
    deletionMode: raw.deletion_mode,
    queryTimeoutNs: durationNs('query_timeout'),
    maxConcurrentTails: raw.max_concurrent_tail_requests,
    volumeEnabled: raw.volume_enabled,
    volumeMaxSeries: raw.volume_max_series,
    ruler: resolveRulerLimits(raw, report),
    query: {
      maxQuerySeries: raw.max_query_series,
      maxEntriesLimitPerQuery: raw.max_entries_limit_per_query,
      maxQueryLengthNs: durationNs('max_query_length'),
      maxQueryRangeNs: durationNs('max_query_range'),
      maxStreamsMatchersPerQuery: raw.max_streams_matchers_per_query,
      splitQueriesByIntervalNs: durationNs('split_queries_by_interval'),
      requiredLabels: raw.required_labels,
      minimumLabelsNumber: raw.minimum_labels_number,
      shardAggregations: raw.shard_aggregations,
    },
  }
}
