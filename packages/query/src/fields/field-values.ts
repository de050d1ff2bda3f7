// The fields that a reader has found in one line: texts, but for the one that becomes a number.

import { ShortTexts } from '../pipeline/short-texts.ts'

/** Values of a line by the index of their name. */
export class FieldValues {
  readonly texts: (string | undefined)[]
  bytes: Buffer = Buffer.alloc(0)
  /** Where the sample stands in the bytes, since its text is not made; -1 where there is none. */
  sampleStart = -1
  sampleEnd = -1
  /** Values found so far, each name counted once. */
  count = 0
  readonly #sampled: number
  readonly #known = new ShortTexts()

  /** @param sampled index of the name whose value only becomes a number, -1 for none. */
  constructor(nameCount: number, sampled: number) {
    this.texts = new Array<string | undefined>(nameCount).fill(undefined)
    this.#sampled = sampled
  }

  /** Starts a line, somewhere in these bytes. */
  start(bytes: Buffer): void {
    this.bytes = bytes
    const { texts } = this
    for (let i = 0; i < texts.length; i++) texts[i] = undefined
    this.sampleStart = -1
    this.count = 0
  }

  /**
   * Takes in a value, unless there is one of its name already; false where it is no UTF-8, which only the
   * pipeline knows to handle.
   */
  take(index: number, start: number, end: number): boolean {
    const { bytes } = this
    if (index === this.#sampled) {
      if (this.sampleStart >= 0) return true
      this.count++
      this.sampleStart = start
      this.sampleEnd = end
      return true
    }
    if (this.texts[index] !== undefined) return true
    const text = this.#known.validText(bytes, start, end)
    if (text === undefined) return false
    this.count++
    this.texts[index] = text
    return true
  }
}
