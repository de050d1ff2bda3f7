// Runs a query: parses it, asks the source for its leaves, and evaluates what stands around them.

import { compareLabelSets, createLabelSet, type LabelSet } from '@skald/wire'
import { LimitExceededError, LogqlKindError } from './errors.ts'
import type { FoundEntry } from './leaf/entry-heap.ts'
import { entriesOfLeaf, seriesOfLeaf } from './leaf/leaf.ts'
import { seriesLimitError } from './leaf/series-table.ts'
import type { QueryLimits } from './limits.ts'
import type { Direction, LogSource, ScanStats, StepGrid } from './log-source.ts'
import { operate } from './metric-query/binary-op.ts'
import { replaceLabels } from './metric-query/label-replace.ts'
import {
  createSeries,
  hasSamples,
  type MetricValue,
  type Series,
  setSample,
} from './metric-query/series.ts'
import { aggregateVector } from './metric-query/vector-aggregation.ts'
import type { CategorizedLabels } from './pipeline/labels.ts'
import {
  checkQueryLimits,
  foldedGrouping,
  innerSeriesLimit,
  type LeafContext,
  planGrid,
  planLogLeaf,
  planSampleLeaf,
} from './plan/plan.ts'
import { addScanStats, createScanStats, type MutableScanStats } from './stats.ts'
import type { LogExpr, MetricExpr, RangeAggregation } from './syntax/ast.ts'
import { parseLogql } from './syntax/parser.ts'

/** A query and the bounds it runs in. */
export interface QueryRequest {
  readonly logql: string
  /** Inclusive. */
  readonly startNs: bigint
  /** Exclusive for log queries, the last evaluation time for metric queries. */
  readonly endNs: bigint
  readonly stepNs: bigint
  /** Log queries return entries at least this far apart; 0 for all. */
  readonly intervalNs: bigint
  /** Most entries of a log query. */
  readonly limit: number
  readonly direction: Direction
  /** Evaluates at `endNs` alone. */
  readonly isInstant: boolean
  readonly limits: QueryLimits
}

/** One entry of a log result. Entries of equal labels may share the labels object. */
export interface ResultEntry {
  readonly timestampNs: bigint
  readonly line: string
  readonly labels: CategorizedLabels
}

export interface VectorSample {
  readonly labels: LabelSet
  readonly value: number
}

export type QueryResult = { readonly stats: ScanStats } & (
  | {
      readonly kind: 'streams'
      readonly direction: Direction
      readonly entries: readonly ResultEntry[]
    }
  | { readonly kind: 'matrix'; readonly grid: StepGrid; readonly series: readonly Series[] }
  | { readonly kind: 'vector'; readonly timeNs: bigint; readonly samples: readonly VectorSample[] }
  | { readonly kind: 'scalar'; readonly timeNs: bigint; readonly value: number }
)

/**
 * Runs a query against a source.
 *
 * @throws LogqlSyntaxError, LogqlKindError, LogqlPipelineError, LimitExceededError,
 *   VectorMatchingError, LogqlUnsupportedError; the source's errors; the signal's reason.
 */
export async function runQuery(
  request: QueryRequest,
  source: LogSource,
  signal: AbortSignal,
): Promise<QueryResult> {
  const expr = parseLogql(request.logql)
  checkQueryLimits(expr, request, request.limits)
  const stats = createScanStats()
  if (expr.kind === 'log') {
    if (request.isInstant) {
      throw new LogqlKindError(
        'log queries are not supported as an instant query type, please change your query to a ' +
          'range query type',
      )
    }
    const entries = await new LogQuery({ request, source, signal, stats }).run(expr)
    return { kind: 'streams', direction: request.direction, entries, stats }
  }
  const grid = planGrid(request, request.limits)
  const value = await new MetricQuery({ request, source, signal, stats }, grid).run(expr)
  return { ...resultOf(value, grid, request), stats }
}

interface QueryParts {
  readonly request: QueryRequest
  readonly source: LogSource
  readonly signal: AbortSignal
  readonly stats: MutableScanStats
}

class LogQuery {
  readonly #parts: QueryParts

  constructor(parts: QueryParts) {
    this.#parts = parts
  }

  async run(expr: LogExpr): Promise<readonly ResultEntry[]> {
    const { limit, intervalNs, limits } = this.#parts.request
    const most = limits.maxEntriesLimitPerQuery
    if (most > 0 && limit > most) {
      throw new LimitExceededError(
        'max_entries_limit_per_query',
        'max entries limit per query exceeded, limit > max_entries_limit_per_query ' +
          `(${limit} > ${most})`,
      )
    }
    const { startNs, endNs } = this.#parts.request
    if (intervalNs <= 0n) return this.#select(expr, { startNs, endNs, limit })
    return this.#thin(expr)
  }

  async #select(
    expr: LogExpr,
    bounds: { startNs: bigint; endNs: bigint; limit: number },
  ): Promise<readonly FoundEntry[]> {
    const { request, source, signal, stats } = this.#parts
    const leaf = planLogLeaf(expr, { ...bounds, direction: request.direction })
    const result = await source.select(leaf, signal)
    signal.throwIfAborted()
    addScanStats(stats, result.stats)
    return entriesOfLeaf(leaf, result)
  }

  // Keeps entries that lie the interval apart, asking for more behind the last one kept.
  async #thin(expr: LogExpr): Promise<readonly ResultEntry[]> {
    const { request } = this.#parts
    const isForward = request.direction === 'forward'
    const pageLimit = Math.max(request.limit, 1_000)
    const kept: ResultEntry[] = []
    let { startNs, endNs } = request
    if (endNs <= startNs) endNs = startNs + 1n
    while (kept.length < request.limit && startNs < endNs) {
      const page = await this.#select(expr, { startNs, endNs, limit: pageLimit })
      for (const entry of page) {
        const last = kept.at(-1)
        const distance = last
          ? isForward
            ? entry.timestampNs - last.timestampNs
            : last.timestampNs - entry.timestampNs
          : request.intervalNs
        if (distance >= request.intervalNs) kept.push(entry)
        if (kept.length >= request.limit) return kept
      }
      const last = kept.at(-1)
      if (!last || page.length < pageLimit) return kept
      if (isForward) startNs = last.timestampNs + request.intervalNs
      else endNs = last.timestampNs - request.intervalNs + 1n
    }
    return kept
  }
}

class MetricQuery {
  readonly #parts: QueryParts
  readonly #grid: StepGrid
  readonly #leaves = new Map<string, Promise<readonly Series[]>>()

  constructor(parts: QueryParts, grid: StepGrid) {
    this.#parts = parts
    this.#grid = grid
  }

  async run(expr: MetricExpr): Promise<MetricValue> {
    const { maxQuerySeries } = this.#parts.request.limits
    const value = await this.#evaluate(expr)
    if (value.kind === 'vector' && value.series.length > maxQuerySeries) {
      throw seriesLimitError(maxQuerySeries)
    }
    return value
  }

  async #evaluate(expr: MetricExpr): Promise<MetricValue> {
    const { limits } = this.#parts.request
    this.#parts.signal.throwIfAborted()
    switch (expr.kind) {
      case 'literal':
        return { kind: 'scalar', value: expr.value }
      case 'vector':
        return { kind: 'vector', series: [this.#constant(expr.value)], isOrdered: false }
      case 'range':
        return this.#range(expr, { maxSeries: innerSeriesLimit(limits) })
      case 'aggregation': {
        const grouping = foldedGrouping(expr)
        if (grouping && expr.operand.kind === 'range') {
          return this.#range(expr.operand, { grouping, maxSeries: innerSeriesLimit(limits) })
        }
        return aggregateVector(expr, seriesOf(await this.#evaluate(expr.operand)))
      }
      case 'labelReplace': {
        const series = replaceLabels(expr, seriesOf(await this.#evaluate(expr.operand)))
        return { kind: 'vector', series, isOrdered: false }
      }
      case 'binary': {
        const left = await this.#evaluate(expr.left)
        const right = await this.#evaluate(expr.right)
        return operate(expr, left, right)
      }
    }
  }

  #constant(value: number): Series {
    const series = createSeries([], this.#grid.count)
    series.values.fill(value)
    series.present.fill(1)
    return series
  }

  async #range(expr: RangeAggregation, context: LeafContext): Promise<MetricValue> {
    if (expr.op !== 'absent_over_time') {
      return { kind: 'vector', series: await this.#leaf(expr, context), isOrdered: false }
    }
    const grouping = { without: false, labels: [] }
    const [found] = await this.#leaf(expr, { ...context, grouping })
    const series = createSeries(absentLabels(expr), this.#grid.count)
    for (let step = 0; step < this.#grid.count; step++) {
      if (!found?.present[step]) setSample(series, step, 1)
    }
    return { kind: 'vector', series: [series].filter(hasSamples), isOrdered: false }
  }

  // A leaf that the query names twice is read once.
  #leaf(expr: RangeAggregation, context: LeafContext): Promise<readonly Series[]> {
    const { source, signal, stats } = this.#parts
    const leaf = planSampleLeaf(expr, this.#grid, context)
    const key = `${leaf.logql} ${leaf.grid.startNs} ${JSON.stringify(leaf.grouping)}`
    const known = this.#leaves.get(key)
    if (known) return known
    const series = source.select(leaf, signal).then(result => {
      signal.throwIfAborted()
      addScanStats(stats, result.stats)
      return seriesOfLeaf(leaf, result)
    })
    this.#leaves.set(key, series)
    return series
  }
}

function seriesOf(value: MetricValue): readonly Series[] {
  return value.kind === 'vector' ? value.series : []
}

// Labels that each stream of the selector must have: names that one equality alone is about.
function absentLabels(expr: RangeAggregation): LabelSet {
  const { matchers } = expr.log
  const counts = Map.groupBy(matchers, matcher => matcher.name)
  return createLabelSet(
    matchers
      .filter(({ name, op }) => op === '=' && counts.get(name)!.length === 1)
      .map(({ name, value }) => [name, value] as const),
  )
}

type ResultValue =
  | Pick<Extract<QueryResult, { kind: 'matrix' }>, 'kind' | 'grid' | 'series'>
  | Pick<Extract<QueryResult, { kind: 'vector' }>, 'kind' | 'timeNs' | 'samples'>
  | Pick<Extract<QueryResult, { kind: 'scalar' }>, 'kind' | 'timeNs' | 'value'>

function resultOf(value: MetricValue, grid: StepGrid, { isInstant }: QueryRequest): ResultValue {
  if (!isInstant) {
    const series = value.kind === 'vector' ? value.series : [constantSeries(value.value, grid)]
    return { kind: 'matrix', grid, series: series.toSorted(bySeriesLabels) }
  }
  const timeNs = grid.startNs
  if (value.kind === 'scalar') return { kind: 'scalar', timeNs, value: value.value }
  const ordered = value.isOrdered ? value.series : value.series.toSorted(bySeriesLabels)
  const samples = ordered
    .filter(hasSamples)
    .map(({ labels, values }) => ({ labels, value: values[0]! }))
  return { kind: 'vector', timeNs, samples }
}

function constantSeries(value: number, grid: StepGrid): Series {
  const series = createSeries([], grid.count)
  series.values.fill(value)
  series.present.fill(1)
  return series
}

function bySeriesLabels(a: Series, b: Series): number {
  return compareLabelSets(a.labels, b.labels)
}
