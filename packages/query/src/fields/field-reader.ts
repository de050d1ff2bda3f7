// The fast path of a metric query. Reads the few labels it needs straight from the bytes of a line, without
// a line object or a label set. If a reader finds anything unusual it returns false, and the line goes
// through the pipeline, which handles everything.

import type { BlockText } from '../pipeline/block-text.ts'
import type { FieldValues } from './field-values.ts'

/** Reads fields, one line at a time. */
export interface FieldReader {
  /** The values found. Valid until the next line. */
  readonly values: FieldValues
  /** Reads a stored line. Returns false if only the pipeline can find its labels. */
  read(text: BlockText, row: number): boolean
}

/** The fields to read. None of these names is a stream label or metadata. */
export interface FieldNames {
  readonly names: readonly string[]
  /** Index of the name whose value is only used as a number, -1 for none. */
  readonly sampled: number
  /** Whether no other field matters, so that reading can stop after the last of them. */
  readonly areAll: boolean
}
