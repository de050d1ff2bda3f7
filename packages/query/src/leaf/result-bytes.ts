// How much memory the result of a leaf may take, by what is known about it before it runs.

import { foldOf } from '../aggregation/range-aggregation.ts'
import { createWindows } from '../aggregation/windows.ts'
import { entryBytes, objectBytes } from '../memory-meter.ts'
import type { Leaf } from '../plan/log-source.ts'
import { bucketsBytes } from './series-table.ts'

/** What is known about the rows of a leaf. */
export interface ExpectedRows {
  readonly rows: number
  /** Bytes of all their lines. */
  readonly lineBytes: number
  /** Series or groups that may be found, without the limit of the leaf. */
  readonly series: number
}

/** Memory of the labels of a series, about. */
const seriesLabelsBytes = 6 * objectBytes

/** Returns bytes. A result of one scanner counts once. */
export function resultBytesOf(leaf: Leaf, { rows, lineBytes, series }: ExpectedRows): number {
  if (rows === 0 && series === 0) return 0
  switch (leaf.kind) {
    case 'logs':
      return Math.min(leaf.limit, rows) * (entryBytes + lineBytes / Math.max(1, rows))
    case 'samples': {
      const { bucketCount } = createWindows(leaf.grid, leaf.range.rangeNs)
      const perSeries = seriesLabelsBytes + bucketsBytes(foldOf(leaf.range), bucketCount)
      return Math.min(leaf.maxSeries, series) * perSeries
    }
    case 'volume':
      return Math.min(leaf.maxSeries, series) * (seriesLabelsBytes + 16 * leaf.grid.count)
    case 'patterns':
      return series * seriesLabelsBytes
  }
}
