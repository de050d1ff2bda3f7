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

/** Kept samples whose memory is counted at once: some ten kilobytes. */
export const samplesCountedAtOnce = 1024

// Text of a query

/** Longest query in bytes. */
export const queryLengthMax = 131_072

/** Maximum nesting, so that no walk over a tree overflows the stack. */
export const nestingMax = 1_000

/** Longest line of the pretty form. */
export const prettyLineLengthMax = 100

// Stages

/** Deeper objects are an error, so that no line overflows the stack. */
export const jsonDepthMax = 1_000

/** Names of labels that a parser remembers. Keys made of random text must not fill the memory. */
export const namesRememberedMax = 10_000

/** Longest name that a parser remembers. */
export const nameLengthMax = 256

/** Longest key to cache. */
export const keyLengthMax = 64

/** Maximum number of cached keys per line. */
export const placeCountMax = 256

/** Longest value that is remembered as a string. */
export const shortTextLengthMax = 16

/**
 * Bytes of a run of lines that becomes one string. V8 keeps strings over 128 KiB in large object space. A
 * scan that makes one per block causes the whole heap to be marked again and again.
 */
export const runBytes = 64 * 1024

/** Up to this many labels of a line, searching all of them is quicker than an index. */
export const searchedLabelsMax = 64

// Leaves

/**
 * Marks of a log scanner for the others of its leaf: a kilobyte of shared memory. All marks of eight scanners are
 * sorted before each block, in some fifty microseconds.
 */
export const boardMarksMax = 128

/** Maximum number of cached hashes. */
export const streamHashesMax = 10_000

/** Maximum number of cached answers before the cache is cleared. */
export const fieldAnswersMax = 100_000

/** Maximum number of cached answers for the rests of lines, over all streams. */
export const restAnswersMax = 100_000

/** Rests that are new before a query without many equal ones stops looking at them. */
export const restTrialMax = 5_000

/** Maximum number of cached answers for changed labels before the cache is cleared. */
export const seriesKeysMax = 100_000

/**
 * Lines with new shapes cost ten times as much as others. The scanner of a thread looks at this many in a
 * query, and beyond that only at one in so many. 200,000 lines that are all different take one second.
 */
export const newShapesMax = 5_000

/** Maximum factor by which the limit grows when entries become equal. */
export const limitGrowthMax = 16

/** Up to this many best series, `topk` keeps them in order as it finds them. More are found by sorting all. */
export const keptInOrderMax = 100

/** Parts up to this size are sorted. So is everything once too many splits went badly. */
export const sortedPartMax = 24

// Patterns

/** The part of a line beyond this is ignored, like in Loki. Patterns end long before. */
export const patternLineCharsMax = 3000

/** Maximum tokens per line. Longer lines are cut. */
export const patternTokensMax = 256

/** Maximum distinct tokens at one place. Further ones are treated as equal. */
export const patternChildrenMax = 15

/** Number of tokens of a line that the tree uses. */
export const patternDepthMax = 28

/** Maximum patterns of one miner. A new one replaces the one not seen for the longest time. */
export const patternsPerMinerMax = 300

/** Maximum shapes whose pattern is cached. After that the cache is cleared. */
export const patternShapesMax = 4096

/** A pattern with fewer lines is not worth showing. Same number as Loki. */
export const patternLinesLeast = 30

/** Maximum patterns in a result; those with the most lines are kept. */
export const patternsMax = 1000

/** Entries of one page of a walk over all lines of a query. Larger pages are hardly faster. */
export const walkPageEntries = 10_000

/** A walk that has to ask for more, or for less, does so by this factor. */
export const walkGrowth = 4

/** Longest time that one page of a walk covers, so that a filter that finds little stays below the query timeout. */
export const walkSliceNs = 24n * nsPerHour

/** Characters of an exported push body, from which on the next one begins. Stores accept some megabytes. */
export const pushBodyChars = 1_000_000
