// One log line with its time and metadata.

import type { Label, LabelSet } from './labels.ts'

/**
 * A line with its time and its structured metadata (pairs that belong to the line, not the stream).
 */
export interface Entry {
  /** Nanoseconds since 1970-01-01T00:00:00Z. */
  readonly timestampNs: bigint
  /** UTF-8 text without the line ending. */
  readonly line: string
  readonly structuredMetadata?: readonly Label[]
}

/** Entries with the same label set, in the order they were written. */
export interface Stream {
  readonly labels: LabelSet
  readonly entries: readonly Entry[]
}
