// Groups of series, and folds over the values of a group at each step.

import { formatLabelSet, type LabelSet } from '@skald/wire'
import { type Grouping, groupLabels } from './grouping.ts'
import { createSeries, type MetricValue, type Series, setSample } from './series.ts'
import type { VectorDefinition } from './vector/definition.ts'

/** Folds the values of one group at one step; there is at least one. */
export type FoldValues = (values: readonly number[]) => number

interface Group {
  readonly labels: LabelSet
  readonly members: Series[]
}

/** Returns the groups of series. */
export function groupSeries(series: readonly Series[], grouping: Grouping | undefined): Group[] {
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

/** Makes the evaluation of an aggregation that folds the values of each group. */
export function foldingGroups(fold: FoldValues): VectorDefinition['evaluate'] {
  return (series, { grouping }) => unordered(foldGroups(series, grouping, fold))
}

/** Returns series as a value without an order. */
export function unordered(series: readonly Series[]): MetricValue {
  return { kind: 'vector', series, isOrdered: false }
}
