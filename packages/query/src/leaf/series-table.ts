// The series that a sample leaf has found so far, with their buckets.

import { formatLabelSet, type LabelSet } from '@skald/wire'
import { createBuckets, type Fold } from '../aggregation/folds.ts'
import { LimitExceededError } from '../errors.ts'
import { leafCellCountMax } from '../limits.ts'
import type { FoundSeries } from '../plan/leaf-result.ts'

export class SeriesTable {
  readonly #fold: Fold
  readonly #bucketCount: number
  readonly #seriesMax: number
  readonly #byLabels = new Map<string, FoundSeries>()

  constructor(fold: Fold, bucketCount: number, seriesMax: number) {
    this.#fold = fold
    this.#bucketCount = bucketCount
    this.#seriesMax = seriesMax
  }

  /** Finds the series of a label set, or begins it. */
  series(labels: LabelSet): FoundSeries {
    const key = formatLabelSet(labels)
    const known = this.#byLabels.get(key)
    if (known) return known
    const count = this.#byLabels.size + 1
    if (count > this.#seriesMax || count * this.#bucketCount > leafCellCountMax) {
      const most = Math.min(this.#seriesMax, Math.floor(leafCellCountMax / this.#bucketCount))
      throw seriesLimitError(most)
    }
    const series = { labels, buckets: createBuckets(this.#fold, this.#bucketCount) }
    this.#byLabels.set(key, series)
    return series
  }

  all(): FoundSeries[] {
    return [...this.#byLabels.values()]
  }
}

/** What answers are told of that have too many series; Grafana looks for the text. */
export function seriesLimitText(seriesMax: number): string {
  return `maximum number of series (${seriesMax}) reached for a single query`
}

/** Says that a query has more series than it may. */
export function seriesLimitError(seriesMax: number): LimitExceededError {
  return new LimitExceededError(
    'max_query_series',
    `${seriesLimitText(seriesMax)}; consider reducing query cardinality by adding more specific ` +
      'stream selectors, reducing the time range, or aggregating results with functions like ' +
      'sum(), count() or topk()',
  )
}
