// The content of a gzip file that was once a plain log. Reads forward from any offset, as if it were still
// that log.

import { closeSync, read } from 'node:fs'
import { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { constants, createGunzip, gunzipSync } from 'node:zlib'
import { openRegularFile, readerOf } from '../files/file-identity.ts'
import { gzipChunkBytes, gzipHeadBytes } from '../limits.ts'

const readAsync = promisify(read)

/** Reads the first `length` bytes of the content, or fewer if it is shorter or damaged. */
export function readGzipHead(path: string, length: number): Buffer {
  const file = openRegularFile(path)
  if (!file) return Buffer.alloc(0)
  try {
    for (let compressedBytes = gzipHeadBytes; ; compressedBytes *= 4) {
      const compressed = readerOf(file.fd)(0, compressedBytes)
      if (compressed.length < 18 || compressed[0] !== 0x1f || compressed[1] !== 0x8b) break
      // This flush mode allows a stream without its end.
      const { Z_SYNC_FLUSH } = constants
      const options = { finishFlush: Z_SYNC_FLUSH, maxOutputLength: 1 << 28 }
      const content = gunzipSync(compressed, options).subarray(0, length)
      if (content.length === length || compressed.length < compressedBytes) return content
    }
    return Buffer.alloc(0)
  } catch {
    // Damaged, so it is no file we know.
    return Buffer.alloc(0)
  } finally {
    closeSync(file.fd)
  }
}

/**
 * Decompressed bytes, read forward. A step back starts from the beginning. In a truncated or damaged file,
 * the content ends where decompression fails.
 */
export class GzipContent {
  readonly #fd: number
  #chunks: AsyncIterator<Buffer> | undefined
  #destroy: (() => void) | undefined
  #window: Buffer = Buffer.alloc(0)
  /** Offset of the window's first byte. */
  #position = 0
  #isEnded = false
  readonly #onDamage: (problem: string) => void

  constructor(fd: number, onDamage: (problem: string) => void) {
    this.#fd = fd
    this.#onDamage = onDamage
  }

  /**
   * Fills `into` from `position` on. Returns fewer bytes only at the end of the content.
   *
   * @throws the system's error. The next call starts from the beginning.
   */
  async read(into: Buffer, position: number): Promise<number> {
    if (!this.#chunks || position < this.#position) this.#restart()
    for (;;) {
      const skip = Math.min(position - this.#position, this.#window.length)
      this.#window = this.#window.subarray(skip)
      this.#position += skip
      if ((this.#position === position && this.#window.length >= into.length) || this.#isEnded) {
        break
      }
      const value = await this.#next()
      if (!value) this.#isEnded = true
      else this.#window = this.#window.length > 0 ? Buffer.concat([this.#window, value]) : value
    }
    return this.#position === position ? this.#window.copy(into, 0, 0, into.length) : 0
  }

  async #next(): Promise<Buffer | undefined> {
    try {
      const { value, done } = await this.#chunks!.next()
      return done ? undefined : value
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      if (!code?.startsWith('Z_')) {
        this.close()
        throw error
      }
      this.#onDamage(message)
      return undefined
    }
  }

  #restart(): void {
    this.close()
    const file = Readable.from(readForward(this.#fd), { objectMode: false })
    const gunzip = createGunzip({ finishFlush: constants.Z_SYNC_FLUSH })
    file.on('error', error => gunzip.destroy(error))
    this.#chunks = file.pipe(gunzip)[Symbol.asyncIterator]()
    this.#destroy = () => {
      file.destroy()
      gunzip.destroy()
    }
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

/** Reads an open file from its start. Leaves the descriptor open. */
async function* readForward(fd: number): AsyncIterable<Buffer> {
  for (let position = 0; ; ) {
    const chunk = Buffer.allocUnsafe(gzipChunkBytes)
    const { bytesRead } = await readAsync(fd, chunk, 0, gzipChunkBytes, position)
    if (bytesRead === 0) return
    position += bytesRead
    yield chunk.subarray(0, bytesRead)
  }
}
