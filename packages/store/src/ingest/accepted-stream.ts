// What validation leaves of a pushed stream, ready to be committed.

import type { LabelSet, PushStream } from '@skald/wire'

/** Rows of one pushed stream that may be stored. */
export interface AcceptedStream {
  readonly labels: LabelSet
  readonly labelsText: string
  readonly source: PushStream
  /** Rows of `source` that were accepted, ascending; absent for all of them. */
  readonly rows: Uint32Array | undefined
  /** Line lengths after truncation; those of `source` where nothing was cut. */
  readonly lengths: Uint32Array
  /** Metadata with normalised names; row numbers of `source`. */
  readonly metadata: readonly (LabelSet | undefined)[] | undefined
  /** Whether rows are to be given a `detected_level`. */
  readonly wantsLevels: boolean
}
