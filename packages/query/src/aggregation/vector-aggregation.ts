// Vector aggregations: sums and the like over the series of one step, and the ones that pick series.

import { formatLabelSet, type LabelSet } from '@skald/wire'
import type { VectorOp } from '../syntax/operations.ts'
import type { Grouping, VectorAggregation } from '../syntax-tree/ast.ts'
import { createSeries, hasSamples, type MetricValue, type Series, setSample } from './series.ts'

/** Folds the values of one group at one step. */
type FoldValues = (values: readonly number[]) => number

const folds: Readonly<Partial<Record<VectorOp, FoldValues>>> = {
  sum: values => values.reduce((sum, value) => sum + value, 0),
  avg: values => values.reduce((mean, value, i) => mean + (value - mean) / (i + 1), 0),
  count: values => values.length,
  max: values =>
    values.reduce((most, value) => (value > most || Number.isNaN(most) ? value : most)),
  min: values => values.reduce((least, v) => (v < least || Number.isNaN(least) ? v : least)),
  stddev: values => Math.sqrt(variance(values)),
  stdvar: variance,
}

// One value has none, be it infinite or no number.
function variance(values: readonly number[]): number {
  let mean = values[0]!
  let squares = 0
  for (let i = 1; i < values.length; i++) {
    const delta = values[i]! - mean
    mean += delta / (i + 1)
    squares += delta * (values[i]! - mean)
  }
  return squares / values.length
}

/** Evaluates a vector aggregation over all steps. */
export function aggregateVector(expr: VectorAggregation, series: readonly Series[]): MetricValue {
  const fold = folds[expr.op]
  if (fold) return unordered(foldGroups(series, expr.grouping, fold))
  switch (expr.op) {
    case 'topk':
    case 'approx_topk':
      return unordered(pickBest(series, expr, (a, b) => a > b))
    case 'bottomk':
      return unordered(pickBest(series, expr, (a, b) => a < b))
    case 'sort':
      return { kind: 'vector', series: sortSeries(series, 1), isOrdered: true }
    default:
      return { kind: 'vector', series: sortSeries(series, -1), isOrdered: true }
  }
}

function unordered(series: readonly Series[]): MetricValue {
  return { kind: 'vector', series, isOrdered: false }
}

/** Labels of a series that its group keeps. */
export function groupLabels(labels: LabelSet, grouping: Grouping | undefined): LabelSet {
  if (!grouping) return []
  const { without, labels: names } = grouping
  if (!without) return labels.filter(({ name }) => names.includes(name))
  return labels.filter(({ name, value }) => value !== '' && !names.includes(name))
}

interface Group {
  readonly labels: LabelSet
  readonly members: Series[]
}

function groupSeries(series: readonly Series[], grouping: Grouping | undefined): Group[] {
  const groups = new Map<string, Group>()
  for (const one of series) {
    const labels = groupLabels(one.labels, grouping)
    const key = formatLabelSet(labels)
    const group = groups.get(key)
    if (group) group.members.push(one)
    else groups.set(key, { labels, members: [one] })
  }
  return [...groups.values()]
}

function foldGroups(
  series: readonly Series[],
  grouping: Grouping | undefined,
  fold: FoldValues,
): Series[] {
  return groupSeries(series, grouping).map(({ labels, members }) => {
    const stepCount = members[0]!.values.length
    const result = createSeries(labels, stepCount)
    for (let step = 0; step < stepCount; step++) {
      const values: number[] = []
      for (const { values: all, present } of members) if (present[step]) values.push(all[step]!)
      if (values.length > 0) setSample(result, step, fold(values))
    }
    return result
  })
}

// Keeps the best k of each group and step; of equal ones those whose labels come first.
function pickBest(
  series: readonly Series[],
  { grouping, parameter }: VectorAggregation,
  isBetter: (a: number, b: number) => boolean,
): Series[] {
  const count = parameter ?? 1
  const picked: Series[] = []
  for (const { members } of groupSeries(series, grouping)) {
    const stepCount = members[0]!.values.length
    const results = members.map(member => createSeries(member.labels, stepCount))
    for (let step = 0; step < stepCount; step++) {
      const present = [...members.entries()].filter(([, member]) => member.present[step])
      present.sort(([, a], [, b]) => compareBest(a.values[step]!, b.values[step]!, isBetter))
      for (const [index, member] of present.slice(0, count)) {
        setSample(results[index]!, step, member.values[step]!)
      }
    }
    picked.push(...results.filter(hasSamples))
  }
  return picked
}

// NaN comes last either way.
function compareBest(a: number, b: number, isBetter: (a: number, b: number) => boolean): number {
  if (Number.isNaN(a)) return Number.isNaN(b) ? 0 : 1
  if (Number.isNaN(b)) return -1
  if (isBetter(a, b)) return -1
  return isBetter(b, a) ? 1 : 0
}

// By the value at the first step, which is the only one where an order can be seen.
function sortSeries(series: readonly Series[], sign: 1 | -1): Series[] {
  return series.toSorted((a, b) =>
    compareBest(a.values[0]!, b.values[0]!, (x, y) => (sign > 0 ? x < y : x > y)),
  )
}
