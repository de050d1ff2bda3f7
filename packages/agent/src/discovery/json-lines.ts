// JSON values in a stream, one a line, however the stream is cut into parts.

import { eventLineBytesMax } from '../limits.ts'

/** Puts lines together and parses them. */
export class JsonLines {
  #parts: Buffer[] = []
  #size = 0

  /** Tells whether the stream stopped in the middle of a line. */
  get hasRest(): boolean {
    return this.#size > 0
  }

  /**
   * Takes the next part of the stream and gives the values of the lines that it ends.
   *
   * @throws SyntaxError when a line is no JSON; RangeError when one is too long.
   */
  *push(chunk: Buffer): Iterable<unknown> {
    let start = 0
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, start)) {
      this.#parts.push(chunk.subarray(start, end))
      const line = Buffer.concat(this.#parts).toString('utf8')
      this.#parts = []
      this.#size = 0
      start = end + 1
      if (line.trim() !== '') yield JSON.parse(line)
    }
    if (start >= chunk.length) return
    this.#parts.push(chunk.subarray(start))
    this.#size += chunk.length - start
    if (this.#size > eventLineBytesMax) {
      throw new RangeError(`a line of the stream is longer than ${eventLineBytesMax} bytes`)
    }
  }
}
