// The batch of lines around the current one, as a program sees them (see span-finder.ts).

import type { BlockText } from '../pipeline/block-text.ts'
import type { SpanFinder, SpanProgram } from './span-finder.ts'

/** Rows of the first batch. */
const firstSize = 64

/** Reads batches, for callers that go from row to row. */
export class SpanBatch {
  /** What to subtract from spans. */
  shift = 0
  readonly #program: SpanProgram
  readonly #finder: SpanFinder
  #text: BlockText | undefined
  // The rows in the finder's memory, and how many rows the next batch has.
  #from = 0
  #to = 0
  #size = firstSize

  constructor(program: SpanProgram, finder: SpanFinder) {
    this.#program = program
    this.#finder = finder
  }

  /** Returns the place of a row in the batch. -1 if nothing is known about it, or its line is too long. */
  placeOf(text: BlockText, row: number): number {
    // Readers of other streams may have used the memory since.
    const isOwn = this.#finder.program === this.#program
    if (text !== this.#text || row < this.#from || row >= this.#to || !isOwn) {
      if (!this.#read(text, row)) return -1
    }
    const place = row - this.#from
    return this.#finder.outcomes[place] === 0 ? -1 : place
  }

  // Rows that a filter has left may be far apart: a batch grows only while all of its rows are used. Log queries
  // mostly go from the last row to the first.
  #read(text: BlockText, row: number): boolean {
    const isSame = text === this.#text
    const isBackward = isSame && row === this.#from - 1
    if (isBackward || (isSame && row === this.#to)) {
      this.#size = Math.min(2 * this.#size, this.#finder.rowsMax)
    } else if (isSame) this.#size = Math.max(1, this.#size >> 2)
    const first = isBackward ? this.#firstBefore(text, row) : row
    const wanted = isBackward ? row - first + 1 : this.#size
    const count = this.#finder.read(this.#program, text, { row: first, count: wanted })
    this.#text = text
    this.#from = first
    this.#to = first + count
    this.shift = this.#finder.shiftOf(text.startOf(first))
    return row < this.#to
  }

  // Returns the first row of a batch that ends with a row.
  #firstBefore(text: BlockText, row: number): number {
    const least = Math.max(0, row - this.#size + 1)
    const startMin = text.endOf(row) - this.#finder.bytesMax + 1
    let first = row
    while (first > least && text.startOf(first - 1) >= startMin) first--
    return first
  }
}
