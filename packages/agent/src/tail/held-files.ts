// Limits the descriptors of rotated files. A rotated file is held open until it is read, so that nothing is
// lost if it is deleted first. But while no server accepts lines, each rotation adds a descriptor, and a
// deleted file keeps its disk space as long as one is open.

import { heldMax } from '../limits.ts'

/** A rotated file that is held open. */
export interface HeldFile {
  /**
   * Closes the file unless it is being read, and removes it from the held files. Returns true if it did.
   */
  release(): boolean
}

/** The rotated files that are held open. */
export class HeldFiles {
  readonly #max: number
  /** Held longest first. */
  readonly #held = new Set<HeldFile>()

  constructor(max = heldMax) {
    this.#max = max
  }

  /** Adds a file that is now held open. If that is one too many, closes the oldest possible one. */
  add(file: HeldFile): void {
    this.#held.add(file)
    for (const older of this.#held) {
      if (this.#held.size <= this.#max) return
      if (older !== file) older.release()
    }
  }

  /** Removes a file that is closed, or that its path leads to again. */
  delete(file: HeldFile): void {
    this.#held.delete(file)
  }
}
