// Lines of a body that arrives in pieces. Keeps at most one unfinished line.

import { ByteQueue } from '@skald/wire/byte-queue'

const lineFeed = 0x0a
const carriageReturn = 0x0d

/** A line, valid until the next call; or that it was longer than allowed. */
export interface SplitLine {
  /** Number of the line, from 1. */
  readonly number: number
  /** Absent if the line is too long. */
  readonly bytes: Buffer | undefined
}

/** Divides bytes into lines. */
export class LineSplitter {
  readonly #lineBytesMax: number
  readonly #queue = new ByteQueue(lineFeed)
  #number = 0
  /** Whether the rest of an overlong line is being skipped. */
  #isSkipping = false

  constructor(lineBytesMax: number) {
    this.#lineBytesMax = lineBytesMax
  }

  /** Lines so far. */
  get lineCount(): number {
    return this.#number
  }

  /** Bytes of the unfinished line. */
  get bytes(): number {
    return this.#queue.length
  }

  *take(chunk: Buffer): Generator<SplitLine> {
    const queue = this.#queue
    queue.push(chunk)
    for (let at = queue.next(); at >= 0; at = queue.next()) {
      yield this.#line(queue.bytes.subarray(0, at))
      queue.drop(at + 1)
    }
    if (queue.length > this.#lineBytesMax) {
      this.#isSkipping = true
      queue.drop(queue.length)
    }
    queue.settle()
  }

  /** Yields the last line, if the body ends without a line feed. */
  *end(): Generator<SplitLine> {
    const { bytes } = this.#queue
    if (bytes.length > 0 || this.#isSkipping) yield this.#line(bytes)
    this.#queue.drop(bytes.length)
  }

  #line(bytes: Buffer): SplitLine {
    this.#number++
    const isTooLong = this.#isSkipping || bytes.length > this.#lineBytesMax
    this.#isSkipping = false
    if (isTooLong) return { number: this.#number, bytes: undefined }
    const end = bytes[bytes.length - 1] === carriageReturn ? bytes.length - 1 : bytes.length
    return { number: this.#number, bytes: bytes.subarray(0, end) }
  }
}
