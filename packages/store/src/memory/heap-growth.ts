// Keeps the heaps of a large store from growing to several times of what is in use. V8 waits with a collection until a
// heap is up to four times as large as after the last one, which is a few megabytes in a small heap. The garbage also
// holds buffers outside the heap.

import { setFlagsFromString } from 'node:v8'
import {
  heapGrowthPercent,
  heapGrowthReadMs,
  residentLargeBytes,
  residentSmallBytes,
} from '../limits.ts'
import { GarbageCollector } from './collect-garbage.ts'

/** Bounds the growth of all heaps of the process while it has much memory. */
export class HeapGrowth {
  readonly #readBytes: () => number
  readonly #timer: NodeJS.Timeout
  readonly #garbage = new GarbageCollector()
  #isBounded = false

  /** @param readBytes Returns the bytes of memory that the process has. */
  constructor(readBytes = process.memoryUsage.rss) {
    this.#readBytes = readBytes
    this.#timer = setInterval(() => this.tick(), heapGrowthReadMs).unref()
  }

  get isBounded(): boolean {
    return this.#isBounded
  }

  tick(): void {
    const bytes = this.#readBytes()
    if (bytes > residentLargeBytes && !this.#isBounded) {
      this.#bound(true)
      // Until a collection ends, the heap may grow to what the last one allowed.
      this.#garbage.collect()
    } else if (bytes < residentSmallBytes && this.#isBounded) {
      this.#bound(false)
    }
  }

  /** V8 looks at this flag at the end of each collection, in each thread. With 0, it decides by itself. */
  #bound(isBounded: boolean): void {
    this.#isBounded = isBounded
    setFlagsFromString(`--heap-growing-percent=${isBounded ? heapGrowthPercent : 0}`)
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#bound(false)
  }
}
