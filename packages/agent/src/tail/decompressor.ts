// Decompresses the files of jobs with `decompression`.

import { createReadStream } from 'node:fs'
import { PassThrough, type Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { constants, createGunzip, createInflate } from 'node:zlib'
import unbzip2 from 'unbzip2-stream'

export type CompressionFormat = 'gz' | 'z' | 'bz2'

/** Makes what decompresses a file; of one that is cut it gives what can be read. */
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
      // A stream of Node's first kind: without an iterator, and closed before it is read to its end.
      const unpacking = unbzip2()
      const output = unpacking.pipe(new PassThrough())
      unpacking.on('error', (error: Error) => output.destroy(error))
      return { input: unpacking, output }
    }
  }
}

/** Tells whether a compressed file reaches to where its format says that it ends; reads it once more. */
export async function isWhole(path: string, format: CompressionFormat): Promise<boolean> {
  // Others tell of it while they are read.
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
