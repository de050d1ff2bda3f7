// Reads the fields of lines in batches (see span-finder.ts). Lines that it cannot decide, and those without
// WebAssembly, go to a reader of single lines.

import type { BlockText } from '../pipeline/block-text.ts'
import type { FieldReader } from './field-reader.ts'
import type { FieldValues } from './field-values.ts'
import { type SpanFinder, type SpanProgram, threadSpanFinder } from './span-finder.ts'

/** Returns a reader that runs a program if it can, and else the one for single lines. */
export function withSpans(
  single: FieldReader,
  program: SpanProgram | undefined,
  finder = threadSpanFinder(),
): FieldReader {
  return program && finder?.fits(program) ? new SpanFields(single, program, finder) : single
}

/** Rows of the first batch. */
const firstSize = 64

class SpanFields implements FieldReader {
  readonly values: FieldValues
  readonly #single: FieldReader
  readonly #program: SpanProgram
  readonly #finder: SpanFinder
  #text: BlockText | undefined
  // The batch in the finder's memory, and how many rows the next one has.
  #from = 0
  #to = 0
  #shift = 0
  #size = firstSize

  constructor(single: FieldReader, program: SpanProgram, finder: SpanFinder) {
    this.values = single.values
    this.#single = single
    this.#program = program
    this.#finder = finder
  }

  read(text: BlockText, row: number): boolean {
    if (text !== this.#text || row < this.#from || row >= this.#to || !this.#isOwn) {
      if (!this.#readBatch(text, row)) return this.#single.read(text, row)
    }
    const { outcomes, spans } = this.#finder
    const index = row - this.#from
    if (outcomes[index] === 0) return this.#single.read(text, row)
    const { values } = this
    values.start(text.bytes)
    const { nameCount } = this.#program
    const shift = this.#shift
    let at = 2 * index * nameCount
    for (let name = 0; name < nameCount; name++, at += 2) {
      const start = spans[at]!
      if (start !== 0 && !values.take(name, start - shift, spans[at + 1]! - shift)) return false
    }
    return true
  }

  // Readers of other streams may have used the memory since.
  get #isOwn(): boolean {
    return this.#finder.program === this.#program
  }

  // Rows that a filter has left may be far apart: a batch grows only while all of its rows are used.
  #readBatch(text: BlockText, row: number): boolean {
    const isNext = text === this.#text && row === this.#to
    if (isNext) this.#size = Math.min(2 * this.#size, this.#finder.rowsMax)
    else if (text === this.#text) this.#size = Math.max(1, this.#size >> 2)
    const count = this.#finder.read(this.#program, text, { row, count: this.#size })
    this.#text = text
    this.#from = row
    this.#to = row + count
    this.#shift = this.#finder.shiftOf(text.startOf(row))
    return count > 0
  }
}
