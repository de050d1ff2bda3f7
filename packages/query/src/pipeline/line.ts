// The line that runs through the stages of a pipeline, with its labels.

import type { BlockText } from './block-text.ts'
import { LineLabels } from './labels.ts'

/** A line as text and as bytes, whichever a stage asks for. One object serves all lines of a scan. */
export class Line {
  readonly labels = new LineLabels()
  /** Nanoseconds since 1970. */
  timestampNs: () => bigint = () => 0n
  /** The time at which the query runs, for templates that ask. */
  nowNs: () => bigint = () => 0n
  /** Bytes of the line from `start` to `end` once `locate` was called. */
  bytes: Buffer = Buffer.alloc(0)
  start = 0
  end = 0
  #stored: (() => BlockText) | undefined
  #row = 0
  #text: string | undefined

  /** Starts with a stored line, which is decoded when it is first looked at. */
  useStored(stored: () => BlockText, row: number): void {
    this.#stored = stored
    this.#row = row
    this.#text = undefined
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

  /** Bytes of the line. */
  get byteLength(): number {
    if (!this.#stored) return Buffer.byteLength(this.#text ?? '')
    const block = this.#stored()
    return block.endOf(this.#row) - block.startOf(this.#row)
  }
}
