// The bytes of a footer that was read and checked as a whole. A large one is not kept: its bytes are read again, a
// window at a time, and each window is compared with its checksum from the first reading.

import { crc32 } from 'node:zlib'
import { CorruptionError } from '../errors.ts'
import { footerWindowBytes, heldFooterBytesMax } from '../limits.ts'
import type { ReadBytes } from './block.ts'

/** A footer in its file. */
export interface FooterInFile {
  readonly segment: string
  readonly footerOffset: number
  /** Reads bytes of the file. */
  readonly read: ReadBytes
}

/** A checked footer. Each user of it opens a window. */
export class CheckedFooter {
  readonly segment: string
  readonly footerOffset: number
  readonly #read: ReadBytes
  readonly #length: number
  /** All of it, if it is small. */
  readonly #held: Buffer | undefined
  /** Of each window. */
  readonly #crcs: Uint32Array

  /** @param bytes All of it. A large footer does not keep them. */
  constructor({ segment, footerOffset, read }: FooterInFile, bytes: Buffer) {
    this.segment = segment
    this.footerOffset = footerOffset
    this.#read = read
    this.#length = bytes.length
    this.#held = bytes.length <= heldFooterBytesMax ? bytes : undefined
    const windows = this.#held ? 0 : Math.ceil(bytes.length / footerWindowBytes)
    this.#crcs = Uint32Array.from({ length: windows }, (_, i) => crc32(windowOf(bytes, i)))
  }

  openWindow(): FooterWindow {
    return new FooterWindow(this.#held, (from, to) => this.#readWindows(from, to))
  }

  /** Reads the windows that a range is in. @throws CorruptionError if they are not as they were. */
  #readWindows(from: number, to: number): { readonly from: number; readonly bytes: Buffer } {
    const first = Math.floor(from / footerWindowBytes)
    const start = first * footerWindowBytes
    const end = Math.min(Math.ceil(to / footerWindowBytes) * footerWindowBytes, this.#length)
    const bytes = this.#read(this.footerOffset + start, end - start)
    for (let at = 0; at * footerWindowBytes < end - start; at++) {
      if (crc32(windowOf(bytes, at)) === this.#crcs[first + at]) continue
      const { segment, footerOffset: offsetBytes } = this
      throw new CorruptionError('the footer has changed since it was checked', {
        segment,
        offsetBytes,
      })
    }
    return { from: start, bytes }
  }
}

function windowOf(bytes: Buffer, index: number): Buffer {
  return bytes.subarray(index * footerWindowBytes, (index + 1) * footerWindowBytes)
}

/** Reads a checked footer, mostly from front to back. */
export class FooterWindow {
  readonly #readWindows: (from: number, to: number) => { from: number; bytes: Buffer }
  #from = 0
  #bytes: Buffer

  constructor(
    held: Buffer | undefined,
    readWindows: (from: number, to: number) => { from: number; bytes: Buffer },
  ) {
    this.#bytes = held ?? Buffer.alloc(0)
    this.#readWindows = readWindows
  }

  /**
   * Returns some bytes of the footer.
   * @throws CorruptionError if they are not as they were; the system's error.
   */
  bytes(from: number, to: number): Buffer {
    const isInside = from >= this.#from && to <= this.#from + this.#bytes.length
    if (!isInside) {
      const read = this.#readWindows(from, to)
      this.#from = read.from
      this.#bytes = read.bytes
    }
    return this.#bytes.subarray(from - this.#from, to - this.#from)
  }
}
