// Series over the evaluation times of a query, in columns.

import type { LabelSet } from '@skald/wire'

/** One series. If `present[i]` is 0, it has no sample at step i and the value means nothing. */
export interface Series {
  readonly labels: LabelSet
  readonly values: Float64Array
  readonly present: Uint8Array
}

/** The result of a metric expression: a number or series. */
export type MetricValue =
  | { readonly kind: 'scalar'; readonly value: number }
  /** `isOrdered` is set if sort() decided the order of the series. */
  | { readonly kind: 'vector'; readonly series: readonly Series[]; readonly isOrdered: boolean }

export function createSeries(labels: LabelSet, stepCount: number): Series {
  return {
    labels,
    values: new Float64Array(stepCount),
    present: new Uint8Array(stepCount),
  }
}

/** Creates a series without labels that has the same value at every step. */
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
