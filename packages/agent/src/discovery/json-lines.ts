// Parses a stream of JSON values, one per line, across any chunk boundaries.

import { eventLineBytesMax } from '../limits.ts'

/** Joins chunks to lines and parses them. */
export class JsonLines {
  #parts: Buffer[] = []
  #size = 0

  /** True if the stream stopped in the middle of a line. */
  get hasRest(): boolean {
    return this.#size > 0
  }

  /**
   * Takes the next chunk and returns the values of the lines it completes.
   *
   * @throws SyntaxError if a line is not JSON; RangeError if one is too long.
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
