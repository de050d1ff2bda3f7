// Bounds on one query. Operators set the first group per tenant. The constants below bound memory where Loki
// has no setting.

/** Limits of a tenant, named as in `limits_config`. */
export interface QueryLimits {
  /** `max_query_series`: maximum series a metric query may return. */
  readonly maxQuerySeries: number
  /** `max_entries_limit_per_query`: maximum `limit` of a log query. */
  readonly maxEntriesLimitPerQuery: number
  /** `max_query_length`: longest time range. 0 means no limit. */
  readonly maxQueryLengthNs: bigint
  /** `max_query_range`: longest `[range]`. 0 means no limit. */
  readonly maxQueryRangeNs: bigint
  /** `max_streams_matchers_per_query` */
  readonly maxStreamsMatchersPerQuery: number
  /** `split_queries_by_interval`: above 0, range queries align to their step. */
  readonly splitQueriesByIntervalNs: bigint
  /** `required_labels`: names that every selector must use. */
  readonly requiredLabels: readonly string[]
  /** `minimum_labels_number`: minimum number of matchers. 0 means no limit. */
  readonly minimumLabelsNumber: number
  /** `shard_aggregations`: `approx_topk` works only if it is listed here. */
  readonly shardAggregations: readonly string[]
}

const nsPerHour = 3_600_000_000_000n

/** Loki's defaults. */
export const defaultQueryLimits: QueryLimits = {
  maxQuerySeries: 500,
  maxEntriesLimitPerQuery: 5_000,
  maxQueryLengthNs: 721n * nsPerHour,
  maxQueryRangeNs: 0n,
  maxStreamsMatchersPerQuery: 1_000,
  splitQueriesByIntervalNs: nsPerHour,
  requiredLabels: [],
  minimumLabelsNumber: 0,
  shardAggregations: [],
}

/** Maximum evaluation times of one query: Loki's 11,000, plus those that alignment adds. */
export const stepCountMax = 11_002

/** Maximum series of a leaf below other operations, where fewer are returned. */
export const innerSeriesMax = 100_000

/** Maximum counters (series times windows) of one leaf: 8 bytes each, several per window at most. */
export const leafCellCountMax = 16_000_000

/** Maximum buckets of a volume, over all groups. 16 bytes each. */
export const volumeCellCountMax = 4_000_000

/** Maximum distinct values that field detection keeps, over all fields. */
export const sampledValueCountMax = 500_000

/** Maximum single values kept by aggregations over whole windows (quantiles, counters). */
export const keptSampleCountMax = 16_000_000
