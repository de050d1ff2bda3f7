// A segment file that is open for reading. The file can be deleted meanwhile: what is open stays readable.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { basename } from 'node:path'

/** Reads ranges of one segment. Close it. */
export class SegmentFile {
  readonly name: string
  readonly sizeBytes: number
  readonly #path: string
  readonly #descriptor: number

  /** @throws the system's error, for example ENOENT. */
  constructor(path: string) {
    this.name = basename(path)
    this.#path = path
    this.#descriptor = openSync(path, 'r')
    this.sizeBytes = fstatSync(this.#descriptor).size
  }

  /** Returns fewer bytes if the file ends early. @throws the system's error, with the path. */
  read(offsetBytes: number, length: number): Buffer {
    const buffer = Buffer.allocUnsafe(length)
    let filled = 0
    try {
      while (filled < length) {
        const at = offsetBytes + filled
        const count = readSync(this.#descriptor, buffer, filled, length - filled, at)
        if (count === 0) break
        filled += count
      }
    } catch (error) {
      throw Object.assign(error as Error, { path: this.#path })
    }
    return buffer.subarray(0, filled)
  }

  close(): void {
    closeSync(this.#descriptor)
  }
}
