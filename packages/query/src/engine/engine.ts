// Runs a query: parses it, checks it against the limits and evaluates it.

import { compareLabelSets, type LabelSet } from '@skald/wire'
import { constantSeries, hasSamples, type MetricValue, type Series } from '../aggregation/series.ts'
import type { Direction, ScanStats, StepGrid } from '../blocks/block-view.ts'
import { createScanStats } from '../blocks/stats.ts'
import { LogqlKindError } from '../errors.ts'
import type { ResultEntry } from '../plan/leaf-result.ts'
import type { LogSource } from '../plan/log-source.ts'
import { checkQueryLimits, planGrid } from '../plan/plan.ts'
import { checkNames } from '../syntax/check-names.ts'
import { parseLogql } from '../syntax/parser.ts'
import { GapTally } from './gap-tally.ts'
import { LogQuery } from './log-query.ts'
import { MetricQuery } from './metric-query.ts'
import type { QueryRequest } from './query-run.ts'

export interface VectorSample {
  readonly labels: LabelSet
  readonly value: number
}

export type QueryResult = {
  readonly stats: ScanStats
  /** Warnings to show the client with the result. */
  readonly warnings: readonly string[]
} & (
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
 *   VectorMatchingError; the source's errors; the signal's reason.
 */
export async function runQuery(
  request: QueryRequest,
  source: LogSource,
  signal: AbortSignal,
): Promise<QueryResult> {
  const expr = parseLogql(request.logql)
  checkNames(expr)
  checkQueryLimits(expr, request, request.limits)
  const stats = createScanStats()
  const warnings: string[] = []
  const gaps = new GapTally()
  const run = { request, source, signal, stats, warnings, gaps }
  if (expr.kind === 'log') {
    if (request.isInstant) {
      throw new LogqlKindError(
        'log queries are not supported as an instant query type, please change your query to a ' +
          'range query type',
      )
    }
    const entries = await new LogQuery(run).run(expr)
    warnings.push(...asList(gaps.warning()))
    return { kind: 'streams', direction: request.direction, entries, stats, warnings }
  }
  const grid = planGrid(request, request.limits)
  const value = await new MetricQuery(run, grid).run(expr)
  warnings.push(...asList(gaps.warning()))
  return { ...resultOf(value, grid, request), stats, warnings }
}

function asList(text: string | undefined): string[] {
  return text === undefined ? [] : [text]
}

type ResultValue =
  | Pick<Extract<QueryResult, { kind: 'matrix' }>, 'kind' | 'grid' | 'series'>
  | Pick<Extract<QueryResult, { kind: 'vector' }>, 'kind' | 'timeNs' | 'samples'>
  | Pick<Extract<QueryResult, { kind: 'scalar' }>, 'kind' | 'timeNs' | 'value'>

function resultOf(
  value: MetricValue,
  grid: StepGrid,
  { isInstant, limits: { maxQuerySeries } }: QueryRequest,
): ResultValue {
  if (!isInstant) {
    const series =
      value.kind === 'vector' ? value.series : [constantSeries(value.value, grid.count)]
    return {
      kind: 'matrix',
      grid,
      series: series.toSorted(bySeriesLabels).slice(0, maxQuerySeries),
    }
  }
  const timeNs = grid.startNs
  if (value.kind === 'scalar') return { kind: 'scalar', timeNs, value: value.value }
  const ordered = value.isOrdered ? value.series : value.series.toSorted(bySeriesLabels)
  const samples = ordered
    .filter(hasSamples)
    .slice(0, maxQuerySeries)
    .map(({ labels, values }) => ({ labels, value: values[0]! }))
  return { kind: 'vector', timeNs, samples }
}

function bySeriesLabels(a: Series, b: Series): number {
  return compareLabelSets(a.labels, b.labels)
}
