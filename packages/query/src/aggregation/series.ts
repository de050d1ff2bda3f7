// Series over the evaluation times of a query, in columns.

import type { LabelSet } from '@skald/wire'

/** One series. Where `present[i]` is 0 it has no sample at step i, and the value means nothing. */
export interface Series {
  readonly labels: LabelSet
  readonly values: Float64Array
  readonly present: Uint8Array
}

/** What a metric expression gives: a number, or series. */
export type MetricValue =
  | { readonly kind: 'scalar'; readonly value: number }
  /** `isOrdered` where sort() gave the series their order. */
  | { readonly kind: 'vector'; readonly series: readonly Series[]; readonly isOrdered: boolean }

export function createSeries(labels: LabelSet, stepCount: number): Series {
  return {
    labels,
    values: new Float64Array(stepCount),
    present: new Uint8Array(stepCount),
  }
}

/** Makes the series without labels that has one value at every step. */
export function constantSeries(value: number, stepCount: number): Series {
  const series = createSeries([], stepCount)
  series.values.fill(value)
  series.present.fill(1)
  return series
}

/** Sets the sample of one step. */
export function setSample(series: Series, step: number, value: number): void {
  series.values[step] = value
  series.present[step] = 1
}

export function hasSamples(series: Series): boolean {
  return series.present.includes(1)
}
