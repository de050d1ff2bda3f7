// Leaves of a query plan: how they are scanned, and how the results of several scanners become one.

import { mergeBuckets } from '../aggregation/folds.ts'
import { aggregateWindows, foldOf } from '../aggregation/range-aggregation.ts'
import { hasSamples, type Series } from '../aggregation/series.ts'
import { createWindows } from '../aggregation/windows.ts'
import type { Pause } from '../pause.ts'
import type { Leaf, LeafResult, LeafScanner, LogLeaf, SampleLeaf } from '../source/log-source.ts'
import { addScanStats, createScanStats } from '../source/stats.ts'
import { parseLogql } from '../syntax/parser.ts'
import type { RangeAggregation } from '../syntax-tree/ast.ts'
import { compareEntries, type FoundEntry } from './entry-heap.ts'
import { type FoundLogs, LogScanner } from './log-scanner.ts'
import { type FoundPatterns, mergePatterns, PatternScanner } from './pattern-scanner.ts'
import { type FoundSamples, SampleScanner } from './sample-scanner.ts'
import { type FoundSeries, SeriesTable } from './series-table.ts'
import { VolumeScanner } from './volume-scanner.ts'
import { type FoundVolumes, VolumeTable } from './volume-table.ts'

/** Makes the scanner of a leaf. Workers make one for each task. */
export function openLeafScanner(leaf: Leaf): LeafScanner {
  switch (leaf.kind) {
    case 'logs':
      return new LogScanner(leaf)
    case 'samples':
      return new SampleScanner(leaf)
    case 'volume':
      return new VolumeScanner(leaf)
    case 'patterns':
      return new PatternScanner(leaf)
  }
}

/**
 * Merges what the scanners of one leaf found.
 *
 * @throws LimitExceededError when they have too many series together.
 */
export function mergeLeafResults(leaf: Leaf, results: readonly LeafResult[]): LeafResult {
  const stats = createScanStats()
  for (const result of results) addScanStats(stats, result.stats)
  return { kind: leaf.kind, found: mergeFound(leaf, results), stats }
}

function mergeFound(leaf: Leaf, results: readonly LeafResult[]): unknown {
  const found = results.map(result => result.found)
  switch (leaf.kind) {
    case 'logs':
      return mergeLogs(leaf, found as FoundLogs[])
    case 'samples':
      return mergeSamples(leaf, found as FoundSamples[])
    case 'volume': {
      const table = new VolumeTable(leaf)
      for (const part of found as FoundVolumes[]) table.merge(part)
      return table.found()
    }
    case 'patterns':
      return mergePatterns(found as FoundPatterns[])
  }
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
  const expr = parseLogql(leaf.logql) as RangeAggregation
  const fold = foldOf(expr)
  const { bucketCount } = createWindows(leaf.grid, expr.rangeNs)
  if (parts.length === 1) return parts[0]!
  const table = new SeriesTable(fold, bucketCount, leaf.maxSeries)
  for (const part of parts) {
    for (const { labels, buckets } of part.series) {
      mergeBuckets(fold, table.series(labels).buckets, buckets)
    }
  }
  return { series: table.all() }
}

/** Entries of a log leaf, in the direction of the query. */
export function entriesOfLeaf(leaf: LogLeaf, result: LeafResult): readonly FoundEntry[] {
  return orderEntries(leaf, (result.found as FoundLogs).entries)
}

/** Series of a sample leaf over the steps of its grid; those without any sample are left out. */
export async function seriesOfLeaf(
  leaf: SampleLeaf,
  result: LeafResult,
  pause: Pause,
): Promise<Series[]> {
  const expr = parseLogql(leaf.logql) as RangeAggregation
  const windows = createWindows(leaf.grid, expr.rangeNs)
  const found: readonly FoundSeries[] = (result.found as FoundSamples).series
  const all: Series[] = []
  for (const part of found) {
    const series = aggregateWindows(expr, windows, part)
    if (hasSamples(series)) all.push(series)
    await pause(windows.bucketCount)
  }
  return all
}
