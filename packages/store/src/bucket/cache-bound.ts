// Says how many bytes the cache of a bucket may have: as configured, and never so many that the disk has
// no room for commits and merges.

import { cacheBytesDefault, cacheDiskShare, cacheRoomCheckMs } from '../limits.ts'
import type { DiskObjectStore } from '../objects/disk.ts'
import { type DiskUsage, minFreeBytes, readDiskUsage } from '../objects/disk-usage.ts'

export interface CacheBoundParts {
  readonly disk: Pick<DiskObjectStore, 'directory'>
  readonly clock: { now(): number }
  /** `undefined` for the default. */
  readonly cacheMaxBytes: number | undefined
  /** What stays free on the disk; `undefined` for the default. */
  readonly minFreeBytes: number | undefined
}

/** Creates a function that returns the bound for a cache which has some bytes now. */
export function createCacheBound(parts: CacheBoundParts): (cachedBytes: number) => Promise<number> {
  const { disk, clock, cacheMaxBytes } = parts
  let lookedMs = Number.NEGATIVE_INFINITY
  let usage: DiskUsage | undefined
  let cachedThen = 0
  return async cachedBytes => {
    const sinceMs = clock.now() - lookedMs
    if (!usage || sinceMs < 0 || sinceMs >= cacheRoomCheckMs) {
      usage = await readDiskUsage(disk.directory)
      lookedMs = clock.now()
      cachedThen = cachedBytes
    }
    // Zero means that retention does not look at the free space. The cache always does.
    const kept = minFreeBytes(usage, parts.minFreeBytes || undefined)
    const fitting = cachedThen + usage.freeBytes - kept
    const wanted = cacheMaxBytes ?? Math.min(cacheBytesDefault, usage.totalBytes * cacheDiskShare)
    return Math.max(0, Math.min(wanted, fitting))
  }
}
