// How much memory the process really takes. Counting cannot see garbage that was not collected yet, nor what the
// system keeps between pieces that are in use.

import { memoryOutShare, memoryReadMs, memoryShortShare } from '../limits.ts'

/** From `short` on, queries run one by one; at `out`, the newest one is ended. */
export type Pressure = 'none' | 'short' | 'out'

export interface MemoryReaderOptions {
  /** `max_memory`. */
  readonly maxBytes: number
  /** Returns the resident memory of the process. */
  readonly readBytes?: () => number
  /** Milliseconds that never go back. */
  readonly clock?: { now(): number }
}

/** Reads the resident memory of the process, and compares it with what it may take. */
export class MemoryReader {
  readonly #maxBytes: number
  readonly #readBytes: () => number
  readonly #clock: { now(): number }
  #readAtMs = Number.NEGATIVE_INFINITY
  #bytes = 0

  constructor({
    maxBytes,
    readBytes = process.memoryUsage.rss,
    clock = performance,
  }: MemoryReaderOptions) {
    this.#maxBytes = maxBytes
    this.#readBytes = readBytes
    this.#clock = clock
  }

  /** Resident memory of the process; up to `memoryReadMs` old, because reading it is a call of the system. */
  get bytes(): number {
    const nowMs = this.#clock.now()
    if (nowMs - this.#readAtMs < memoryReadMs) return this.#bytes
    this.#readAtMs = nowMs
    this.#bytes = this.#readBytes()
    return this.#bytes
  }

  /** What the process may still take before queries are ended; negative if it takes more. */
  get roomBytes(): number {
    return this.#maxBytes * memoryOutShare - this.bytes
  }

  get pressure(): Pressure {
    const { bytes } = this
    if (bytes >= this.#maxBytes * memoryOutShare) return 'out'
    return bytes >= this.#maxBytes * memoryShortShare ? 'short' : 'none'
  }
}
