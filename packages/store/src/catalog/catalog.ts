// Defines the catalog, the index of what is stored: tenants, streams by their labels, segments by
// tenant and day. It holds no lines. Everything except the delete requests can be rebuilt from the
// footers of the segments.

import type { LabelSet, Matcher } from '@skald/wire'
import type { DeleteRequests } from './delete-requests.ts'

/** Half-open time range: includes `startNs`, excludes `endNs`. */
export interface TimeRange {
  readonly startNs: bigint
  readonly endNs: bigint
}

/** One stream of a segment: its labels, and when it was active on one day. */
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

/** What the catalog knows about one tenant's day in a segment, without its streams. */
export type PartSummary = Omit<CatalogPart, 'streams'>

/** A segment to add to the catalog. */
export interface CatalogSegment {
  readonly name: string
  readonly level: number
  readonly sequence: number
  /** Version of the segment format. */
  readonly version: number
  readonly sizeBytes: number
  readonly createdMs: number
  readonly parts: readonly CatalogPart[]
}

/** A segment as queries and compaction find it, without its parts and streams. */
export interface SegmentInfo {
  readonly name: string
  readonly level: number
  readonly sequence: number
  readonly sizeBytes: number
  readonly createdMs: number
}

/** One tenant's day in a stored segment. */
export interface SegmentPartInfo extends SegmentInfo {
  /** Version of the segment format. */
  readonly version: number
  readonly tenant: string
  readonly day: number
  readonly rowCount: number
  readonly lineBytes: number
}

/** Totals of level 0. */
export interface Level0Summary {
  readonly segments: number
  readonly sizeBytes: number
  /** When the oldest segment was committed; 0 if there is none. */
  readonly oldestMs: number
}

/** One day of a tenant, and the segments that hold it. */
export interface TenantDay {
  readonly tenant: string
  readonly day: number
  readonly segments: readonly string[]
}

/** Bytes of segments that hold one day of a tenant. */
export interface DaySize {
  readonly tenant: string
  readonly day: number
  /** Above level 0, where a segment holds nothing else. */
  readonly compactedBytes: number
  /** The day's part of level 0, by bytes of lines. Rounded up. */
  readonly level0Bytes: number
}

/** A segment above level 0, and the newest time in it. */
export interface DatedSegment {
  readonly name: string
  readonly tenant: string
  readonly day: number
  readonly sizeBytes: number
  /** Rounded up. */
  readonly maxMs: number
}

/** Counts for `/metrics`. */
export interface CatalogTotals {
  readonly segments: number
  readonly streams: number
  readonly sizeBytes: number
}

/**
 * The highest sequences in the names of segments that were ever added. Commits and merges are added
 * in the order of their names, so an unknown file with a lower number was either never added or has
 * been replaced since. A new catalog has 0 for both.
 */
export interface EnteredMarks {
  readonly level0: number
  readonly compacted: number
}

/** Names of the segments that a merge reads, and of those that it writes. */
export interface PlannedMerge {
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
}

/** Allows a merge to replace its inputs, as long as nothing happens that it does not know of. */
export interface MergeTicket {
  readonly job: number
  /** The delete requests that the merge follows: all that had begun by this version of the catalog. */
  readonly rules: number
}

/** The index. Each method is one transaction: it happens completely or not at all. */
export interface Catalog {
  readonly deleteRequests: DeleteRequests
  /**
   * Makes everything that any process has written until now visible to the other methods. Never rejects.
   * Returns why what they read may be out of date; `undefined` if it is not, and at once if only this process
   * writes the catalog.
   */
  refresh(): Promise<string | undefined> | undefined
  /**
   * Begins a merge. Returns no ticket if only this process writes the catalog, and `taken` if another process is
   * merging one of the inputs, or has replaced it.
   */
  beginMerge(merge: PlannedMerge): Promise<MergeTicket | 'taken' | undefined>
  /** Ends a merge that will not be entered, so that others may merge its inputs. Never rejects. */
  giveUpMerge(ticket: MergeTicket): Promise<void>
  /** Returns the segments that processes are merging now; none if only this process writes the catalog. */
  listTaken(): Promise<ReadonlySet<string>>
  /**
   * Adds segments and removes the ones they replace. Replaced segments are listed as dropped until
   * their objects are deleted. Adding a segment again changes nothing. If anything is replaced,
   * this resolves once the change would survive a power loss, because objects are deleted next.
   *
   * @param ticket Of the merge that wrote the segments.
   */
  addSegments(
    segments: readonly CatalogSegment[],
    replaces: readonly string[],
    ticket?: MergeTicket,
  ): Promise<void>
  /**
   * Makes sure that a failed transaction cannot come back, and that no earlier one can go. A transaction whose
   * sync failed may still be in SQLite's log, and a crash would restore it. This writes another transaction over
   * it, and syncs all before.
   */
  settle(): Promise<void>
  /** Removes segments whose objects are gone, and remembers their names as lost. */
  removeSegments(names: readonly string[]): Promise<void>
  /** Returns the replaced segments whose objects may still exist. */
  listDropped(): Promise<string[]>
  /** Removes names from the list of dropped segments, once their objects are deleted. */
  forgetDropped(names: readonly string[]): Promise<void>
  /** All segments, oldest sequence first. */
  listSegments(): Promise<SegmentInfo[]>
  /**
   * Returns the parts of all segments of level 0, or of all levels above it, oldest sequence first.
   */
  listParts(which: 'level0' | 'compacted'): Promise<SegmentPartInfo[]>
  /** Returns the parts of one segment; none if it is unknown. */
  partsOf(segment: string): Promise<PartSummary[]>
  /** Returns the size of each tenant's day, oldest day first. */
  daySizes(): Promise<DaySize[]>
  /**
   * Returns the segments above level 0 with entries of a day or a later one, oldest day first, then
   * oldest sequence.
   */
  segmentsSince(day: number): Promise<DatedSegment[]>
  /** Returns the totals of level 0. Cheap however much the store holds. */
  level0(): Promise<Level0Summary>
  /**
   * Removes a tenant's data from before a day: segments that hold nothing else, and streams that
   * were not active since. The segments are listed as dropped and returned. Resolves once the
   * change would survive a power loss.
   */
  dropBefore(tenant: string, day: number): Promise<string[]>
  /**
   * Returns the days between two days, both inclusive, on which streams of a tenant were active;
   * ascending.
   */
  activeDays(tenant: string, firstDay: number, lastDay: number): Promise<number[]>
  /**
   * Removes all other streams from a tenant's day. Does so only if the given segments are exactly
   * the ones that hold the day; otherwise returns `false` and changes nothing.
   */
  retainStreams(day: TenantDay, labelsTexts: ReadonlySet<string>): Promise<boolean>
  /** Returns the segments that hold entries of the tenant in the range, oldest sequence first. */
  findSegments(tenant: string, range: TimeRange): Promise<SegmentInfo[]>
  /**
   * Returns the streams that match all matchers and were active in the range: canonical text →
   * labels.
   *
   * @param onCount Called with their number before their labels are read. It may throw.
   */
  findStreams(
    tenant: string,
    matchers: readonly Matcher[],
    range: TimeRange,
    onCount?: (count: number) => void,
  ): Promise<Map<string, LabelSet>>
  /**
   * Returns the sorted label names of the tenant's streams that were active on the days of the
   * range.
   */
  labelNames(tenant: string, range: TimeRange): Promise<string[]>
  /** Returns the sorted values of one label of those streams. */
  labelValues(tenant: string, name: string, range: TimeRange): Promise<string[]>
  /** Returns the tenants that have streams, sorted. */
  tenants(): Promise<string[]>
  totals(): Promise<CatalogTotals>
  close(): Promise<void>
}

/** A catalog that only this process writes, and that is brought in line with the files of a directory. */
export interface LocalCatalog extends Catalog {
  /**
   * Adds segments like `addSegments`, one after another as they are read, so that only one is in
   * memory. Nothing else may use the catalog meanwhile. Returns how many there were.
   */
  addFound(segments: AsyncIterable<CatalogSegment>, replaces: readonly string[]): Promise<number>
  marks(): Promise<EnteredMarks>
  /** Returns the lost segments that were not added again since. */
  listLost(): Promise<string[]>
  /** Returns true if all streams of a part are known, with their labels and times. */
  knowsStreams(part: CatalogPart): Promise<boolean>
  /** Writes the record of a known segment again. Does nothing if the segment is not known any more. */
  renewSegment(segment: CatalogSegment): Promise<void>
}
