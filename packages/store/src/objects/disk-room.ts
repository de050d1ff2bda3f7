// How much room the disk has, and what of it is kept for merges. Only a merge makes level 0 smaller and lets
// retention free what is old: a disk that pushes fill to the last byte could never be freed again.

import { statfs } from 'node:fs/promises'
import type { Catalog } from '../catalog/catalog.ts'
import { StorageUnavailableError } from '../errors.ts'
import { level0PortionBytes, reserveBytes, roomCheckMs } from '../limits.ts'

export interface DiskRoomOptions {
  readonly directory: string
  readonly catalog: Pick<Catalog, 'level0'>
  readonly clock: { now(): number }
}

/** Watches the room of the file system that a directory is on. */
export class DiskRoom {
  readonly #options: DiskRoomOptions
  #lookedMs = Number.NEGATIVE_INFINITY
  #freeBytes = 0
  #level0Bytes = 0

  constructor(options: DiskRoomOptions) {
    this.#options = options
  }

  /**
   * Lets a commit of so many bytes be written.
   *
   * @throws StorageUnavailableError when the reserve would be touched.
   */
  async forCommit(bytes: number): Promise<void> {
    await this.#look()
    const kept = mergeBytes(this.#level0Bytes + bytes)
    if (this.#freeBytes - bytes < kept) {
      throw new StorageUnavailableError(
        `${this.#options.directory} has ${mib(this.#freeBytes)} MiB left, of which ${mib(kept)} MiB are kept for merging; free some space, or let retention do it`,
      )
    }
    this.#freeBytes -= bytes
    this.#level0Bytes += bytes
  }

  /** Bytes that a merge may write at the most; one of level 0 may use the reserve. */
  async forMerge({ isLevel0 }: { readonly isLevel0: boolean }): Promise<number> {
    this.#lookedMs = Number.NEGATIVE_INFINITY
    await this.#look()
    return this.#freeBytes - (isLevel0 ? reserveBytes : mergeBytes(this.#level0Bytes))
  }

  /** Looks again when the last look is a while ago; what was written since was subtracted. */
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

/** What the next merge of level 0 may need: as much as it reads, where nothing can be compressed. */
function mergeBytes(level0Bytes: number): number {
  return reserveBytes + Math.min(level0Bytes, level0PortionBytes)
}

function mib(bytes: number): string {
  return (bytes / (1024 * 1024)).toFixed(1)
}
