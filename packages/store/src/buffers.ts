// Memory that is used again, or given back at once, instead of left to the garbage collector: buffers of a
// megabyte live outside its heap, and each few dozen of them would make it run.

/** Where a piece of work takes memory from. */
export type Allocate = (bytes: number) => Buffer

/**
 * Memory for one piece of work after the other: buffers are cut from one block, and all of them are
 * void after `reset`. What does not fit is allocated by itself.
 */
export class ScratchArena {
  readonly #block: Buffer
  #used = 0

  constructor(bytes: number) {
    this.#block = Buffer.allocUnsafeSlow(bytes)
  }

  readonly allocate: Allocate = bytes => {
    if (this.#used + bytes > this.#block.length) return Buffer.allocUnsafeSlow(bytes)
    const start = this.#used
    this.#used += bytes
    return this.#block.subarray(start, this.#used)
  }

  reset(): void {
    this.#used = 0
  }
}

/**
 * Gives a buffer's memory back now; left to the garbage collector, it would lie about until a few dozen
 * more of its size have come, and the next buffer would have to be fetched from the system page by page
 * (a fifth to a third of the CPU of decompressing). All views of it are empty afterwards. Small buffers
 * stay as they are: Node cuts them from memory that they share.
 */
export function releaseBuffer({ buffer }: Buffer): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength > Buffer.poolSize) buffer.transfer(0)
}
