// A pushed stream after validation, ready to be committed.

import type { LabelSet, PushStream } from '@skald/wire'

/** The rows of a pushed stream that may be stored. */
export interface AcceptedStream {
  readonly labels: LabelSet
  readonly labelsText: string
  readonly source: PushStream
  /** Accepted rows of `source`, ascending; absent if all were accepted. */
  readonly rows: Uint32Array | undefined
  /** Line lengths after truncation. The same array as in `source` if nothing was cut. */
  readonly lengths: Uint32Array
  /** Metadata with normalized names, indexed by the rows of `source`. */
  readonly metadata: readonly (LabelSet | undefined)[] | undefined
  /** Whether the rows get a `detected_level`. */
  readonly wantsLevels: boolean
}
