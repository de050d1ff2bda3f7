// Lines of a block as text, one by one or as runs of them for searches.

import { isAscii } from 'node:buffer'
import type { LinesColumn } from '../blocks/block-view.ts'

/**
 * Bytes of a run of lines that becomes one string. Strings of more than 128 KiB lie where V8 keeps large
 * objects, and a scan that makes one of each block has the whole heap marked again and again.
 */
const runBytes = 64 * 1024

const newline = 0x0a

/** Gives the lines of one block as strings; valid as long as the column is. */
export class BlockText {
  readonly bytes: Buffer
  readonly rowCount: number
  readonly #column: LinesColumn
  #offsets: Uint32Array | undefined
  #isAscii: boolean | undefined
  // A run of lines as text, a character for each byte, and where it lies in the bytes.
  #run = ''
  #runStart = 0
  #runEnd = 0
  // Where the line ends that was asked for last.
  #lastEnd = -2
  // The first backslash from an offset on.
  #searchedFrom = 0
  #nextBackslash = -1
  #lastQuote: number | undefined

  constructor(column: LinesColumn, rowCount: number) {
    this.bytes = column.bytes
    this.rowCount = rowCount
    this.#column = column
  }

  /** Where lines start; a search that finds nothing never asks, and the column is not decoded. */
  get offsets(): Uint32Array {
    this.#offsets ??= this.#column.offsets
    return this.#offsets
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
    const start = this.startOf(row)
    const end = this.endOf(row)
    const isNext = start === this.#lastEnd + 1
    this.#lastEnd = end
    if (start < this.#runStart || end > this.#runEnd) {
      // Lines that are asked for here and there are not worth a run.
      if (!isNext) return this.bytes.toString('latin1', start, end)
      this.#runStart = start
      this.#runEnd = Math.max(end, Math.min(start + runBytes, this.bytes.length))
      this.#run = this.bytes.toString('latin1', start, this.#runEnd)
    }
    return this.#run.slice(start - this.#runStart, end - this.#runStart)
  }

  /** Tells whether all bytes are ASCII, and so none of them is damaged. */
  get isAscii(): boolean {
    this.#isAscii ??= isAscii(this.bytes)
    return this.#isAscii
  }

  /** One line as text; bytes that are not UTF-8 become U+FFFD. */
  line(row: number): string {
    if (this.isAscii) return this.latin1Line(row)
    return this.bytes.toString('utf8', this.startOf(row), this.endOf(row))
  }
}

/**
 * Cuts bytes at line breaks into runs that are good to search as text; calls `visit` with each, a
 * character for each byte, until it returns false.
 */
export function visitRuns(
  bytes: Buffer,
  { from, to }: { readonly from: number; readonly to: number },
  visit: (run: string, start: number) => boolean,
): void {
  for (let start = from; start < to; ) {
    const end = runEnd(bytes, start, to)
    if (!visit(bytes.toString('latin1', start, end), start)) return
    start = end
  }
}

function runEnd(bytes: Buffer, start: number, to: number): number {
  if (to - start <= runBytes) return to
  const last = bytes.lastIndexOf(newline, start + runBytes - 1)
  if (last >= start) return last + 1
  const next = bytes.indexOf(newline, start + runBytes)
  return next < 0 || next >= to ? to : next + 1
}
