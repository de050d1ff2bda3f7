// What the main thread and the tail thread say to each other. The tail thread reads each committed
// segment once and runs every subscribed query over it; requests are worked off in order.

import type { TailEntryText, TailForm } from '@skald/query'

/** What the tail thread is started with. */
export interface TailWorkerData {
  readonly directory: string
  readonly logLevelFields: readonly string[]
}

/** A live query; clients that ask for the same share it. */
export interface TailQuery {
  readonly tenant: string
  readonly logql: string
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
  /** An `entries` answer has been taken in. */
  | { readonly kind: 'taken' }

export type TailAnswer =
  /** Entries of one commit, ascending by time (but for very large commits, which come in parts). */
  | {
      readonly kind: 'entries'
      readonly subscription: number
      readonly commit: number
      readonly entries: readonly TailEntry[]
    }
  /** The thread needs the segment no more; `error` says why its entries are missing. */
  | { readonly kind: 'done'; readonly segment: string; readonly error?: string }
