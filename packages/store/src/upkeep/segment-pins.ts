// Keeps segment files open while a backup copies them: a store may replace and delete a segment at any time, and
// an open file stays readable. If this process ends, the system lets go of them, so nothing is left behind.

import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { pinnedFilesMax } from '../limits.ts'

/** Open segment files by name. */
export class SegmentPins {
  readonly #directory: string
  readonly #files = new Map<string, FileHandle>()

  constructor(directory: string) {
    this.#directory = directory
  }

  /**
   * Opens as many of these files as may be open, in this order. A file that is gone is left out: who copies it
   * notices.
   */
  async pin(names: readonly string[]): Promise<void> {
    for (const name of names) {
      if (this.#files.size >= pinnedFilesMax) return
      try {
        this.#files.set(name, await open(join(this.#directory, name), 'r'))
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException
        if (code === 'EMFILE' || code === 'ENFILE') return
        if (code !== 'ENOENT') throw error
      }
    }
  }

  /** Returns the open file of a segment, or `undefined` if it is not pinned. */
  get(name: string): FileHandle | undefined {
    return this.#files.get(name)
  }

  async release(name: string): Promise<void> {
    await this.#files.get(name)?.close()
    this.#files.delete(name)
  }

  async close(): Promise<void> {
    for (const name of [...this.#files.keys()]) await this.release(name)
  }
}
