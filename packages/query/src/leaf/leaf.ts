// Scans the leaves of a query plan, and merges the results of several scanners.

import { mergeBuckets } from '../aggregation/folds.ts'
import { aggregateWindows, foldOf } from '../aggregation/range-aggregation.ts'
import { hasSamples, type Series } from '../aggregation/series.ts'
import { createWindows } from '../aggregation/windows.ts'
import { addScanStats, createScanStats } from '../blocks/stats.ts'
import type { Clock } from '../clock.ts'
import { type MemoryMeter, noMeter } from '../memory-meter.ts'
import type { Pause } from '../pause.ts'
import type {
  FoundEntry,
  FoundLogs,
  FoundSamples,
  FoundVolumes,
  LeafKind,
  LeafResult,
} from '../plan/leaf-result.ts'
import { foundOf } from '../plan/leaf-result.ts'
import type { Leaf, LeafScanner, LogLeaf, SampleLeaf, VolumeLeaf } from '../plan/log-source.ts'
import { compareEntries } from './entry-heap.ts'
import type { BoardSeat } from './limit-board.ts'
import { LogScanner } from './log-scanner.ts'
import { mergePatterns, PatternScanner } from './pattern-scanner.ts'
import { SampleScanner } from './sample-scanner.ts'
import { SeriesTable } from './series-table.ts'
import { VolumeScanner } from './volume-scanner.ts'
import { VolumeTable } from './volume-table.ts'

/** What a scanner may get besides its leaf. */
export interface ScannerOptions {
  /** The place of the scanner of a log leaf among several that run at the same time. */
  readonly seat?: BoardSeat | undefined
  /** Counts what the scanner keeps in memory. */
  readonly meter?: MemoryMeter
}

/** Creates the scanner of a leaf. Workers create one per task. */
export function openLeafScanner(
  leaf: Leaf,
  clock: Clock,
  { seat, meter = noMeter }: ScannerOptions = {},
): LeafScanner {
  switch (leaf.kind) {
    case 'logs':
      return new LogScanner(leaf, clock, { seat, meter })
    case 'samples':
      return new SampleScanner(leaf, clock, meter)
    case 'volume':
      return new VolumeScanner(leaf, meter)
    case 'patterns':
      return new PatternScanner(leaf, clock, meter)
  }
}

/**
 * Merges the results of one leaf's scanners.
 *
 * @throws LimitExceededError if they have too many series in total.
 */
export function mergeLeafResults(leaf: Leaf, results: readonly LeafResult[]): LeafResult {
  const stats = createScanStats()
  for (const result of results) addScanStats(stats, result.stats)
  switch (leaf.kind) {
    case 'logs':
      return { kind: leaf.kind, found: mergeLogs(leaf, partsOf(leaf.kind, results)), stats }
    case 'samples':
      return { kind: leaf.kind, found: mergeSamples(leaf, partsOf(leaf.kind, results)), stats }
    case 'volume':
      return { kind: leaf.kind, found: mergeVolumes(leaf, partsOf(leaf.kind, results)), stats }
    case 'patterns':
      return { kind: leaf.kind, found: mergePatterns(partsOf(leaf.kind, results)), stats }
  }
}

function partsOf<K extends LeafKind>(kind: K, results: readonly LeafResult[]) {
  return results.map(result => foundOf(kind, result))
}

function mergeVolumes(leaf: VolumeLeaf, parts: readonly FoundVolumes[]): FoundVolumes {
  const table = new VolumeTable(leaf)
  for (const part of parts) table.merge(part)
  return table.found()
}

function mergeLogs(leaf: LogLeaf, parts: readonly FoundLogs[]): FoundLogs {
  return {
    entries: orderEntries(
      leaf,
      parts.flatMap(part => part.entries),
    ).slice(0, leaf.limit),
  }
}

function orderEntries(leaf: LogLeaf, entries: readonly FoundEntry[]): FoundEntry[] {
  return entries.toSorted((a, b) => compareEntries(a, b, leaf.direction))
}

function mergeSamples(leaf: SampleLeaf, parts: readonly FoundSamples[]): FoundSamples {
  if (parts.length === 1) return parts[0]!
  const fold = foldOf(leaf.range)
  const { bucketCount } = createWindows(leaf.grid, leaf.range.rangeNs)
  const table = new SeriesTable({ fold, bucketCount, seriesMax: leaf.maxSeries })
  for (const part of parts) {
    for (const { labels, buckets } of part.series) {
      mergeBuckets(fold, table.series(labels).buckets, buckets)
    }
  }
  return { series: table.all() }
}

/** Returns the entries of a log leaf, in the direction of the query. */
export function entriesOfLeaf(leaf: LogLeaf, result: LeafResult): readonly FoundEntry[] {
  return orderEntries(leaf, foundOf('logs', result).entries)
}

/** Returns the series of a sample leaf over the steps of its grid. Leaves out series without samples. */
export async function seriesOfLeaf(
  leaf: SampleLeaf,
  result: LeafResult,
  pause: Pause,
): Promise<Series[]> {
  const expr = leaf.range
  const windows = createWindows(leaf.grid, expr.rangeNs)
  const all: Series[] = []
  for (const part of foundOf('samples', result).series) {
    const series = aggregateWindows(expr, windows, part)
    if (hasSamples(series)) all.push(series)
    await pause(windows.bucketCount)
  }
  return all
}
