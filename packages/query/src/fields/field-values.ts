// The fields a reader found in one line. Values are strings, except the one used as a number.

import { ShortTexts } from '../pipeline/short-texts.ts'

/** Values of a line by the index of their name. */
export class FieldValues {
  readonly texts: (string | undefined)[]
  bytes: Buffer = Buffer.alloc(0)
  /** Start of the sample in the bytes (no string is made of it), -1 if there is none. */
  sampleStart = -1
  sampleEnd = -1
  /** Values found so far. Each name counts once. */
  count = 0
  readonly #sampled: number
  readonly #known = new ShortTexts()

  /** @param sampled index of the name whose value is only used as a number, -1 for none. */
  constructor(nameCount: number, sampled: number) {
    this.texts = new Array<string | undefined>(nameCount).fill(undefined)
    this.#sampled = sampled
  }

  /** Starts a line that is somewhere in these bytes. */
  start(bytes: Buffer): void {
    this.bytes = bytes
    const { texts } = this
    for (let i = 0; i < texts.length; i++) texts[i] = undefined
    this.sampleStart = -1
    this.count = 0
  }

  /**
   * Adds a value unless its name already has one. Returns false if it is not UTF-8, which only the pipeline
   * can handle.
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
