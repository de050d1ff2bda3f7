// The content of a gzip file that was a log before it was compressed: read forward as if it were the
// log itself, from any offset.

import { closeSync, createReadStream } from 'node:fs'
import { createGunzip, gunzipSync } from 'node:zlib'
import { openRegularFile, readerOf } from './file-identity.ts'

// Compressed bytes that surely hold the head of the content.
const compressedHeadBytes = 64 * 1024

/** Reads the first `length` bytes of the content; fewer where it is shorter or damaged. */
export function readGzipHead(path: string, length: number): Buffer {
  const file = openRegularFile(path)
  if (!file) return Buffer.alloc(0)
  try {
    const compressed = readerOf(file.fd)(0, compressedHeadBytes)
    if (compressed.length < 18 || compressed[0] !== 0x1f || compressed[1] !== 0x8b) {
      return Buffer.alloc(0)
    }
    // The end of the stream is missing, which this flush mode allows.
    return gunzipSync(compressed, { finishFlush: 2, maxOutputLength: 1 << 28 }).subarray(0, length)
  } catch {
    // Damaged: it is nothing we know.
    return Buffer.alloc(0)
  } finally {
    closeSync(file.fd)
  }
}

/** Decompressed bytes, read forward; a step back starts anew. */
export class GzipContent {
  readonly #fd: number
  #chunks: AsyncIterator<Buffer> | undefined
  #destroy: (() => void) | undefined
  #window: Buffer = Buffer.alloc(0)
  /** Offset of the window's first byte. */
  #position = 0
  #isEnded = false

  constructor(fd: number) {
    this.#fd = fd
  }

  /** Fills `into` from `position` on; gives fewer bytes only at the end of the content. */
  async read(into: Buffer, position: number): Promise<number> {
    if (!this.#chunks || position < this.#position) this.#restart()
    for (;;) {
      const skip = Math.min(position - this.#position, this.#window.length)
      this.#window = this.#window.subarray(skip)
      this.#position += skip
      if ((this.#position === position && this.#window.length >= into.length) || this.#isEnded) {
        break
      }
      const { value, done } = await this.#chunks!.next()
      if (done) this.#isEnded = true
      else this.#window = this.#window.length > 0 ? Buffer.concat([this.#window, value]) : value
    }
    return this.#position === position ? this.#window.copy(into, 0, 0, into.length) : 0
  }

  #restart(): void {
    this.close()
    const gunzip = createReadStream('', { fd: this.#fd, start: 0, autoClose: false }).pipe(
      createGunzip(),
    )
    this.#chunks = gunzip[Symbol.asyncIterator]()
    this.#destroy = () => gunzip.destroy()
    this.#window = Buffer.alloc(0)
    this.#position = 0
    this.#isEnded = false
  }

  close(): void {
    this.#destroy?.()
    this.#chunks = undefined
    this.#destroy = undefined
  }
}
