// Tracks free disk space and keeps a reserve for merges. Only merges shrink level 0 and allow
// retention to free old data, so a disk that pushes had filled to the last byte could never be
// freed again. While room is short, commits wait a little for merges and retention.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Catalog } from '../catalog/catalog.ts'
import { StorageUnavailableError } from '../errors.ts'
import { level0PortionBytes, reserveBytes, roomCheckMs, roomWaitMs } from '../limits.ts'
import { type DiskUsage, minFreeBytes, readDiskUsage } from './disk-usage.ts'

export interface DiskRoomOptions {
  readonly directory: string
  readonly catalog: Pick<Catalog, 'level0'>
  readonly clock: { now(): number }
  /** What retention keeps free. Absent if it does not look at the free space. */
  readonly relief?: Relief
  /** How long a commit waits for room; `roomWaitMs` if absent. */
  readonly waitMs?: number
}

/** Makes room on a disk that is nearly full. */
export interface Relief {
  /** `retention_min_free_bytes`; `undefined` if it is not set. */
  readonly minFreeBytes: number | undefined
  /** Called when less is free, at most once in `roomCheckMs`. Returns at once. */
  readonly onShort: () => void
  /** Makes room now. Resolves to whether it did anything. */
  readonly makeRoom: () => Promise<boolean>
}

/** Tracks the free space of the file system that holds a directory. */
export class DiskRoom {
  readonly #options: DiskRoomOptions
  #lookedMs = Number.NEGATIVE_INFINITY
  #freeBytes = 0
  #level0Bytes = 0

  constructor(options: DiskRoomOptions) {
    this.#options = options
  }

  /**
   * Reserves space for a commit of this many bytes. If there is none, waits up to `roomWaitMs` for
   * merges and retention to make some.
   * @throws StorageUnavailableError when the commit would use space that is kept for merges.
   */
  async forCommit(bytes: number): Promise<void> {
    const { directory } = this.#options
    await this.#look()
    if (!this.#hasRoomFor(bytes)) await this.#waitForRoom(bytes)
    if (!this.#hasRoomFor(bytes)) {
      const kept = mergeBytes(this.#level0Bytes + bytes)
      throw new StorageUnavailableError(
        `${directory} has ${mib(this.#freeBytes)} MiB free, of which ${mib(kept)} MiB are reserved for merging; free some disk space, or shorten the retention`,
      )
    }
    this.#freeBytes -= bytes
    this.#level0Bytes += bytes
  }

  /** Returns how many bytes a merge may write. A merge of level 0 may use the reserve. */
  async forMerge({ isLevel0 }: { readonly isLevel0: boolean }): Promise<number> {
    await this.#lookAgain()
    return this.#freeBytes - (isLevel0 ? reserveBytes : mergeBytes(this.#level0Bytes))
  }

  #hasRoomFor(bytes: number): boolean {
    return this.#freeBytes - bytes >= mergeBytes(this.#level0Bytes + bytes)
  }

  async #waitForRoom(bytes: number): Promise<void> {
    const { relief, waitMs = roomWaitMs } = this.#options
    if (!relief) return
    const end = new AbortController()
    let isLate = false
    const expiry = sleep(waitMs, undefined, { signal: end.signal }).then(
      () => {
        isLate = true
        return false
      },
      () => false,
    )
    try {
      while (!isLate && !this.#hasRoomFor(bytes)) {
        // What it has begun goes on after this push has given up.
        const didAnything = await Promise.race([relief.makeRoom(), expiry])
        await this.#lookAgain()
        if (!didAnything) return
      }
    } finally {
      end.abort()
    }
  }

  #lookAgain(): Promise<void> {
    this.#lookedMs = Number.NEGATIVE_INFINITY
    return this.#look()
  }

  /**
   * Reads the free space unless it was read moments ago; commits since then are already subtracted.
   */
  async #look(): Promise<void> {
    const { directory, catalog, clock, relief } = this.#options
    const sinceMs = clock.now() - this.#lookedMs
    if (sinceMs >= 0 && sinceMs < roomCheckMs) return
    this.#lookedMs = clock.now()
    const usage: DiskUsage = await readDiskUsage(directory)
    this.#freeBytes = usage.freeBytes
    this.#level0Bytes = (await catalog.level0()).sizeBytes
    if (relief && usage.freeBytes < minFreeBytes(usage, relief.minFreeBytes)) relief.onShort()
  }
}

/**
 * Returns the space to keep for the next merge of level 0. If nothing compresses, it writes as much
 * as it reads.
 */
function mergeBytes(level0Bytes: number): number {
  return reserveBytes + Math.min(level0Bytes, level0PortionBytes)
}

function mib(bytes: number): string {
  return (bytes / (1024 * 1024)).toFixed(1)
}
