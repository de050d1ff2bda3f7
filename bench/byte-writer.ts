// A growing buffer for text, numbers and protobuf varints, without creating strings.

const hexDigits = Buffer.from('0123456789abcdef', 'latin1')

/** Appends bytes to one buffer that doubles when it is full. */
export class ByteWriter {
  bytes: Buffer
  length = 0

  constructor(capacityBytes: number) {
    this.bytes = Buffer.allocUnsafeSlow(capacityBytes)
  }

  clear(): void {
    this.length = 0
  }

  /** Returns a copy of the written bytes. */
  copy(): Buffer {
    return Buffer.from(this.bytes.subarray(0, this.length))
  }

  #reserve(count: number): void {
    if (this.length + count <= this.bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, this.length + count))
    this.bytes.copy(larger, 0, 0, this.length)
    this.bytes = larger
  }

  /** Appends a text that has only ASCII characters. */
  ascii(text: string): this {
    const count = text.length
    this.#reserve(count)
    if (count < 24) {
      for (let i = 0; i < count; i++) this.bytes[this.length + i] = text.charCodeAt(i)
    } else {
      this.bytes.write(text, this.length, count, 'latin1')
    }
    this.length += count
    return this
  }

  byte(value: number): this {
    this.#reserve(1)
    this.bytes[this.length++] = value
    return this
  }

  /** Appends the first `count` bytes of a buffer. */
  raw(source: Buffer, count: number): this {
    this.#reserve(count)
    source.copy(this.bytes, this.length, 0, count)
    this.length += count
    return this
  }

  /** Appends a whole number below 2^53 in decimal. */
  decimal(value: number): this {
    if (value < 0x8000_0000) {
      let divisor = 1
      while (value >= divisor * 10) divisor *= 10
      this.#reserve(10)
      for (let rest = value; divisor >= 1; divisor = Math.floor(divisor / 10)) {
        const digit = Math.floor(rest / divisor)
        this.bytes[this.length++] = 48 + digit
        rest -= digit * divisor
      }
      return this
    }
    return this.ascii(String(value))
  }

  /** Appends the last `width` decimal digits of a number, with leading zeros. */
  padded(value: number, width: number): this {
    this.#reserve(width)
    let rest = value
    for (let i = width - 1; i >= 0; i--) {
      const quotient = Math.floor(rest / 10)
      this.bytes[this.length + i] = 48 + (rest - quotient * 10)
      rest = quotient
    }
    this.length += width
    return this
  }

  /** Appends the 8 hex digits of a 32-bit number. */
  hex32(value: number): this {
    this.#reserve(8)
    for (let shift = 28; shift >= 0; shift -= 4) {
      this.bytes[this.length++] = hexDigits[(value >>> shift) & 15]!
    }
    return this
  }

  /** Appends a protobuf varint of a whole number below 2^53. */
  varint(value: number): this {
    this.#reserve(8)
    let rest = value
    while (rest >= 0x80) {
      this.bytes[this.length++] = (rest % 0x80) | 0x80
      rest = Math.floor(rest / 0x80)
    }
    this.bytes[this.length++] = rest
    return this
  }
}

/** Returns how many bytes a varint of this number takes. */
export function varintBytes(value: number): number {
  let count = 1
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) count++
  return count
}
