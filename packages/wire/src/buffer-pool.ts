// Memory that is reused instead of left to the garbage collector. Large buffers live outside its
// heap, and dozens of them accumulate before it runs.

import { pooledBufferBytesLeast } from './limits.ts'

/** Lends buffers and takes them back. Keeps at most `idleBytesMax` bytes of unused buffers. */
export class BufferPool {
  readonly #idleBytesMax: number
  /** Capacity → buffers of it. */
  readonly #idle = new Map<number, Buffer[]>()
  #idleBytes = 0

  constructor(idleBytesMax: number) {
    this.#idleBytesMax = idleBytesMax
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
    if (this.#idleBytes + buffer.length > this.#idleBytesMax) return
    this.#idleBytes += buffer.length
    const list = this.#idle.get(buffer.length)
    if (list) list.push(buffer)
    else this.#idle.set(buffer.length, [buffer])
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
