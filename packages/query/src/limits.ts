// Bounds of one query. The first group is the operator's to set, per tenant; the constants below bound
// memory where no setting of Loki does.

/** Limits of a tenant, named as in `limits_config`. */
export interface QueryLimits {
  /** `max_query_series`: series a metric query may return. */
  readonly maxQuerySeries: number
  /** `max_entries_limit_per_query`: largest `limit` of a log query. */
  readonly maxEntriesLimitPerQuery: number
  /** `max_query_length`: longest time range; 0 for none. */
  readonly maxQueryLengthNs: bigint
  /** `max_query_range`: longest `[range]`; 0 for none. */
  readonly maxQueryRangeNs: bigint
  /** `max_streams_matchers_per_query` */
  readonly maxStreamsMatchersPerQuery: number
  /** `split_queries_by_interval`: above 0, range queries are aligned to their step. */
  readonly splitQueriesByIntervalNs: bigint
  /** `required_labels`: names that each selector has to use. */
  readonly requiredLabels: readonly string[]
  /** `minimum_labels_number`: least number of matchers; 0 for none. */
  readonly minimumLabelsNumber: number
  /** `shard_aggregations`: without `approx_topk` among them, there is none. */
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

/** Evaluation times of one query: Loki's 11,000, and what alignment adds. */
export const stepCountMax = 11_002

/** Series a leaf below other operations may have, where fewer of them are returned. */
export const innerSeriesMax = 100_000

/** Counters (series times windows) one leaf may hold: 8 bytes each, several per window at most. */
export const leafCellCountMax = 16_000_000

/** Buckets of all groups together that a volume may have; 16 bytes each. */
export const volumeCellCountMax = 4_000_000

/** Different values of all fields together that a look at unknown fields keeps. */
export const sampledValueCountMax = 500_000

/** Single values that aggregations over whole windows (quantiles, counters) may keep. */
export const keptSampleCountMax = 16_000_000
