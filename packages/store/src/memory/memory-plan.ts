// Divides `max_memory` among the parts of the store that can take much of it.

import { totalmem } from 'node:os'
import { getHeapStatistics } from 'node:v8'
import {
  containerMemoryShare,
  machineMemoryShare,
  pendingPushBytesMax,
  pushMemoryShare,
  queryHeapShare,
  queryMemoryShare,
  scanHeapSpareBytes,
  tailHeapBytesLeast,
  tailMemoryShare,
  tailQueuesBytesMax,
  threadHeapBytesMax,
} from '../limits.ts'

/** What each part may take, in bytes. */
export interface MemoryPlan {
  /** The process: `max_memory`. */
  readonly maxBytes: number
  /** Queries and their answers. */
  readonly queryBytes: number
  /** Pushes that are received, decoded or waiting for their commit. */
  readonly pushBytes: number
  /** Entries that wait for clients of live tails. */
  readonly tailBytes: number
  /** The heap of one scan thread. It is a last resort: counting ends queries long before. */
  readonly scanHeapBytes: number
  /** The heap of the thread that runs live tails. */
  readonly tailHeapBytes: number
}

/**
 * Divides the memory of the process.
 *
 * @param mainHeapBytes How large V8 lets the heap of the main thread become. Answers are made there.
 */
export function planMemory(
  maxBytes: number,
  mainHeapBytes = getHeapStatistics().heap_size_limit,
): MemoryPlan {
  const queryBytes = Math.floor(
    Math.min(maxBytes * queryMemoryShare, mainHeapBytes * queryHeapShare),
  )
  return {
    maxBytes,
    queryBytes,
    pushBytes: Math.floor(Math.min(pendingPushBytesMax, maxBytes * pushMemoryShare)),
    tailBytes: Math.floor(Math.min(tailQueuesBytesMax, maxBytes * tailMemoryShare)),
    scanHeapBytes: Math.min(threadHeapBytesMax, queryBytes + scanHeapSpareBytes),
    tailHeapBytes: Math.min(threadHeapBytesMax, Math.max(tailHeapBytesLeast, maxBytes / 4)),
  }
}

/**
 * Returns `max_memory` if it is not set: most of the container's limit, which the system enforces by killing the
 * process, or else a part of the machine.
 *
 * @param limitBytes The limit of the cgroup, version 1 or 2. Without one, it is 0, the machine's memory or a number
 *   beyond all machines.
 */
export function defaultMaxMemory(
  limitBytes: number = process.constrainedMemory(),
  machineBytes: number = totalmem(),
): number {
  const isLimited = limitBytes > 0 && limitBytes < machineBytes
  return Math.round(
    isLimited ? limitBytes * containerMemoryShare : machineBytes * machineMemoryShare,
  )
}
