// Evaluates a metric query, all steps at once. The source evaluates the leaves; everything around them runs
// here.

import { createLabelSet, type LabelSet } from '@skald/wire'
import { operate } from '../aggregation/binary-op.ts'
import { replaceLabels } from '../aggregation/label-replace.ts'
import { rangeDefinition } from '../aggregation/range-table.ts'
import {
  constantSeries,
  createSeries,
  hasSamples,
  type MetricValue,
  type Series,
  setSample,
} from '../aggregation/series.ts'
import { vectorDefinition } from '../aggregation/vector-table.ts'
import type { StepGrid } from '../blocks/block-view.ts'
import { addScanStats } from '../blocks/stats.ts'
import { seriesOfLeaf } from '../leaf/leaf.ts'
import { seriesLimitError, seriesLimitText } from '../leaf/series-table.ts'
import { createPause, type Pause } from '../pause.ts'
import { leafKey } from '../plan/leaf-key.ts'
import { foldedGrouping, innerSeriesLimit, type LeafContext, planSampleLeaf } from '../plan/plan.ts'
import type { MetricExpr, RangeAggregation } from '../syntax-tree/ast.ts'
import { addWarnings, type QueryRun } from './query-run.ts'

/** One metric query. */
export class MetricQuery {
  readonly #parts: QueryRun
  readonly #grid: StepGrid
  readonly #pause: Pause
  #root: MetricExpr | undefined
  readonly #leaves = new Map<string, { readonly series: Promise<readonly Series[]> }>()

  constructor(parts: QueryRun, grid: StepGrid) {
    this.#parts = parts
    this.#grid = grid
    this.#pause = createPause(parts.signal)
  }

  /**
   * Evaluates an expression over the grid. If partial results are allowed, too many series cause a warning
   * instead of an error.
   *
   * @throws LogqlPipelineError, VectorMatchingError, LimitExceededError; the errors of the source.
   */
  async run(expr: MetricExpr): Promise<MetricValue> {
    const { limits, allowsPartial } = this.#parts.request
    this.#root = expr
    const value = await this.#evaluate(expr)
    if (value.kind === 'vector' && value.series.length > limits.maxQuerySeries) {
      if (!allowsPartial) throw seriesLimitError(limits.maxQuerySeries)
      const text = seriesLimitText(limits.maxQuerySeries)
      this.#parts.warnings.push(`${text}; returning partial results`)
    }
    return value
  }

  // Series of the result itself count against the limit as soon as they are found.
  #seriesMax(expr: MetricExpr): number {
    const { limits, allowsPartial } = this.#parts.request
    return expr === this.#root && !allowsPartial ? limits.maxQuerySeries : innerSeriesLimit(limits)
  }

  async #evaluate(expr: MetricExpr): Promise<MetricValue> {
    const value = await this.#compute(expr)
    await this.#pause(value.kind === 'vector' ? value.series.length * this.#grid.count : 1)
    return value
  }

  async #compute(expr: MetricExpr): Promise<MetricValue> {
    this.#parts.signal.throwIfAborted()
    switch (expr.kind) {
      case 'literal':
        return { kind: 'scalar', value: expr.value }
      case 'vector':
        return {
          kind: 'vector',
          series: [constantSeries(expr.value, this.#grid.count)],
          isOrdered: false,
        }
      case 'range':
        return this.#range(expr, { maxSeries: this.#seriesMax(expr) })
      case 'aggregation': {
        const grouping = foldedGrouping(expr)
        if (grouping && expr.operand.kind === 'range') {
          return this.#range(expr.operand, { grouping, maxSeries: this.#seriesMax(expr) })
        }
        const series = seriesOf(await this.#evaluate(expr.operand))
        return vectorDefinition(expr.op).evaluate(series, expr)
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

  async #range(expr: RangeAggregation, context: LeafContext): Promise<MetricValue> {
    if (!rangeDefinition(expr.op).isAbsence) {
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

  // A leaf that appears twice in the query is read once.
  #leaf(expr: RangeAggregation, context: LeafContext): Promise<readonly Series[]> {
    const { source, signal, stats, warnings, gaps } = this.#parts
    const leaf = planSampleLeaf(expr, this.#grid, context)
    const key = leafKey(leaf)
    const known = this.#leaves.get(key)
    if (known) return known.series
    const series = source.select(leaf, signal).then(result => {
      signal.throwIfAborted()
      addScanStats(stats, result.stats)
      addWarnings(warnings, result)
      gaps.add(result.gaps)
      return seriesOfLeaf(leaf, result, this.#pause)
    })
    this.#leaves.set(key, { series })
    return series
  }
}

function seriesOf(value: MetricValue): readonly Series[] {
  return value.kind === 'vector' ? value.series : []
}

// Returns the labels that every stream of the selector must have: names with a single matcher, an equality.
function absentLabels(expr: RangeAggregation): LabelSet {
  const { matchers } = expr.log
  const counts = Map.groupBy(matchers, matcher => matcher.name)
  return createLabelSet(
    matchers
      .filter(({ name, op }) => op === '=' && counts.get(name)!.length === 1)
      .map(({ name, value }) => [name, value] as const),
  )
}
