// Messages between the main thread and the scan threads. A scan is one leaf of one query. Each
// participating thread opens it, gets groups of blocks until there are no more or none is wanted,
// and then returns its result.

import type { BoardSeat, Leaf, LeafResult, SampleLeaf } from '@skald/query'
import type { DeleteRule } from '../deletes/delete-rule.ts'
import type { LeaseData } from '../memory/lease.ts'
import type { LedgerData } from '../memory/ledger.ts'
import type { CountRecord } from '../segment/counts/count-group.ts'
import type { FilterRecord } from '../segment/filter/filter-group.ts'
import type { NeededKeys } from '../segment/filter/need-keys.ts'
import type { BlockRecord } from '../segment/format.ts'
import type { ThreadError } from '../threads/thread-error.ts'

/** Locates a block. `labels` is an index into the label texts of the open request. */
export interface BlockRef {
  readonly segment: string
  readonly labels: number
  /** Index in its part. */
  readonly index: number
  readonly record: BlockRecord
  /** Indexes of the rules that may delete some of its rows. */
  readonly deletes?: readonly number[]
  /** Whether its filter said that it may have what the query needs. */
  readonly hasPassedFilter?: boolean
}

/**
 * Blocks of one stream that overlap in time. They are scanned together, so that duplicates count
 * once.
 */
export type BlockGroup = readonly BlockRef[]

/** First and last time of a group, both inclusive. */
export interface GroupSpan {
  readonly minNs: bigint
  readonly maxNs: bigint
}

export function spanOfGroup(group: BlockGroup): GroupSpan {
  let { minNs, maxNs } = group[0]!.record
  for (const { record } of group) {
    if (record.minNs < minNs) minNs = record.minNs
    if (record.maxNs > maxNs) maxNs = record.maxNs
  }
  return { minNs, maxNs }
}

/** Startup data of a scan thread. */
export interface ScanWorkerData {
  readonly directory: string
  readonly logLevelFields: readonly string[]
  /** Memory of queries. Absent: unlimited. */
  readonly ledger?: LedgerData | undefined
}

/** A segment whose filters a thread asks. */
export interface FilteredSegment {
  readonly segment: string
  readonly filters: readonly FilterRecord[]
}

/** What a filter says about a block: nothing, that it cannot have the keys, or that it may. */
export const filterVerdicts = { none: 0, without: 1, passed: 2 } as const

/** What the filters of a segment say. */
export interface FilterAnswer {
  /** For each list of keys: index of a block in the part → one of `filterVerdicts`. */
  readonly verdicts: readonly Uint8Array[]
  /** Why some filters could not be used; the blocks are then read. */
  readonly damage: string | undefined
  readonly bytesRead: number
}

/** Blocks of a segment to add up from its counts. The columns belong together, ascending by index. */
export interface CountedSegment {
  readonly segment: string
  /** Days since 1970-01-01. */
  readonly day: number
  readonly records: readonly CountRecord[]
  /** Indexes in the part, and in the label texts of the request. */
  readonly blocks: Uint32Array
  readonly labels: Uint32Array
  /** First and last timestamps. */
  readonly minNs: BigInt64Array
  readonly maxNs: BigInt64Array
}

/** What counts told about the blocks of a segment. */
export interface CountAnswer {
  /** Block of the request → 1 if its rows are in the result, 0 if it must be read. */
  readonly isAdded: Uint8Array
  /** Why some counts could not be used. */
  readonly damage: string | undefined
  readonly bytesRead: number
}

export type ScanRequest =
  | {
      readonly kind: 'filter'
      readonly scan: number
      readonly segments: readonly FilteredSegment[]
      /** Keys that blocks must have, one list for each kind of stream. */
      readonly keys: readonly NeededKeys[]
    }
  | {
      readonly kind: 'count'
      readonly scan: number
      readonly leaf: SampleLeaf
      readonly labelsTexts: readonly string[]
      readonly segments: readonly CountedSegment[]
      readonly lease: LeaseData | undefined
    }
  | {
      readonly kind: 'open'
      readonly scan: number
      readonly leaf: Leaf
      readonly labelsTexts: readonly string[]
      readonly deletes: readonly DeleteRule[]
      /** The place of the thread among those of a log leaf, if there are several. */
      readonly seat: BoardSeat | undefined
      /** Becomes 1 when nobody waits for the scan any more. Threads check it before each block. */
      readonly cancelled: Int32Array
      /** Memory of the leaf. */
      readonly lease: LeaseData | undefined
    }
  | {
      readonly kind: 'scan'
      readonly scan: number
      readonly groups: readonly BlockGroup[]
      /** First and last time of the group that comes next. */
      readonly next: GroupSpan | undefined
    }
  | { readonly kind: 'finish'; readonly scan: number }
  /** Asks how much memory the thread takes. */
  | { readonly kind: 'weigh'; readonly scan: number }
  | { readonly kind: 'cancel'; readonly scan: number }

export type ScanAnswer =
  | {
      readonly kind: 'scanned'
      readonly scan: number
      /** False if no later block, in the given order, can change the result. */
      readonly isWanted: boolean
      /** True if queries have taken so much memory that the scan should not go on. */
      readonly isShort: boolean
      /** How many of the groups were not scanned because of that. */
      readonly left: number
    }
  | { readonly kind: 'weighed'; readonly scan: number; readonly bytes: number }
  /** One answer for each segment, in the order of the request. */
  | { readonly kind: 'filtered'; readonly scan: number; readonly answers: readonly FilterAnswer[] }
  | {
      readonly kind: 'counted'
      readonly scan: number
      /** One answer for each segment, in the order of the request. */
      readonly answers: readonly CountAnswer[]
      readonly result: LeafResult
    }
  | { readonly kind: 'found'; readonly scan: number; readonly result: LeafResult }
  | { readonly kind: 'failed'; readonly scan: number; readonly error: ThreadError }
