// Range aggregations: which fold each one needs, and what it makes of a window. One row a function.

import type { LabelSet } from '@skald/wire'
import type { RangeOp } from '../syntax/operations.ts'
import type { RangeAggregation } from '../syntax-tree/ast.ts'
import { type Buckets, type Cell, cellAt, type Fold, type FoldName, folds } from './folds.ts'
import { type OverSamples, quantileOver, rateCounterOver, visitWindows } from './samples.ts'
import { createSeries, type Series, setSample } from './series.ts'
import type { Windows } from './windows.ts'

/** What a line counts as. */
export type SampleValue = 'one' | 'bytes' | 'unwrapped'

interface WindowInput {
  readonly cell: Cell
  readonly rangeSeconds: number
}

interface RangeFunction {
  readonly fold: FoldName
  readonly value: SampleValue
  /** Sums of it over series are it over the sum of their samples. */
  readonly isAdditive: boolean
  /** `undefined` where the window has no sample after all. */
  readonly result: (window: WindowInput) => number | undefined
  /** In place of `result` where the fold keeps samples. */
  readonly overSamples?: (expr: RangeAggregation, buckets: Buckets) => OverSamples
}

const count: RangeFunction = {
  fold: 'count',
  value: 'one',
  isAdditive: true,
  result: ({ cell }) => cell.count,
}
const unwrapped = { value: 'unwrapped', isAdditive: false } as const

const functions: Readonly<Record<RangeOp, RangeFunction>> = {
  count_over_time: count,
  rate: { ...count, result: ({ cell, rangeSeconds }) => cell.count / rangeSeconds },
  bytes_over_time: { fold: 'sum', value: 'bytes', isAdditive: true, result: ({ cell }) => cell.a },
  bytes_rate: {
    fold: 'sum',
    value: 'bytes',
    isAdditive: true,
    result: ({ cell, rangeSeconds }) => cell.a / rangeSeconds,
  },
  sum_over_time: {
    fold: 'sum',
    value: 'unwrapped',
    isAdditive: true,
    result: ({ cell }) => cell.a,
  },
  avg_over_time: { fold: 'sum', ...unwrapped, result: ({ cell }) => cell.a / cell.count },
  min_over_time: { fold: 'min', ...unwrapped, result: ({ cell }) => cell.a },
  max_over_time: { fold: 'max', ...unwrapped, result: ({ cell }) => cell.a },
  stdvar_over_time: { fold: 'moments', ...unwrapped, result: ({ cell }) => cell.b / cell.count },
  stddev_over_time: {
    fold: 'moments',
    ...unwrapped,
    result: ({ cell }) => Math.sqrt(cell.b / cell.count),
  },
  first_over_time: { fold: 'first', ...unwrapped, result: ({ cell }) => cell.a },
  last_over_time: { fold: 'last', ...unwrapped, result: ({ cell }) => cell.a },
  quantile_over_time: {
    fold: 'values',
    ...unwrapped,
    result: ({ cell }) => cell.count,
    overSamples: ({ parameter = 0 }, buckets) => quantileOver(parameter, buckets),
  },
  rate_counter: {
    fold: 'timedValues',
    ...unwrapped,
    result: ({ cell }) => cell.count,
    overSamples: ({ rangeNs }, buckets) => rateCounterOver(Number(rangeNs) / 1e9, buckets),
  },
  // Presence; that nothing is there is found out over all series together.
  absent_over_time: { ...count, isAdditive: false },
}

/** A rate over unwrapped values adds them up. */
const rateOfValues: RangeFunction = {
  fold: 'sum',
  value: 'unwrapped',
  isAdditive: true,
  result: ({ cell, rangeSeconds }) => cell.a / rangeSeconds,
}

/**
 * With `by`, Loki divides the sum of the samples by the count of all lines, those without a sample among
 * them.
 */
const groupedAverage: RangeFunction = {
  fold: 'average',
  ...unwrapped,
  result: ({ cell }) => (cell.b > 0 ? cell.a / cell.count : undefined),
}

function functionOf(expr: RangeAggregation): RangeFunction {
  const { grouping } = expr
  if (expr.op === 'avg_over_time' && grouping && !grouping.without) return groupedAverage
  return expr.op === 'rate' && expr.unwrap ? rateOfValues : functions[expr.op]
}

export function foldOf(expr: RangeAggregation): Fold {
  return folds[functionOf(expr).fold]
}

/** What a line counts as in this aggregation. */
export function sampleValueOf(expr: RangeAggregation): SampleValue {
  const { value } = functionOf(expr)
  return expr.unwrap ? 'unwrapped' : value
}

/** Tells whether `sum` around the aggregation may fold its series while lines are read. */
export function isAdditive(expr: RangeAggregation): boolean {
  return functionOf(expr).isAdditive && !expr.grouping
}

/** Makes the series of one set of buckets. */
export function aggregateWindows(
  expr: RangeAggregation,
  windows: Windows,
  { labels, buckets }: { readonly labels: LabelSet; readonly buckets: Buckets },
): Series {
  const { fold, result, overSamples } = functionOf(expr)
  const series = createSeries(labels, windows.windowCount)
  if (overSamples) {
    const { starts, resultOf } = overSamples(expr, buckets)
    visitWindows(windows, starts, (window, from, to) => {
      setSample(series, window, resultOf(from, to))
    })
    return series
  }
  const rangeSeconds = Number(expr.rangeNs) / 1e9
  slide(folds[fold], windows, buckets, (window, cell) => {
    const value = result({ cell, rangeSeconds })
    if (value !== undefined) setSample(series, window, value)
  })
  return series
}

// Visits the windows that have samples. A queue of two stacks: `front` holds, for each bucket that is
// still to leave, the fold of it and the buckets after it up to the turn; `back` the fold of those
// behind the turn. So each bucket is folded twice, however long the windows are.
function slide(
  fold: Fold,
  windows: Windows,
  buckets: Buckets,
  visit: (window: number, cell: Cell) => void,
): void {
  let front: (Cell | undefined)[] = []
  let back: Cell | undefined
  let frontStart = 0
  let turn = 0
  let next = 0
  const merge = (x: Cell | undefined, y: Cell | undefined) => (x && y ? fold.merge(x, y) : (x ?? y))
  for (let window = 0; window < windows.windowCount; window++) {
    const first = windows.firstOf(window)
    const last = windows.lastOf(window)
    // Buckets between windows belong to none.
    next = Math.max(next, first)
    for (; next <= last; next++) {
      if (buckets.count[next] !== 0) back = merge(back, cellAt(buckets, next))
    }
    if (first >= turn) {
      front = new Array<Cell | undefined>(last - first + 1)
      let suffix: Cell | undefined
      for (let i = last; i >= first; i--) {
        if (buckets.count[i] !== 0) suffix = merge(cellAt(buckets, i), suffix)
        front[i - first] = suffix
      }
      turn = last + 1
      back = undefined
      frontStart = first
    }
    const cell = merge(front[first - frontStart], back)
    if (cell) visit(window, cell)
  }
}
