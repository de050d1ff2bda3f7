// Memory that is reused instead of left to the garbage collector. Large buffers live outside its
// heap, and dozens of them accumulate before it runs.

import { pooledBufferBytesLeast } from './limits.ts'

/**
 * Frees a buffer's memory now, without waiting for the garbage collector. The buffer must own all of
 * its memory, and nobody may be reading or writing it. All views of it become empty.
 */
export function freeBuffer({ buffer }: Buffer): void {
  if (buffer instanceof ArrayBuffer) buffer.transfer(0)
}

/**
 * Lends buffers and takes them back. Keeps at most `idleBytesMax` bytes of unused buffers. Those of a
 * size that nobody has used for long go first.
 */
export class BufferPool {
  readonly #idleBytesMax: number
  readonly #freesAtOnce: boolean
  /** Capacity → unused buffers of it. The capacity that was used last is last. */
  readonly #idle = new Map<number, Buffer[]>()
  #idleBytes = 0

  /**
   * @param options.freesAtOnce true if nothing uses a buffer after it was given back. What the pool
   * does not keep is then freed at once.
   */
  constructor(idleBytesMax: number, options: { readonly freesAtOnce?: boolean } = {}) {
    this.#idleBytesMax = idleBytesMax
    this.#freesAtOnce = options.freesAtOnce ?? false
  }

  /** Returns a buffer of at least `bytes`. Its content is arbitrary. */
  take(bytes: number): Buffer {
    const capacity = capacityFor(bytes)
    const buffer = this.#idle.get(capacity)?.pop()
    if (!buffer) return Buffer.allocUnsafeSlow(capacity)
    this.#idleBytes -= capacity
    return buffer
  }

  /** Takes back a complete buffer that `take` returned. */
  give(buffer: Buffer): void {
    const capacity = buffer.length
    if (capacity > this.#idleBytesMax) {
      this.#drop(buffer)
      return
    }
    const list = this.#idle.get(capacity) ?? []
    this.#idle.delete(capacity)
    this.#idle.set(capacity, list)
    list.push(buffer)
    this.#idleBytes += capacity
    if (this.#idleBytes > this.#idleBytesMax) this.#discard()
  }

  #discard(): void {
    for (const [capacity, list] of this.#idle) {
      for (let buffer = list.pop(); buffer; buffer = list.pop()) {
        this.#drop(buffer)
        this.#idleBytes -= capacity
        if (this.#idleBytes <= this.#idleBytesMax) return
      }
      this.#idle.delete(capacity)
    }
  }

  #drop(buffer: Buffer): void {
    if (this.#freesAtOnce) freeBuffer(buffer)
  }
}

/**
 * Rounds a size up so that similar requests share a capacity: at most a quarter more than requested.
 */
function capacityFor(bytes: number): number {
  let capacity = pooledBufferBytesLeast
  while (capacity < bytes) capacity *= 2
  const step = capacity / 8
  return Math.max(pooledBufferBytesLeast, Math.ceil(bytes / step) * step)
}
