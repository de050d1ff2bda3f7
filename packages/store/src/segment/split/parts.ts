// The parts that the lines of a block are split into.

import type { Allocate } from '../../buffers.ts'

/** docs/segment-format.md specifies the bytes. */
export interface SplitParts {
  /** Counts, columns and templates. */
  readonly shape: Buffer
  /** The template of each line. */
  readonly ids: Buffer
  /** Values of columns that are texts, each followed by `\n`. */
  readonly words: Buffer
  /** Values of columns that are numbers, byte by byte. */
  readonly numbers: Buffer
  /** Values of columns that are hexadecimal digits. */
  readonly hex: Buffer
}

/** Order of the parts in a section. */
export const partNames = ['shape', 'ids', 'words', 'numbers', 'hex'] as const

/** Splits lines and joins them again. */
export interface LineSplitter {
  /**
   * Splits lines that end with `\n`. Returns `undefined` if they have no common form. The parts are
   * valid until the next call.
   */
  split(text: Buffer): SplitParts | undefined
  /**
   * Joins parts to the lines that they were split from, in memory that `allocate` returns.
   * @throws RangeError if the parts do not fit together, or make more than `bytesMax`.
   */
  join(parts: SplitParts, bytesMax: number, allocate: Allocate): Buffer
}
