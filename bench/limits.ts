// The best that this machine can do with the same bytes: the parts of ingest that every design needs,
// and the search of all lines for a text, run alone in this process. Measured in each run, so that a slow or busy
// machine affects both sides of a ratio.

import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { snappyDecompress } from '@skald/wire'
import { measureCpuSeconds } from './cpu.ts'
import type { Workload } from './generator.ts'

/** CPU seconds for the whole workload. */
export interface IngestLimit {
  readonly snappySeconds: number
  readonly zstdSeconds: number
  /** Bytes of the pieces after zstd. */
  readonly zstdBytes: number
  /** The compressed pieces, for the limit of queries. */
  readonly compressed: readonly Buffer[]
}

const bodyBytesMax = 64 << 20
const zstdLevelOne = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }
/** Iterations before measuring, so that the engine has compiled the code. */
const warmupCount = 8

/** Measures snappy decoding of the pushes, and zstd at level 1 of the same lines in 1 MB pieces. */
export function measureIngestLimit(workload: Workload): IngestLimit {
  const { bodies, pieces } = workload
  for (const body of bodies.slice(0, warmupCount)) snappyDecompress(body, bodyBytesMax)
  for (const piece of pieces.slice(0, warmupCount)) zstdCompressSync(piece, zstdLevelOne)
  const snappySeconds = measureCpuSeconds(() => {
    for (const body of bodies) snappyDecompress(body, bodyBytesMax)
  })
  const compressed: Buffer[] = []
  const zstdSeconds = measureCpuSeconds(() => {
    for (const piece of pieces) compressed.push(zstdCompressSync(piece, zstdLevelOne))
  })
  const zstdBytes = compressed.reduce((sum, piece) => sum + piece.length, 0)
  return { snappySeconds, zstdSeconds, zstdBytes, compressed }
}

/**
 * Measures zstd decoding and the search for the needle. Returns the median of several runs in
 * milliseconds.
 */
export function measureFullReadMs(
  compressed: readonly Buffer[],
  needle: string,
  repetitions: number,
): number {
  const needleBytes = Buffer.from(needle)
  const runs: number[] = []
  for (let i = 0; i < repetitions; i++) {
    let found = 0
    const seconds = measureCpuSeconds(() => {
      for (const piece of compressed) {
        if (zstdDecompressSync(piece).indexOf(needleBytes) >= 0) found++
      }
    })
    if (found !== 1) throw new Error(`The needle is in ${found} pieces, expected 1`)
    runs.push(seconds * 1000)
  }
  return runs.sort((a, b) => a - b)[Math.floor(runs.length / 2)]!
}
