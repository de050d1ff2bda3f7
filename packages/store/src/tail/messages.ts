// Messages between the main thread and the tail thread. The tail thread reads each committed
// segment once and runs every subscribed query over it. It handles requests in order.

import type { LogExpr, TailEntryText, TailForm } from '@skald/query'
import type { MissedCommit } from './missed-commits.ts'

/** Startup data of the tail thread. */
export interface TailWorkerData {
  readonly directory: string
  readonly logLevelFields: readonly string[]
}

/** A live query. Clients with the same query share it. */
export interface TailQuery {
  readonly tenant: string
  /** As the client wrote it: equal texts share a run. */
  readonly logql: string
  readonly log: LogExpr
  readonly form: TailForm
}

/** An entry that passed a query. If `isLost`, it stands for entries that were never read. */
export interface TailEntry extends TailEntryText {
  readonly isLost: boolean
}

/** Returns roughly how much memory an entry takes. */
export function tailEntryBytes({ labels, value }: TailEntry): number {
  return labels.length + value.length + 64
}

export type TailRequest =
  | { readonly kind: 'open'; readonly subscription: number; readonly query: TailQuery }
  | { readonly kind: 'close'; readonly subscription: number }
  /**
   * A segment is durable. If `isLate`, too many segments are waiting, so its entries are only
   * reported as lost.
   */
  | {
      readonly kind: 'commit'
      /** Counts the commits sent to the thread. */
      readonly number: number
      readonly segment: string
      readonly sizeBytes: number
      readonly isLate: boolean
    }
  /**
   * A new receiver of a subscription needs the entries of these commits, in this order, before all
   * others.
   */
  | {
      readonly kind: 'replay'
      readonly replay: number
      readonly subscription: number
      readonly commits: readonly MissedCommit[]
    }
  /** The main thread has handled an `entries` or `missed` answer. */
  | { readonly kind: 'taken' }

/** Why the entries of a segment are missing. */
export interface SegmentError {
  readonly segment: string
  readonly error: string
}

export type TailAnswer =
  /**
   * Entries of one commit, ascending by time. Very large commits arrive in parts that are each
   * sorted.
   */
  | {
      readonly kind: 'entries'
      readonly subscription: number
      readonly commit: number
      readonly entries: readonly TailEntry[]
      /** The commit's segment, sent with its last entries. */
      readonly served: string | undefined
    }
  /** Entries of a replay. */
  | {
      readonly kind: 'missed'
      readonly subscription: number
      readonly replay: number
      readonly entries: readonly TailEntry[]
    }
  /** A replay has ended, and its segments are no longer needed. */
  | { readonly kind: 'replayed'; readonly replay: number; readonly errors: readonly SegmentError[] }
  /** The thread no longer needs the segment. `error` says why its entries are missing. */
  | { readonly kind: 'done'; readonly segment: string; readonly error: string | undefined }
