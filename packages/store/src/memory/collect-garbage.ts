// Frees garbage of the main thread while memory is short. V8 would wait until the heap is much larger.

import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { garbageBytesLeast } from '../limits.ts'

/** Collects the garbage of a heap when enough of it may have come together. */
export class GarbageCollector {
  #collect: (() => void) | undefined
  /** What was in use after the last collection. */
  #usedBytes = 0

  /** Collects if the heap has grown by `garbageBytesLeast` since the last time. That takes some 50 ms. */
  collect(): void {
    const { used_heap_size: heap, external_memory: buffers } = getHeapStatistics()
    if (heap + buffers - this.#usedBytes < garbageBytesLeast) return
    this.#collect ??= exposedCollector()
    this.#collect()
    const after = getHeapStatistics()
    this.#usedBytes = after.used_heap_size + after.external_memory
  }
}

/** Returns V8's function for it, which exists only in a context that was made with this flag. */
function exposedCollector(): () => void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  setFlagsFromString('--no-expose-gc')
  return collect
}
