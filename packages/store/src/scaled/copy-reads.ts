// The reads of a catalog that its copy answers as it is.

import type { LabelSet, Matcher } from '@skald/wire'
import type {
  CatalogTotals,
  DatedSegment,
  DaySize,
  Level0Summary,
  PartSummary,
  SegmentInfo,
  SegmentPartInfo,
  TimeRange,
} from '../catalog/catalog.ts'
import type { SqliteCatalog } from '../catalog/sqlite.ts'

/** Passes reads on to a copy of the catalog. */
export abstract class CopyReads {
  /** The copy that reads are answered from. */
  abstract get copy(): SqliteCatalog

  listDropped(): Promise<string[]> {
    return this.copy.listDropped()
  }

  forgetDropped(names: readonly string[]): Promise<void> {
    return this.copy.forgetDropped(names)
  }

  listSegments(): Promise<SegmentInfo[]> {
    return this.copy.listSegments()
  }

  listParts(which: 'level0' | 'compacted'): Promise<SegmentPartInfo[]> {
    return this.copy.listParts(which)
  }

  partsOf(segment: string): Promise<PartSummary[]> {
    return this.copy.partsOf(segment)
  }

  daySizes(): Promise<DaySize[]> {
    return this.copy.daySizes()
  }

  segmentsSince(day: number): Promise<DatedSegment[]> {
    return this.copy.segmentsSince(day)
  }

  level0(): Promise<Level0Summary> {
    return this.copy.level0()
  }

  activeDays(tenant: string, firstDay: number, lastDay: number): Promise<number[]> {
    return this.copy.activeDays(tenant, firstDay, lastDay)
  }

  findSegments(tenant: string, range: TimeRange): Promise<SegmentInfo[]> {
    return this.copy.findSegments(tenant, range)
  }

  findStreams(
    tenant: string,
    matchers: readonly Matcher[],
    range: TimeRange,
    onCount?: (count: number) => void,
  ): Promise<Map<string, LabelSet>> {
    return this.copy.findStreams(tenant, matchers, range, onCount)
  }

  labelNames(tenant: string, range: TimeRange): Promise<string[]> {
    return this.copy.labelNames(tenant, range)
  }

  labelValues(tenant: string, name: string, range: TimeRange): Promise<string[]> {
    return this.copy.labelValues(tenant, name, range)
  }

  tenants(): Promise<string[]> {
    return this.copy.tenants()
  }

  totals(): Promise<CatalogTotals> {
    return this.copy.totals()
  }

  /** Copies the copy. */
  copyTo(path: string): Promise<void> {
    return this.copy.copyTo(path)
  }
}
