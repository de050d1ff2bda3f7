// Picks and sorts series by their values.

import { keptInOrderMax } from '../limits.ts'
import { createSeries, type MetricValue, type Series, setSample } from './series.ts'
import type { VectorParameters } from './vector/definition.ts'
import { groupSeries } from './vector-groups.ts'

/**
 * Keeps the best `parameter` series of each group and step. Ties go to the series whose labels sort first.
 */
export function pickBest(
  series: readonly Series[],
  { grouping, parameter }: VectorParameters,
  isBetter: (a: number, b: number) => boolean,
): Series[] {
  const count = parameter ?? 1
  const picked: Series[] = []
  for (const { members } of groupSeries(series, grouping)) {
    const stepCount = members[0]!.values.length
    const results: (Series | undefined)[] = members.map(() => undefined)
    for (let step = 0; step < stepCount; step++) {
      for (const index of pickStep(members, step, { count, isBetter })) {
        const { labels, values } = members[index]!
        const result = results[index] ?? createSeries(labels, stepCount)
        results[index] = result
        setSample(result, step, values[step]!)
      }
    }
    for (const result of results) if (result) picked.push(result)
  }
  return picked
}

// Returns the indexes of the best members at a step. Most members lose against the worst of the best so far, which
// takes one comparison, while sorting 50,000 of them would take sixteen each.
function pickStep(
  members: readonly Series[],
  step: number,
  { count, isBetter }: { count: number; isBetter: (a: number, b: number) => boolean },
): readonly number[] {
  const best: number[] = []
  const limit = count > keptInOrderMax ? members.length : count
  for (let index = 0; index < members.length; index++) {
    const { values, present } = members[index]!
    if (present[step] === 0) continue
    if (count > keptInOrderMax) {
      best.push(index)
      continue
    }
    const value = values[step]!
    let place = best.length
    while (
      place > 0 &&
      compareBest(value, members[best[place - 1]!]!.values[step]!, isBetter) < 0
    ) {
      place--
    }
    if (place >= limit) continue
    best.splice(place, 0, index)
    if (best.length > limit) best.pop()
  }
  if (count <= keptInOrderMax) return best
  const atStep = (index: number) => members[index]!.values[step]!
  return best.sort((a, b) => compareBest(atStep(a), atStep(b), isBetter)).slice(0, count)
}

// NaN comes last in both directions.
function compareBest(a: number, b: number, isBetter: (a: number, b: number) => boolean): number {
  if (Number.isNaN(a)) return Number.isNaN(b) ? 0 : 1
  if (Number.isNaN(b)) return -1
  if (isBetter(a, b)) return -1
  return isBetter(b, a) ? 1 : 0
}

/** Sorts series by their value at the first step, the only step at which order is visible. */
export function sortSeries(
  series: readonly Series[],
  isBetter: (a: number, b: number) => boolean,
): MetricValue {
  const sorted = series.toSorted((a, b) => compareBest(a.values[0]!, b.values[0]!, isBetter))
  return { kind: 'vector', series: sorted, isOrdered: true }
}
