// What the main thread and the scan threads say to each other. A scan is one leaf of one query; each
// thread that takes part opens it, is given groups of blocks until there are none or none is wanted,
// and then hands over what it found.

import type { Leaf, LeafResult } from '@skald/query'
import type { DeleteRule } from '../deletes/delete-rule.ts'
import type { BlockRecord } from '../segment/format.ts'
import type { ThreadError } from '../threads/thread-error.ts'

/** A block by its place; `labels` indexes the texts that opened the scan. */
export interface BlockRef {
  readonly segment: string
  readonly labels: number
  readonly record: BlockRecord
  /** Indexes of the rules that may delete rows of it. */
  readonly deletes?: readonly number[]
}

/** Blocks of one stream that share moments in time: scanned together, duplicates counted once. */
export type BlockGroup = readonly BlockRef[]

/** What a scan thread is started with. */
export interface ScanWorkerData {
  readonly directory: string
  readonly logLevelFields: readonly string[]
}

export type ScanRequest =
  | {
      readonly kind: 'open'
      readonly scan: number
      readonly leaf: Leaf
      readonly labelsTexts: readonly string[]
      readonly deletes: readonly DeleteRule[]
      /** Becomes 1 when nobody waits for the scan any more; looked at before each block. */
      readonly cancelled: Int32Array
    }
  | { readonly kind: 'scan'; readonly scan: number; readonly groups: readonly BlockGroup[] }
  | { readonly kind: 'finish'; readonly scan: number }
  | { readonly kind: 'cancel'; readonly scan: number }

export type ScanAnswer =
  /** `isWanted` is false when no later block, in the order given, can change the result. */
  | { readonly kind: 'scanned'; readonly scan: number; readonly isWanted: boolean }
  | { readonly kind: 'found'; readonly scan: number; readonly result: LeafResult }
  | { readonly kind: 'failed'; readonly scan: number; readonly error: ThreadError }
