// The series a sample leaf has found so far, with their buckets.

import type { LabelSet } from '@skald/wire'
import { createBuckets, type Fold } from '../aggregation/folds.ts'
import { LimitExceededError } from '../errors.ts'
import { leafCellCountMax } from '../limits.ts'
import {
  labelsBytes,
  type MemoryMeter,
  noMeter,
  numbersBytes,
  objectBytes,
} from '../memory-meter.ts'
import type { FoundSeries } from '../plan/leaf-result.ts'

/** What a table holds. */
export interface SeriesTableOptions {
  readonly fold: Fold
  /** Of each series. */
  readonly bucketCount: number
  readonly seriesMax: number
}

export class SeriesTable {
  readonly #fold: Fold
  readonly #bucketCount: number
  readonly #seriesMax: number
  readonly #meter: MemoryMeter
  readonly #bucketsBytes: number
  readonly #byLabels = new Map<string, FoundSeries>()

  constructor({ fold, bucketCount, seriesMax }: SeriesTableOptions, meter: MemoryMeter = noMeter) {
    this.#fold = fold
    this.#bucketCount = bucketCount
    this.#seriesMax = seriesMax
    this.#meter = meter
    this.#bucketsBytes = bucketsBytes(fold, bucketCount)
  }

  /**
   * Returns the series of a label set; creates it if needed.
   *
   * @throws LimitExceededError if there are too many; the meter's error.
   */
  series(labels: LabelSet): FoundSeries {
    const key = keyOf(labels)
    const known = this.#byLabels.get(key)
    if (known) return known
    const count = this.#byLabels.size + 1
    if (count > this.#seriesMax || count * this.#bucketCount > leafCellCountMax) {
      const most = Math.min(this.#seriesMax, Math.floor(leafCellCountMax / this.#bucketCount))
      throw seriesLimitError(most)
    }
    this.#meter.takeResult(labelsBytes(labels) + this.#bucketsBytes)
    this.#meter.takeOwn(objectBytes + key.length)
    const series = { labels, buckets: createBuckets(this.#fold, this.#bucketCount) }
    this.#byLabels.set(key, series)
    return series
  }

  all(): FoundSeries[] {
    return [...this.#byLabels.values()]
  }
}

/** Returns how much memory the buckets of one series take. */
export function bucketsBytes({ width, sampleWidth }: Fold, bucketCount: number): number {
  const columns = (1 + width) * (numbersBytes + 8 * bucketCount)
  return 2 * objectBytes + columns + (sampleWidth > 0 ? 8 * bucketCount : 0)
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
