// Lines of a block as text: whole (one character a byte) for searches over all of them, and one by one.

import { isAscii } from 'node:buffer'
import type { LinesColumn } from '../log-source.ts'

/** Gives the lines of one block as strings; valid as long as the column is. */
export class BlockText {
  readonly bytes: Buffer
  readonly #column: LinesColumn
  #offsets: Uint32Array | undefined
  #latin1: string | undefined
  #isAscii: boolean | undefined
  // The first backslash from an offset on.
  #searchedFrom = 0
  #nextBackslash = -1
  #lastQuote: number | undefined

  constructor(column: LinesColumn) {
    this.bytes = column.bytes
    this.#column = column
  }

  /** Where lines start; a search that finds nothing never asks, and the column is not decoded. */
  get offsets(): Uint32Array {
    this.#offsets ??= this.#column.offsets
    return this.#offsets
  }

  /** All lines, a character for each byte. */
  latin1(): string {
    this.#latin1 ??= this.bytes.toString('latin1')
    return this.#latin1
  }

  /** Offset of the line's first byte. */
  startOf(row: number): number {
    return this.offsets[row]!
  }

  /** Offset of the `\n` that ends the line. */
  endOf(row: number): number {
    return this.offsets[row + 1]! - 1
  }

  /** Tells whether a line has a backslash; quick where lines are asked for in their order. */
  hasBackslash(row: number): boolean {
    const start = this.startOf(row)
    if (this.#nextBackslash < start || start < this.#searchedFrom) {
      this.#searchedFrom = start
      const next = this.bytes.indexOf(0x5c, start)
      this.#nextBackslash = next < 0 ? this.bytes.length : next
    }
    return this.#nextBackslash < this.endOf(row)
  }

  /** Offset of the block's last quote, or -1: a search that starts before it ends. */
  get lastQuote(): number {
    this.#lastQuote ??= this.bytes.lastIndexOf(0x22)
    return this.#lastQuote
  }

  /** One line, a character for each byte. */
  latin1Line(row: number): string {
    if (this.#latin1 !== undefined) return this.#latin1.slice(this.startOf(row), this.endOf(row))
    return this.bytes.toString('latin1', this.startOf(row), this.endOf(row))
  }

  /** One line as text; bytes that are not UTF-8 become U+FFFD. */
  line(row: number): string {
    this.#isAscii ??= isAscii(this.bytes)
    // One copy of the block, of which the lines are slices.
    if (this.#isAscii) return this.latin1().slice(this.startOf(row), this.endOf(row))
    return this.bytes.toString('utf8', this.startOf(row), this.endOf(row))
  }
}
