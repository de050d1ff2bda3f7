// The best that this machine can do with the same bytes: the parts of ingest that every design needs,
// and the search of all lines for a text, run alone in this process. Measured in each run, so that a slow or busy
// machine affects both sides of a ratio.

import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { snappyDecompress } from '@skald/wire'
import { measureCpuSeconds } from './cpu.ts'
import { type Load, zstdLevelOne } from './load.ts'

/** CPU seconds for the whole load. */
export interface IngestLimit {
  readonly snappySeconds: number
  readonly zstdSeconds: number
  /** Bytes of the pieces after zstd. */
  readonly zstdBytes: number
}

const bodyBytesMax = 64 << 20
/** Iterations before measuring, so that the engine has compiled the code. */
const warmupCount = 8
/** Records that are measured of a larger load, spread over it: more of them give the same speed. */
const sampleCount = 400

/** Measures snappy decoding of the pushes, and zstd at level 1 of the same lines in 1 MB pieces. */
export function measureIngestLimit({ bodies, pieces }: Load): IngestLimit {
  let snappySeconds = 0
  let bodyBytes = 0
  for (const index of warmedUp(sample(bodies.count))) {
    const body = bodies.read(index.record)
    const seconds = measureCpuSeconds(() => snappyDecompress(body, bodyBytesMax))
    if (index.isWarmup) continue
    snappySeconds += seconds
    bodyBytes += body.length
  }
  let zstdSeconds = 0
  let pieceBytes = 0
  for (const index of warmedUp(sample(pieces.count))) {
    const compressed = pieces.read(index.record)
    const piece = zstdDecompressSync(compressed)
    const seconds = measureCpuSeconds(() => zstdCompressSync(piece, zstdLevelOne))
    if (index.isWarmup) continue
    zstdSeconds += seconds
    pieceBytes += compressed.length
  }
  return {
    snappySeconds: (snappySeconds * bodies.totalBytes) / bodyBytes,
    zstdSeconds: (zstdSeconds * pieces.totalBytes) / pieceBytes,
    zstdBytes: pieces.totalBytes,
  }
}

function sample(count: number): number[] {
  const step = Math.max(1, count / sampleCount)
  const records: number[] = []
  for (let at = 0; at < count; at += step) records.push(Math.floor(at))
  return records
}

function warmedUp(records: readonly number[]): { record: number; isWarmup: boolean }[] {
  const warmup = records.slice(0, warmupCount).map(record => ({ record, isWarmup: true }))
  return [...warmup, ...records.map(record => ({ record, isWarmup: false }))]
}

/**
 * Measures zstd decoding and the search for the needle. Returns the median of several runs in
 * milliseconds.
 */
export function measureFullReadMs({ pieces, needle }: Load, repetitions: number): number {
  const needleBytes = Buffer.from(needle)
  const runs: number[] = []
  for (let i = 0; i < repetitions; i++) {
    let found = 0
    let seconds = 0
    for (let index = 0; index < pieces.count; index++) {
      const piece = pieces.read(index)
      seconds += measureCpuSeconds(() => {
        if (zstdDecompressSync(piece).indexOf(needleBytes) >= 0) found++
      })
    }
    if (found !== 1) throw new Error(`The needle is in ${found} pieces, expected 1`)
    runs.push(seconds * 1000)
  }
  return runs.sort((a, b) => a - b)[Math.floor(runs.length / 2)]!
}
