// Bytes that arrive in pieces and leave from the front. However small the pieces are, each byte is copied a
// bounded number of times, and searched once.

const empty = Buffer.alloc(0)

/** See above. */
export class ByteQueue {
  /** Byte that `next` looks for. */
  readonly #wanted: number
  #buffer: Buffer = empty
  #start = 0
  #end = 0
  /** Up to there the buffer was searched. */
  #searched = 0
  /** Where the wanted byte lies in the buffer, when it was found. */
  #found = -1

  constructor(wanted: number) {
    this.#wanted = wanted
  }

  get length(): number {
    return this.#end - this.#start
  }

  /** All bytes, good until the next `push`. */
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

  /** Takes bytes off the front. */
  drop(count: number): void {
    this.#start += count
  }

  /** Gives back memory that what is left does not need; call it when all that can be taken is taken. */
  settle(): void {
    if (this.#buffer.length > 4 * this.length) this.#move(this.length * 2)
  }

  /** Finds the next wanted byte; -1 where there is none yet. */
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
