// Memory that is used again instead of left to the garbage collector: buffers of a megabyte live
// outside its heap, and each few dozen of them would make it run.

/** Gives out buffers and takes them back; keeps at most `idleBytesMax` that nobody uses. */
export class BufferPool {
  readonly #idleBytesMax: number
  /** Capacity → buffers of it. */
  readonly #idle = new Map<number, Buffer[]>()
  #idleBytes = 0

  constructor(idleBytesMax: number) {
    this.#idleBytesMax = idleBytesMax
  }

  /** Returns a buffer of at least `bytes`; its content is whatever was left in it. */
  take(bytes: number): Buffer {
    const capacity = capacityFor(bytes)
    const buffer = this.#idle.get(capacity)?.pop()
    if (!buffer) return Buffer.allocUnsafeSlow(capacity)
    this.#idleBytes -= capacity
    return buffer
  }

  /** Takes back a whole buffer that `take` returned. */
  give(buffer: Buffer): void {
    if (this.#idleBytes + buffer.length > this.#idleBytesMax) return
    this.#idleBytes += buffer.length
    const list = this.#idle.get(buffer.length)
    if (list) list.push(buffer)
    else this.#idle.set(buffer.length, [buffer])
  }
}

const leastCapacity = 64 * 1024

/** Rounds up so that buffers of similar sizes are the same: at most a quarter more than asked for. */
function capacityFor(bytes: number): number {
  let capacity = leastCapacity
  while (capacity < bytes) capacity *= 2
  const step = capacity / 8
  return Math.max(leastCapacity, Math.ceil(bytes / step) * step)
}

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
