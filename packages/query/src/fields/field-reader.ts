// The short way of a metric query: the few labels it looks at are read from the bytes of a line, without
// a line object or a set of labels. A reader that meets anything out of the ordinary says so, and the
// line goes through the pipeline instead, which is always right.

import type { BlockText } from '../pipeline/block-text.ts'
import type { FieldValues } from './field-values.ts'

/** Reads the fields of one line after the other. */
export interface FieldReader {
  /** What it found; valid until the next line. */
  readonly values: FieldValues
  /** Reads a stored line; false where only the pipeline can tell what its labels are. */
  read(text: BlockText, row: number): boolean
}

/** Which fields are read: none of these names is a label of the stream or of metadata. */
export interface FieldNames {
  readonly names: readonly string[]
  /** Index of the name whose value only becomes a number, -1 for none. */
  readonly sampled: number
  /** Nothing else is looked at, so what stands behind the last of them does not matter. */
  readonly areAll: boolean
}
