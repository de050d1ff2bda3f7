// Reads and writes little-endian bytes with varints (LEB128), for footers and columns.

import { writeVarint } from '@skald/wire'

/** Writes into a buffer that grows by doubling. */
export class ByteWriter {
  #buffer: Buffer
  #length = 0

  constructor(capacityBytes = 1024) {
    this.#buffer = Buffer.allocUnsafe(capacityBytes)
  }

  get length(): number {
    return this.#length
  }

  /**
   * Makes room for `bytes` more and returns the buffer. Write into it from `length` on, then call
   * `advance`.
   */
  reserve(bytes: number): Buffer {
    if (this.#length + bytes > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + bytes))
      this.#buffer.copy(larger, 0, 0, this.#length)
      this.#buffer = larger
    }
    return this.#buffer
  }

  /** Sets the new length after you wrote into the buffer from `reserve`. */
  advance(length: number): void {
    this.#length = length
  }

  u8(value: number): void {
    this.reserve(1)[this.#length++] = value
  }

  u16(value: number): void {
    this.#length = this.reserve(2).writeUInt16LE(value, this.#length)
  }

  u32(value: number): void {
    this.#length = this.reserve(4).writeUInt32LE(value, this.#length)
  }

  i64(value: bigint): void {
    this.#length = this.reserve(8).writeBigInt64LE(value, this.#length)
  }

  /** Writes a whole number from 0 to 2^53 - 1. */
  varint(value: number): void {
    this.#length = writeVarint(this.reserve(8), this.#length, value)
  }

  text(value: string): void {
    const bytes = Buffer.byteLength(value, 'utf8')
    this.varint(bytes)
    this.#length += this.reserve(bytes).write(value, this.#length, 'utf8')
  }

  bytes(value: Uint8Array): void {
    this.reserve(value.length).set(value, this.#length)
    this.#length += value.length
  }

  /** Returns a view of the written bytes, valid until the next write. */
  finish(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }
}

/** Reads what ByteWriter wrote. @throws RangeError when the bytes end early. */
export class ByteReader {
  readonly #buffer: Buffer
  #at = 0

  constructor(buffer: Buffer) {
    this.#buffer = buffer
  }

  /** Offset of the next byte. */
  get at(): number {
    return this.#at
  }

  get remaining(): number {
    return this.#buffer.length - this.#at
  }

  u8(): number {
    return this.#buffer.readUInt8(this.#advance(1))
  }

  u16(): number {
    return this.#buffer.readUInt16LE(this.#advance(2))
  }

  u32(): number {
    return this.#buffer.readUInt32LE(this.#advance(4))
  }

  i64(): bigint {
    return this.#buffer.readBigInt64LE(this.#advance(8))
  }

  varint(): number {
    let value = 0
    let factor = 1
    for (let i = 0; i < 8; i++) {
      const byte = this.u8()
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value
      factor *= 128
    }
    throw new RangeError('varint is longer than 8 bytes')
  }

  /** Returns a view of the next bytes. */
  bytes(length: number): Buffer {
    const start = this.#advance(length)
    return this.#buffer.subarray(start, start + length)
  }

  text(): string {
    const length = this.varint()
    const start = this.#advance(length)
    return this.#buffer.toString('utf8', start, start + length)
  }

  /** Skips a text. */
  skipText(): void {
    this.skip(this.varint())
  }

  skip(bytes: number): void {
    this.#advance(bytes)
  }

  #advance(bytes: number): number {
    const start = this.#at
    if (start + bytes > this.#buffer.length) throw new RangeError('bytes end early')
    this.#at = start + bytes
    return start
  }
}
