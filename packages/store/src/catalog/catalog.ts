// What is indexed: tenants, streams by their labels, segments by tenant and day. Never lines. All of
// it can be made again from the footers of the segments, but for what is asked to be deleted.

import type { LabelSet, Matcher } from '@skald/wire'
import type { DeleteRequests } from './delete-requests.ts'

/** Half-open range of times: `startNs` included, `endNs` not. */
export interface TimeRange {
  readonly startNs: bigint
  readonly endNs: bigint
}

/** A stream as a segment brings it: its labels, and when it was active on one day. */
export interface StreamActivity {
  /** Canonical label set. */
  readonly labelsText: string
  readonly labels: LabelSet
  /** Both inclusive. */
  readonly minNs: bigint
  readonly maxNs: bigint
}

/** One tenant's day in a segment. */
export interface CatalogPart {
  readonly tenant: string
  readonly day: number
  readonly minNs: bigint
  readonly maxNs: bigint
  readonly rowCount: number
  readonly lineBytes: number
  readonly streams: readonly StreamActivity[]
}

/** A segment to be entered. */
export interface CatalogSegment {
  readonly name: string
  readonly level: number
  readonly sequence: number
  readonly sizeBytes: number
  readonly createdMs: number
  readonly parts: readonly CatalogPart[]
}

/** A segment as it is found for a query or for compaction; `parts` without their streams. */
export interface SegmentInfo {
  readonly name: string
  readonly level: number
  readonly sequence: number
  readonly sizeBytes: number
  readonly createdMs: number
}

/** One tenant's day in a stored segment. */
export interface SegmentPartInfo extends SegmentInfo {
  readonly tenant: string
  readonly day: number
  readonly rowCount: number
  readonly lineBytes: number
}

/** Level 0 as a whole. */
export interface Level0Summary {
  readonly segments: number
  readonly sizeBytes: number
  /** When the oldest was committed; 0 without segments. */
  readonly oldestMs: number
}

/** A tenant's day, and the segments that hold it. */
export interface TenantDay {
  readonly tenant: string
  readonly day: number
  readonly segments: readonly string[]
}

/** Counts for `/metrics`. */
export interface CatalogTotals {
  readonly segments: number
  readonly streams: number
  readonly sizeBytes: number
}

/**
 * The highest sequences in the names of segments that were ever entered: commits and merges are entered in
 * the order of their names, so a file that is not known and named lower was never entered, or has been
 * replaced since. Both are 0 in a catalog that is new.
 */
export interface EnteredMarks {
  readonly level0: number
  readonly compacted: number
}

/** The index. Each method is one transaction: it happens as a whole or not at all. */
export interface Catalog {
  readonly deleteRequests: DeleteRequests
  /**
   * Enters segments and takes out those they replace, which are noted as dropped until their objects
   * are deleted. Entering a segment again changes nothing. Where something is replaced it settles when
   * that survives a power loss, since objects are deleted after it.
   */
  addSegments(segments: readonly CatalogSegment[], replaces: readonly string[]): Promise<void>
  /**
   * Makes sure that a transaction which failed does not come back: one whose sync failed may stand in the
   * log all the same, and be found there after a crash, until another is written over it.
   */
  settle(): Promise<void>
  marks(): Promise<EnteredMarks>
  /** Takes out segments whose objects are gone, and remembers their names as lost. */
  removeSegments(names: readonly string[]): Promise<void>
  /** Segments that were lost, and not entered again since. */
  listLost(): Promise<string[]>
  /** Segments that were replaced and whose objects may still be there. */
  listDropped(): Promise<string[]>
  /** Says that the objects of these dropped segments are deleted. */
  forgetDropped(names: readonly string[]): Promise<void>
  /** All segments, oldest sequence first. */
  listSegments(): Promise<SegmentInfo[]>
  /** Parts of all segments of level 0, or of all above it, oldest sequence first. */
  listParts(which: 'level0' | 'compacted'): Promise<SegmentPartInfo[]>
  /** How much level 0 holds; cheap, whatever the store holds. */
  level0(): Promise<Level0Summary>
  /**
   * Takes out what a tenant has from before a day: segments that hold nothing else, which are noted as
   * dropped and returned, and the streams that were not active since. Settles when that survives a power
   * loss.
   */
  dropBefore(tenant: string, day: number): Promise<string[]>
  /** Days between two, both inclusive, on which streams of a tenant were active; ascending. */
  activeDays(tenant: string, firstDay: number, lastDay: number): Promise<number[]>
  /**
   * Takes out what is known of streams on a day but for these, when the given segments are all that hold
   * the day; `false`, and nothing is changed, when others have come or gone.
   */
  retainStreams(day: TenantDay, labelsTexts: ReadonlySet<string>): Promise<boolean>
  /** Segments that hold entries of the tenant within the range, oldest sequence first. */
  findSegments(tenant: string, range: TimeRange): Promise<SegmentInfo[]>
  /** Streams that all matchers accept and that were active in the range: canonical text → labels. */
  findStreams(
    tenant: string,
    matchers: readonly Matcher[],
    range: TimeRange,
  ): Promise<Map<string, LabelSet>>
  /** Label names of the tenant's streams active on the days of the range, sorted. */
  labelNames(tenant: string, range: TimeRange): Promise<string[]>
  /** Values of one label, likewise, sorted. */
  labelValues(tenant: string, name: string, range: TimeRange): Promise<string[]>
  /** Tenants that have streams, sorted. */
  tenants(): Promise<string[]>
  totals(): Promise<CatalogTotals>
  close(): Promise<void>
}
