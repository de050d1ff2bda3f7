// Reads the lines of a block as text, one by one or in runs for searches.

import { isAscii } from 'node:buffer'
import type { LinesColumn } from '../blocks/block-view.ts'
import { runBytes } from '../limits.ts'

const newline = 0x0a

/** Returns the lines of one block as strings. Valid as long as the column is. */
export class BlockText {
  readonly rowCount: number
  readonly #column: LinesColumn
  #bytes: Buffer | undefined
  #offsets: Uint32Array | undefined
  #isAscii: boolean | undefined
  // A run of lines as text, one character per byte, and its place in the bytes.
  #run = ''
  #runStart = 0
  #runEnd = 0
  // End of the last line read.
  #lastEnd = -2
  // The first backslash from an offset on.
  #searchedFrom = 0
  #nextBackslash = -1
  #lastQuote: number | undefined

  constructor(column: LinesColumn, rowCount: number) {
    this.rowCount = rowCount
    this.#column = column
  }

  get bytes(): Buffer {
    this.#bytes ??= this.#column.bytes
    return this.#bytes
  }

  get byteLength(): number {
    return this.#column.byteLength ?? this.bytes.length
  }

  /** Returns 1 for each row whose line has these bytes, if that is known without the lines. */
  rowsWith(text: Buffer): Uint8Array | undefined {
    return this.#bytes ? undefined : this.#column.rowsWith?.(text)
  }

  /** Line starts. A search without hits never reads them, so the column is not decoded. */
  get offsets(): Uint32Array {
    this.#offsets ??= this.#column.offsets
    return this.#offsets
  }

  /** Returns the offset of the line's first byte. */
  startOf(row: number): number {
    return this.offsets[row]!
  }

  /** Returns the offset of the `\n` that ends the line. */
  endOf(row: number): number {
    return this.offsets[row + 1]! - 1
  }

  /** Returns true if a line has a backslash. Fast if lines come in order. */
  hasBackslash(row: number): boolean {
    const start = this.startOf(row)
    if (this.#nextBackslash < start || start < this.#searchedFrom) {
      this.#searchedFrom = start
      const next = this.bytes.indexOf(0x5c, start)
      this.#nextBackslash = next < 0 ? this.bytes.length : next
    }
    return this.#nextBackslash < this.endOf(row)
  }

  /** Offset of the block's last quote, or -1. A search from before it is sure to find a quote. */
  get lastQuote(): number {
    this.#lastQuote ??= this.bytes.lastIndexOf(0x22)
    return this.#lastQuote
  }

  /** Returns a line with one character per byte. */
  latin1Line(row: number): string {
    const start = this.startOf(row)
    const end = this.endOf(row)
    const isNext = start === this.#lastEnd + 1
    this.#lastEnd = end
    if (start < this.#runStart || end > this.#runEnd) {
      // A run is not worth it for scattered lines.
      if (!isNext) return this.bytes.toString('latin1', start, end)
      this.#runStart = start
      this.#runEnd = Math.max(end, Math.min(start + runBytes, this.bytes.length))
      this.#run = this.bytes.toString('latin1', start, this.#runEnd)
    }
    return this.#run.slice(start - this.#runStart, end - this.#runStart)
  }

  /** Whether all bytes are ASCII, and therefore valid. */
  get isAscii(): boolean {
    this.#isAscii ??= isAscii(this.bytes)
    return this.#isAscii
  }

  /** Returns a line as text. Bytes that are not UTF-8 become U+FFFD. */
  line(row: number): string {
    if (this.isAscii) return this.latin1Line(row)
    return this.bytes.toString('utf8', this.startOf(row), this.endOf(row))
  }
}

/**
 * Splits bytes at line breaks into runs that are a good size for text search. Calls `visit` with each run,
 * one character per byte, until it returns false.
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
