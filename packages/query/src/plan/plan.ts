// From the syntax tree to what is asked of the store: the leaf of a log query, or one leaf for each
// range aggregation of a metric query.

import { formatGoDuration, formatPrometheusDuration } from '@skald/go-dialect'
import type { Grouping } from '../aggregation/grouping.ts'
import { isAdditive } from '../aggregation/range-aggregation.ts'
import type { Direction, StepGrid } from '../blocks/block-view.ts'
import { LimitExceededError } from '../errors.ts'
import { innerSeriesMax, type QueryLimits, stepCountMax } from '../limits.ts'
import type {
  Expr,
  LogExpr,
  MetricExpr,
  RangeAggregation,
  VectorAggregation,
} from '../syntax-tree/ast.ts'
import { visitExprs } from '../syntax-tree/visit.ts'
import type { LogLeaf, SampleLeaf } from './log-source.ts'

/** Times and bounds of a query, as the client gave them. */
export interface QueryTimes {
  readonly startNs: bigint
  readonly endNs: bigint
  readonly stepNs: bigint
  readonly isInstant: boolean
}

/** Plans the leaf of a log query. A range without length means the one instant. */
export function planLogLeaf(
  expr: LogExpr,
  query: { startNs: bigint; endNs: bigint; direction: Direction; limit: number },
): LogLeaf {
  const endNs = query.endNs > query.startNs ? query.endNs : query.startNs + 1n
  return {
    kind: 'logs',
    log: expr,
    matchers: expr.matchers,
    startNs: query.startNs,
    endNs,
    direction: query.direction,
    limit: query.limit,
  }
}

/**
 * Plans the times at which a metric query is evaluated. Range queries are aligned to multiples of the
 * step where queries are split, as Loki does.
 *
 * @throws LimitExceededError
 */
export function planGrid(times: QueryTimes, limits: QueryLimits): StepGrid {
  if (times.isInstant) return { startNs: times.endNs, stepNs: 1n, count: 1 }
  const { stepNs } = times
  let { startNs, endNs } = times
  if (limits.splitQueriesByIntervalNs > 0n && stepNs > 0n) {
    startNs -= positiveModulo(startNs, stepNs)
    const rest = positiveModulo(endNs, stepNs)
    if (rest > 0n) endNs += stepNs - rest
  }
  const count = stepNs > 0n ? (endNs - startNs) / stepNs + 1n : 1n
  if (count > BigInt(stepCountMax)) {
    throw new LimitExceededError(
      'max_resolution',
      'exceeded maximum resolution of 11,000 points per time series. ' +
        'Try increasing the value of the step parameter',
    )
  }
  return { startNs, stepNs: stepNs > 0n ? stepNs : 1n, count: Number(count) }
}

function positiveModulo(value: bigint, divisor: bigint): bigint {
  return ((value % divisor) + divisor) % divisor
}

/** What surrounds a range aggregation and may fold with it. */
export interface LeafContext {
  /** Grouping of a `sum` right around an additive aggregation, or of `absent_over_time`. */
  readonly grouping?: Grouping
  readonly maxSeries: number
}

/** Plans the leaf of one range aggregation. */
export function planSampleLeaf(
  expr: RangeAggregation,
  grid: StepGrid,
  { grouping, maxSeries }: LeafContext,
): SampleLeaf {
  const startNs = grid.startNs - expr.offsetNs
  const lastNs = startNs + grid.stepNs * BigInt(grid.count - 1)
  return {
    kind: 'samples',
    range: { ...expr, offsetNs: 0n },
    matchers: expr.log.matchers,
    // Windows are open at their start and closed at their end.
    startNs: startNs - expr.rangeNs + 1n,
    endNs: lastNs + 1n,
    grid: { ...grid, startNs },
    ...(grouping && { grouping }),
    maxSeries,
  }
}

/** The grouping that a `sum` can hand down to its operand; none where it has to see each series. */
export function foldedGrouping(expr: MetricExpr): Grouping | undefined {
  if (expr.kind !== 'aggregation' || expr.op !== 'sum') return undefined
  if (expr.operand.kind !== 'range' || !isAdditive(expr.operand)) return undefined
  return expr.grouping ?? { without: false, labels: [] }
}

/** Series that a leaf may have below other operations. */
export function innerSeriesLimit(limits: QueryLimits): number {
  return Math.max(limits.maxQuerySeries, innerSeriesMax)
}

/**
 * Checks a query against the limits that need no data.
 *
 * @throws LimitExceededError with Loki's text.
 */
export function checkQueryLimits(expr: Expr, times: QueryTimes, limits: QueryLimits): void {
  const lengthNs = times.endNs - times.startNs
  const { maxQueryLengthNs } = limits
  if (!times.isInstant && maxQueryLengthNs > 0n && lengthNs > maxQueryLengthNs) {
    throw new LimitExceededError(
      'max_query_length',
      `the query time range exceeds the limit (query length: ${formatGoDuration(lengthNs)}, ` +
        `limit: ${formatPrometheusDuration(maxQueryLengthNs)})`,
    )
  }
  visitExprs(expr, node => {
    if (node.kind === 'log') checkSelector(node, 0n, limits)
    if (node.kind === 'range') checkSelector(node.log, node.rangeNs, limits)
    if (node.kind === 'aggregation') checkAggregation(node, limits)
  })
}

function checkAggregation({ op }: VectorAggregation, { shardAggregations }: QueryLimits): void {
  if (op !== 'approx_topk' || shardAggregations.includes(op)) return
  throw new LimitExceededError(
    'shard_aggregations',
    'approx_topk is not enabled. See -limits.shard_aggregations',
  )
}

function checkSelector(log: LogExpr, rangeNs: bigint, limits: QueryLimits): void {
  const count = log.matchers.length
  if (limits.maxStreamsMatchersPerQuery > 0 && count > limits.maxStreamsMatchersPerQuery) {
    throw new LimitExceededError(
      'max_streams_matchers_per_query',
      'max streams matchers per query exceeded, matchers-count > limit ' +
        `(${count} > ${limits.maxStreamsMatchersPerQuery})`,
    )
  }
  const names = log.matchers.map(matcher => matcher.name)
  const missing = limits.requiredLabels.filter(name => !names.includes(name))
  if (missing.length > 0) {
    throw new LimitExceededError(
      'required_labels',
      `stream selector is missing required matchers [${missing.join(', ')}], ` +
        `labels present in the query were [${names.join(', ')}]`,
    )
  }
  if (count < limits.minimumLabelsNumber) {
    throw new LimitExceededError(
      'minimum_labels_number',
      `stream selector has less label matchers than required: (present: [${names.join(', ')}], ` +
        `number_present: ${count}, required_number_label_matchers: ${limits.minimumLabelsNumber})`,
    )
  }
  if (limits.maxQueryRangeNs > 0n && rangeNs > limits.maxQueryRangeNs) {
    throw new LimitExceededError(
      'max_query_range',
      `[interval] value exceeds limit: [${formatGoDuration(rangeNs)}] > ` +
        `[${formatGoDuration(limits.maxQueryRangeNs)}]`,
    )
  }
}
