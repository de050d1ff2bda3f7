// The results of scanners, by kind of leaf. Plain data that survives a structured clone.

import type { LabelSet } from '@skald/wire'
import type { Buckets } from '../aggregation/folds.ts'
import type { ScanStats } from '../blocks/block-view.ts'
import type { MinedPattern } from '../patterns/miner.ts'
import type { CategorizedLabels } from '../pipeline/labels.ts'

/** The place of an entry in the order of a log query's entries. */
export interface EntryPlace {
  readonly timestampNs: bigint
  /** Canonical labels of the stream, as stored. */
  readonly streamKey: string
  /** Whose stream it is, if several tenants are read. */
  readonly tenant?: string
  /** Order of the blocks of a stream. */
  readonly sequence: number
  readonly row: number
}

/** One entry of a log result. Entries of equal labels may share the labels object. */
export interface ResultEntry {
  readonly timestampNs: bigint
  readonly line: string
  readonly labels: CategorizedLabels
}

/** An entry that a scan found. */
export interface FoundEntry extends EntryPlace, ResultEntry {
  /** About how much memory it takes. */
  readonly bytes: number
}

/** Entries of a log leaf, in no particular order. Entries with equal labels may share one object. */
export interface FoundLogs {
  readonly entries: readonly FoundEntry[]
}

/** One series of a sample leaf. */
export interface FoundSeries {
  readonly labels: LabelSet
  readonly buckets: Buckets
}

/** Series of a sample leaf. */
export interface FoundSamples {
  readonly series: readonly FoundSeries[]
}

/** Sums of a volume leaf. */
export interface FoundVolumes {
  readonly groups: readonly LabelSet[]
  /** Two numbers, entries and bytes, for each bucket of each group. */
  readonly cells: Float64Array
}

/** Patterns of one stream's lines of one level. */
export interface StreamPatterns {
  /** Canonical labels of the stream. */
  readonly stream: string
  /** Value of `detected_level`; empty if there is none. */
  readonly level: string
  readonly patterns: readonly MinedPattern[]
}

/** Patterns of a pattern leaf. */
export interface FoundPatterns {
  readonly streams: readonly StreamPatterns[]
  /** Lines that belong to no pattern, because there were too many shapes to look at. */
  readonly linesLeft: number
}

/** One gap marker: an entry that says which lines are missing from its stream. */
export interface GapMark {
  readonly timestampNs: bigint
  /** Canonical labels of the stream. */
  readonly streamKey: string
  /** What is missing; 0 if unknown. */
  readonly bytes: number
  readonly lines: number
}

/** Gap markers of a leaf's streams in its range. */
export interface FoundGaps {
  readonly marks: readonly GapMark[]
  /** True if there may be more. */
  readonly hasMore: boolean
}

interface FoundByKind {
  readonly logs: FoundLogs
  readonly samples: FoundSamples
  readonly volume: FoundVolumes
  readonly patterns: FoundPatterns
}
export type LeafKind = keyof FoundByKind

/** Result of one scanner, or of several merged ones. */
export type LeafResult<K extends LeafKind = LeafKind> = {
  [Kind in K]: {
    readonly kind: Kind
    readonly found: FoundByKind[Kind]
    readonly stats: ScanStats
    /** What the source had to leave out, in words for the client. */
    readonly warnings?: readonly string[]
    /** Set by a source that knows of gaps. Scanners do not set it. */
    readonly gaps?: FoundGaps
  }
}[K]

/**
 * Returns what a leaf of this kind found. Every result passes here once, on its way out of a source.
 *
 * @throws TypeError if the result belongs to a leaf of another kind.
 */
export function foundOf<K extends LeafKind>(kind: K, result: LeafResult): FoundByKind[K] {
  if (result.kind !== kind) throw new TypeError(`A ${kind} leaf was answered with ${result.kind}`)
  return result.found as FoundByKind[K]
}
