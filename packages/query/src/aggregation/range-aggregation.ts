// Evaluates range aggregations over buckets of samples; range-table.ts has what each of them does.

import type { LabelSet } from '@skald/wire'
import { type Buckets, type Cell, cellAt, type Fold, folds } from './folds.ts'
import type { RangeFunction, RangeParameters, SampleValue } from './range/definition.ts'
import { type RangeOp, rangeDefinition } from './range-table.ts'
import { visitWindows } from './samples.ts'
import { createSeries, type Series, setSample } from './series.ts'
import type { Windows } from './windows.ts'

/** A range aggregation as a query has it. */
export interface RangeCall extends RangeParameters {
  readonly op: RangeOp
}

function functionOf(expr: RangeCall): RangeFunction {
  return rangeDefinition(expr.op).functionFor(expr)
}

/** Returns the fold of an aggregation's samples. */
export function foldOf(expr: RangeCall): Fold {
  return folds[functionOf(expr).fold]
}

/** What a line counts as in this aggregation. */
export function sampleValueOf(expr: RangeCall): SampleValue {
  const { value } = functionOf(expr)
  return expr.unwrap ? 'unwrapped' : value
}

/** Tells whether `sum` around the aggregation may fold its series while lines are read. */
export function isAdditive(expr: RangeCall): boolean {
  return functionOf(expr).isAdditive && !expr.grouping
}

/** Makes the series of one set of buckets. */
export function aggregateWindows(
  expr: RangeCall,
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
