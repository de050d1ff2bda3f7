// Tracks free disk space and keeps a reserve for merges. Only merges shrink level 0 and allow
// retention to free old data, so a disk that pushes had filled to the last byte could never be
// freed again.

import { statfs } from 'node:fs/promises'
import type { Catalog } from '../catalog/catalog.ts'
import { StorageUnavailableError } from '../errors.ts'
import { level0PortionBytes, reserveBytes, roomCheckMs } from '../limits.ts'

export interface DiskRoomOptions {
  readonly directory: string
  readonly catalog: Pick<Catalog, 'level0'>
  readonly clock: { now(): number }
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
   * Reserves space for a commit of this many bytes.
   * @throws StorageUnavailableError when the commit would use space that is kept for merges.
   */
  async forCommit(bytes: number): Promise<void> {
    await this.#look()
    const kept = mergeBytes(this.#level0Bytes + bytes)
    if (this.#freeBytes - bytes < kept) {
      throw new StorageUnavailableError(
        `${this.#options.directory} has ${mib(this.#freeBytes)} MiB free, of which ${mib(kept)} MiB are reserved for merging; free some disk space, or shorten the retention`,
      )
    }
    this.#freeBytes -= bytes
    this.#level0Bytes += bytes
  }

  /** Returns how many bytes a merge may write. A merge of level 0 may use the reserve. */
  async forMerge({ isLevel0 }: { readonly isLevel0: boolean }): Promise<number> {
    this.#lookedMs = Number.NEGATIVE_INFINITY
    await this.#look()
    return this.#freeBytes - (isLevel0 ? reserveBytes : mergeBytes(this.#level0Bytes))
  }

  /**
   * Reads the free space unless it was read moments ago; commits since then are already subtracted.
   */
  async #look(): Promise<void> {
    const { directory, catalog, clock } = this.#options
    const sinceMs = clock.now() - this.#lookedMs
    if (sinceMs >= 0 && sinceMs < roomCheckMs) return
    this.#lookedMs = clock.now()
    const { bavail, bsize } = await statfs(directory)
    this.#freeBytes = bavail * bsize
    this.#level0Bytes = (await catalog.level0()).sizeBytes
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
