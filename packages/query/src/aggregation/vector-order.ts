// Picks and sorts series by their values.

import { createSeries, hasSamples, type MetricValue, type Series, setSample } from './series.ts'
import type { VectorParameters } from './vector/definition.ts'
import { groupSeries } from './vector-groups.ts'

/** Keeps the best `parameter` series of each group and step; of equal ones those whose labels come first. */
export function pickBest(
  series: readonly Series[],
  { grouping, parameter }: VectorParameters,
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

/** Sorts series by the value at the first step, the only one where an order can be seen. */
export function sortSeries(
  series: readonly Series[],
  isBetter: (a: number, b: number) => boolean,
): MetricValue {
  const sorted = series.toSorted((a, b) => compareBest(a.values[0]!, b.values[0]!, isBetter))
  return { kind: 'vector', series: sorted, isOrdered: true }
}
