// Reads the file with the page that `release/build-page.mjs` writes: one line of JSON that lists the files, then their
// bytes, compressed with brotli and gzip.

import { readFileSync, statSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { pagePackBytesMax } from '../limits.ts'

/** One file of the page. */
export interface PageFile {
  /** Below the page's address, such as `assets/main-1a2b3c4d.js`. */
  readonly path: string
  readonly type: string
  readonly etag: string
  readonly brotli: Buffer
  readonly gzip: Buffer
}

interface Listed {
  readonly path: string
  readonly type: string
  readonly etag: string
  readonly brotliBytes: number
  readonly gzipBytes: number
}

/**
 * Reads all files of the page. Returns none if the file is missing, as in an installation without the tools that
 * build it.
 * @throws Error when the file is too large or ends early; the system's error when it cannot be read.
 */
export function readPagePack(url: URL): PageFile[] {
  const found = statSync(url, { throwIfNoEntry: false })
  if (!found) return []
  if (found.size > pagePackBytesMax) {
    throw new Error(
      `Cannot read the page: ${url.pathname} has ${found.size} bytes, at most ${pagePackBytesMax} are allowed`,
    )
  }
  const bytes = readFileSync(url)
  const endOfList = bytes.indexOf(10)
  const listed = JSON.parse(bytes.toString('utf8', 0, Math.max(0, endOfList))) as Listed[]
  let offset = endOfList + 1
  const take = (length: number) => {
    const part = bytes.subarray(offset, offset + length)
    if (part.length < length) throw new Error(`Cannot read the page: ${url.pathname} ends early`)
    offset += length
    return part
  }
  return listed.map(({ path, type, etag, brotliBytes, gzipBytes }) => ({
    ...{ path, type, etag },
    brotli: take(brotliBytes),
    gzip: take(gzipBytes),
  }))
}

/** Returns the bytes of a file as they are without compression. */
export function plainBytes({ gzip }: PageFile): Buffer {
  return gunzipSync(gzip)
}
