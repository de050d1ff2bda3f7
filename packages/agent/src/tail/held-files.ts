// Bounds the descriptors of rotated files. A rotated file is held open until it is read, so that
// nothing is lost when it is deleted first; but while no server takes lines, each rotation adds a
// descriptor, and a deleted file keeps its place on the disk as long as it has one.

import { heldMax } from '../limits.ts'

/** A rotated file that is held open. */
export interface HeldFile {
  /** Gives the descriptor back, where nobody reads now, and is deleted; tells whether it was done. */
  release(): boolean
}

/** The rotated files that are held open. */
export class HeldFiles {
  readonly #max: number
  /** Held for the longest time first. */
  readonly #held = new Set<HeldFile>()

  constructor(max = heldMax) {
    this.#max = max
  }

  /** Notes a file that is held open now; where that is one too many, closes the oldest that may be. */
  add(file: HeldFile): void {
    this.#held.add(file)
    for (const older of this.#held) {
      if (this.#held.size <= this.#max) return
      if (older !== file) older.release()
    }
  }

  /** Notes that a file is closed, or that its path leads to it again. */
  delete(file: HeldFile): void {
    this.#held.delete(file)
  }
}
