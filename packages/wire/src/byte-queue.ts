// Bytes that arrive in pieces and are taken from the front. However small the pieces, each byte is copied a
// bounded number of times and searched once.

const empty = Buffer.alloc(0)

/** A queue of bytes that finds a wanted byte, such as a line feed. */
export class ByteQueue {
  /** Byte that `next` looks for. */
  readonly #wanted: number
  #buffer: Buffer = empty
  #start = 0
  #end = 0
  /** End of the part of the buffer already searched. */
  #searched = 0
  /** Position of the wanted byte in the buffer, if found. */
  #found = -1

  constructor(wanted: number) {
    this.#wanted = wanted
  }

  get length(): number {
    return this.#end - this.#start
  }

  /** All bytes, valid until the next `push`. */
  get bytes(): Buffer {
    return this.#buffer.subarray(this.#start, this.#end)
  }

  push(chunk: Buffer): void {
    if (this.#end + chunk.length > this.#buffer.length) {
      this.#move((this.length + chunk.length) * 2)
    }
    chunk.copy(this.#buffer, this.#end)
    this.#end += chunk.length
  }

  #move(byteLength: number): void {
    const to = byteLength === 0 ? empty : Buffer.allocUnsafeSlow(byteLength)
    this.bytes.copy(to)
    this.#end = this.length
    this.#searched = Math.max(0, this.#searched - this.#start)
    this.#found = Math.max(-1, this.#found - this.#start)
    this.#start = 0
    this.#buffer = to
  }

  /** Removes bytes from the front. */
  drop(count: number): void {
    this.#start += count
  }

  /** Frees memory that the remaining bytes do not need. Call it when nothing more can be taken. */
  settle(): void {
    if (this.#buffer.length > 4 * this.length) this.#move(this.length * 2)
  }

  /** Returns the position of the next wanted byte, or -1 if there is none yet. */
  next(): number {
    if (this.#found < this.#start) {
      const from = Math.max(this.#searched, this.#start)
      const at = this.#buffer.subarray(from, this.#end).indexOf(this.#wanted)
      this.#found = at < 0 ? -1 : from + at
      this.#searched = at < 0 ? this.#end : from + at
    }
    return this.#found < this.#start ? -1 : this.#found - this.#start
  }
}
