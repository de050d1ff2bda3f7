// Decompresses the files of jobs with `decompression`.

import { createReadStream } from 'node:fs'
import { PassThrough, type Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { constants, createGunzip, createInflate } from 'node:zlib'
import unbzip2 from 'unbzip2-stream'

export type CompressionFormat = 'gz' | 'z' | 'bz2'

/** Makes a decompressor. From a truncated file it returns everything readable. */
export function createDecompressor(format: CompressionFormat): {
  readonly input: NodeJS.WritableStream
  readonly output: Readable
} {
  const options = { finishFlush: constants.Z_SYNC_FLUSH }
  switch (format) {
    case 'gz': {
      const gunzip = createGunzip(options)
      return { input: gunzip, output: gunzip }
    }
    case 'z': {
      const inflate = createInflate(options)
      return { input: inflate, output: inflate }
    }
    case 'bz2': {
      // An old-style Node stream: it has no iterator, and closes before it is read to its end.
      const unpacking = unbzip2()
      const output = unpacking.pipe(new PassThrough())
      unpacking.on('error', (error: Error) => output.destroy(error))
      return { input: unpacking, output }
    }
  }
}

/** Returns true if a compressed file is complete by its format. Reads it once more. */
export async function isWhole(path: string, format: CompressionFormat): Promise<boolean> {
  // Other formats report that while they are read.
  if (format === 'bz2') return true
  const strict = format === 'gz' ? createGunzip() : createInflate()
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  try {
    await pipeline(createReadStream(path), strict, nowhere)
    return true
  } catch {
    return false
  }
}
