// A line on its way through the stages of a pipeline, with its labels.

import type { BlockText } from './block-text.ts'
import { LineLabels } from './labels.ts'

/** A line as text or bytes, whichever a stage needs. One object is reused for all lines of a scan. */
export class Line {
  readonly labels = new LineLabels()
  /** Nanoseconds since 1970. */
  timestampNs: () => bigint = () => 0n
  /** Time at which the query runs, for templates that use it. */
  nowNs: () => bigint = () => 0n
  /** After `locate`, the line is in these bytes from `start` to `end`. */
  bytes: Buffer = Buffer.alloc(0)
  start = 0
  end = 0
  #stored: (() => BlockText) | undefined
  #row = 0
  #text: string | undefined

  /** Starts a stored line. It is decoded on first use. */
  useStored(stored: () => BlockText, row: number): void {
    this.#stored = stored
    this.#row = row
    this.#text = undefined
  }

  /** The block that a stored line is in, at `row`. `undefined` once a stage has set the text. */
  get block(): BlockText | undefined {
    return this.#stored?.()
  }

  get row(): number {
    return this.#row
  }

  get text(): string {
    this.#text ??= this.#stored?.().line(this.#row) ?? ''
    return this.#text
  }

  set text(text: string) {
    this.#text = text
    this.#stored = undefined
  }

  /** Sets `bytes`, `start` and `end`. */
  locate(): void {
    if (this.#stored) {
      const block = this.#stored()
      this.bytes = block.bytes
      this.start = block.startOf(this.#row)
      this.end = block.endOf(this.#row)
    } else {
      this.bytes = Buffer.from(this.#text ?? '', 'utf8')
      this.start = 0
      this.end = this.bytes.length
    }
  }

  /** Number of bytes in the line. */
  get byteLength(): number {
    if (!this.#stored) return Buffer.byteLength(this.#text ?? '')
    const block = this.#stored()
    return block.endOf(this.#row) - block.startOf(this.#row)
  }
}
