// The series a sample leaf has found so far, with their buckets.

import type { LabelSet } from '@skald/wire'
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

  /** Returns the series of a label set; creates it if needed. */
  series(labels: LabelSet): FoundSeries {
    const key = keyOf(labels)
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

// Cheaper than the canonical text, which quotes values. Neither a name nor a value has these characters at its
// end and start in a way that two sets could share: names have no control characters.
function keyOf(labels: LabelSet): string {
  let key = ''
  for (const { name, value } of labels) key += `${name}\u0000${value.length}\u0001${value}`
  return key
}

/** Returns the text for results with too many series. Grafana looks for it. */
export function seriesLimitText(seriesMax: number): string {
  return `maximum number of series (${seriesMax}) reached for a single query`
}

/** Returns the error for a query that exceeds the series limit. */
export function seriesLimitError(seriesMax: number): LimitExceededError {
  return new LimitExceededError(
    'max_query_series',
    `${seriesLimitText(seriesMax)}; consider reducing query cardinality by adding more specific ` +
      'stream selectors, reducing the time range, or aggregating results with functions like ' +
      'sum(), count() or topk()',
  )
}
