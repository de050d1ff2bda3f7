// Keeps the heaps of a store with very many streams from growing to several times of what is in use. V8 waits with a
// collection until a heap is up to four times as large as after the last one, which is a few megabytes in a small heap.

import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { heapGrowthPercent, heapGrowthReadMs, heapLargeBytes, heapSmallBytes } from '../limits.ts'
import { GarbageCollector } from './collect-garbage.ts'

/** Returns bytes of the heap of the main thread: used, garbage, and free in between. */
function heapBytes(): number {
  return getHeapStatistics().total_heap_size
}

/** Bounds the growth of all heaps of the process while that of the main thread is large. */
export class HeapGrowth {
  readonly #readBytes: () => number
  readonly #timer: NodeJS.Timeout
  readonly #garbage = new GarbageCollector()
  #isBounded = false

  constructor(readBytes = heapBytes) {
    this.#readBytes = readBytes
    this.#timer = setInterval(() => this.tick(), heapGrowthReadMs).unref()
  }

  get isBounded(): boolean {
    return this.#isBounded
  }

  tick(): void {
    const bytes = this.#readBytes()
    if (bytes > heapLargeBytes && !this.#isBounded) {
      this.#bound(true)
      // Until a collection ends, the heap may grow to what the last one allowed.
      this.#garbage.collect()
    } else if (bytes < heapSmallBytes && this.#isBounded) {
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
