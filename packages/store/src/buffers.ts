// Memory that is reused, or freed at once, instead of left to the garbage collector. Buffers of a
// megabyte live outside its heap, and every few dozen of them would trigger it.

import { releasedBytesLeast } from './limits.ts'

/** Returns memory of this size. */
export type Allocate = (bytes: number) => Buffer

/**
 * Memory for one task after another. Buffers are cut from one block, and `reset` invalidates all of
 * them. A buffer that does not fit is allocated separately, and freed by `reset`.
 */
export class ScratchArena {
  readonly #own: Buffer
  /** Where buffers are cut from: its own block, or one for a task that needs more. */
  #block: Buffer
  #used = 0
  /** Buffers of the task that did not fit. */
  #separate: Buffer[] = []

  constructor(bytes: number) {
    this.#own = Buffer.allocUnsafeSlow(bytes)
    this.#block = this.#own
  }

  readonly allocate: Allocate = bytes => {
    if (this.#used + bytes > this.#block.length) {
      const separate = Buffer.allocUnsafeSlow(bytes)
      this.#separate.push(separate)
      return separate
    }
    const start = this.#used
    this.#used += bytes
    return this.#block.subarray(start, this.#used)
  }

  /** Returns room for numbers, like `allocate`. */
  readonly numbers = (count: number): Float64Array => {
    this.#used = Math.ceil(this.#used / 8) * 8
    const { buffer, byteOffset } = this.allocate(8 * count)
    return new Float64Array(buffer, byteOffset, count)
  }

  /**
   * Begins the next task.
   *
   * @param bytes What it will need. If that is more than the arena has, the task gets a block of this size, which
   *   the next `reset` frees at once: very many small buffers would stay for long as garbage.
   */
  reset(bytes = 0): void {
    this.#used = 0
    for (const buffer of this.#separate) releaseBuffer(buffer)
    this.#separate = []
    if (this.#block !== this.#own) releaseBuffer(this.#block)
    this.#block = bytes > this.#own.length ? Buffer.allocUnsafeSlow(bytes) : this.#own
  }

  /** Frees its memory at once. */
  close(): void {
    this.reset()
    releaseBuffer(this.#own)
  }
}

/**
 * Frees a buffer's memory now. Left to the garbage collector, it would stay until a few dozen more
 * of its size have accumulated, and the system would have to supply the next buffer page by page (a
 * fifth to a third of the CPU of decompressing). All views of it become empty. Nothing happens to
 * buffers that Node cut from memory that others share, and to small ones.
 */
export function releaseBuffer({ buffer }: ArrayBufferView): void {
  const bytes = buffer.byteLength
  if (bytes < releasedBytesLeast || bytes === Buffer.poolSize) return
  if (buffer instanceof ArrayBuffer) buffer.transfer(0)
}
