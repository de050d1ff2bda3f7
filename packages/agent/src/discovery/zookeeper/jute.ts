// ZooKeeper's encoding: records, and the frames that carry them over a connection.
//
//   4 bytes length | payload
//
// All numbers are big endian. In a payload an int has 4 bytes, a long 8 and a boolean 1. A string or byte
// array starts with its length (-1 for null), a list with its number of items.

import { zookeeperFrameBytesMax } from '../../limits.ts'

// Kept of a frame that is too long: enough to see which request it answers.
const headBytes = 16
const lengthBytes = 4

/** One payload. Truncated if it is too long. */
export interface Frame {
  /** A view into the pushed chunk. */
  readonly bytes: Buffer
  readonly isTooLong: boolean
}

/** Splits incoming bytes into frames. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0)
  /** Bytes left to skip of a frame that is too long. */
  #skipBytes = 0

  /**
   * Takes the next chunk and returns the frames it completes.
   *
   * @throws RangeError if the bytes cannot be a frame.
   */
  push(chunk: Buffer): Frame[] {
    const frames: Frame[] = []
    let bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk
    for (;;) {
      const skipped = Math.min(this.#skipBytes, bytes.length)
      this.#skipBytes -= skipped
      bytes = bytes.subarray(skipped)
      if (bytes.length < lengthBytes) break
      const length = bytes.readInt32BE(0)
      if (length < 0) throw new RangeError(`a frame cannot have ${length} bytes`)
      const isTooLong = length > zookeeperFrameBytesMax
      const end = lengthBytes + (isTooLong ? headBytes : length)
      if (bytes.length < end) break
      frames.push({ bytes: bytes.subarray(lengthBytes, end), isTooLong })
      bytes = bytes.subarray(end)
      if (isTooLong) this.#skipBytes = length - headBytes
    }
    this.#rest = Buffer.from(bytes)
    return frames
  }
}

/** Encodes an int. */
export function encodeInt(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

/** Encodes bytes with their length. */
export function encodeBytes(value: Buffer): Buffer {
  return Buffer.concat([encodeInt(value.length), value])
}

/** Encodes a boolean. */
export function encodeBoolean(value: boolean): Buffer {
  return Buffer.of(value ? 1 : 0)
}

/** Encodes fields as one frame. */
export function encodeFrame(...fields: readonly Buffer[]): Buffer {
  return encodeBytes(Buffer.concat(fields))
}

/** Reads the fields of a payload in order. Throws a RangeError past the end. */
export class RecordReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  int(): number {
    this.#at += 4
    return this.#bytes.readInt32BE(this.#at - 4)
  }

  long(): bigint {
    this.#at += 8
    return this.#bytes.readBigInt64BE(this.#at - 8)
  }

  /** Reads bytes with their length, as a view. Returns an empty buffer for null. */
  bytes(): Buffer {
    const length = Math.max(0, this.int())
    const start = this.#at
    this.#at += length
    if (this.#at > this.#bytes.length) throw new RangeError('a record is longer than its frame')
    return this.#bytes.subarray(start, this.#at)
  }

  text(): string {
    return this.bytes().toString('utf8')
  }

  texts(): string[] {
    const count = Math.max(0, this.int())
    const all: string[] = []
    while (all.length < count) all.push(this.text())
    return all
  }
}
