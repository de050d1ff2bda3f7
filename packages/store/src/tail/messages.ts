// What the main thread and the tail thread say to each other. The tail thread reads each committed
// segment once and runs every subscribed query over it; requests are worked off in order.

import type { LogExpr, TailEntryText, TailForm } from '@skald/query'
import type { MissedCommit } from './missed-commits.ts'

/** What the tail thread is started with. */
export interface TailWorkerData {
  readonly directory: string
  readonly logLevelFields: readonly string[]
}

/** A live query; clients that ask for the same share it. */
export interface TailQuery {
  readonly tenant: string
  /** As the client wrote it: equal texts share a run. */
  readonly logql: string
  readonly log: LogExpr
  readonly form: TailForm
}

/** An entry that passed a query. `isLost` ones stand for entries that were never looked at. */
export interface TailEntry extends TailEntryText {
  readonly isLost: boolean
}

/** What an entry takes in memory, roughly. */
export function tailEntryBytes({ labels, value }: TailEntry): number {
  return labels.length + value.length + 64
}

export type TailRequest =
  | { readonly kind: 'open'; readonly subscription: number; readonly query: TailQuery }
  | { readonly kind: 'close'; readonly subscription: number }
  /** A segment is durable. `isLate`: too many wait behind it, so its entries are only told as lost. */
  | {
      readonly kind: 'commit'
      /** Counts the commits that the thread was told of. */
      readonly number: number
      readonly segment: string
      readonly sizeBytes: number
      readonly isLate: boolean
    }
  /** A new receiver of a subscription wants the entries of these commits, in their order, before all others. */
  | {
      readonly kind: 'replay'
      readonly replay: number
      readonly subscription: number
      readonly commits: readonly MissedCommit[]
    }
  /** An `entries` or `missed` answer has been taken in. */
  | { readonly kind: 'taken' }

/** Why the entries of a segment are missing. */
export interface SegmentError {
  readonly segment: string
  readonly error: string
}

export type TailAnswer =
  /** Entries of one commit, ascending by time (but for very large commits, which come in parts). */
  | {
      readonly kind: 'entries'
      readonly subscription: number
      readonly commit: number
      readonly entries: readonly TailEntry[]
      /** The commit's segment, with its last entries. */
      readonly served: string | undefined
    }
  /** Entries of a replay. */
  | {
      readonly kind: 'missed'
      readonly subscription: number
      readonly replay: number
      readonly entries: readonly TailEntry[]
    }
  /** A replay is over, and its segments are needed no more. */
  | { readonly kind: 'replayed'; readonly replay: number; readonly errors: readonly SegmentError[] }
  /** The thread needs the segment no more; `error` says why its entries are missing. */
  | { readonly kind: 'done'; readonly segment: string; readonly error: string | undefined }
