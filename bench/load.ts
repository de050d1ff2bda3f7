// A workload in files, so that neither generating nor sending it needs more memory for more lines.
// A directory that is kept has it ready for the next run.
//
//   load.json    options, summary, lengths of the records; written last, so a load is whole or absent
//   bodies.bin   the push requests
//   pieces.bin   the same lines by stream in pieces of about 1 MB, each compressed with zstd level 1

import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { constants, zstdCompressSync } from 'node:zlib'
import {
  generateWorkload,
  tracedCluster,
  type WorkloadOptions,
  type WorkloadSummary,
} from './generator.ts'
import { Random } from './random.ts'
import { RecordFile, RecordWriter } from './record-file.ts'
import { createStreams } from './streams.ts'

/** A workload whose pushes and pieces are read from files. */
export interface Load extends WorkloadSummary {
  readonly bodies: RecordFile
  /** Compressed with zstd level 1. */
  readonly pieces: RecordFile
}

/** Level that the pieces are compressed with. */
export const zstdLevelOne = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }

interface LoadFile {
  readonly summary: Omit<WorkloadSummary, 'streams'>
  readonly bodyLengths: readonly number[]
  readonly pieceLengths: readonly number[]
}

/** Generates a load in `dir`. */
export function createLoad(dir: string, options: WorkloadOptions): Load {
  mkdirSync(dir, { recursive: true })
  const bodies = new RecordWriter(join(dir, 'bodies.bin'))
  const pieces = new RecordWriter(join(dir, 'pieces.bin'))
  const { streams: _streams, ...summary } = generateWorkload(options, {
    takeBody: body => bodies.add(body),
    takePiece: piece => pieces.add(zstdCompressSync(piece, zstdLevelOne)),
  })
  const file: LoadFile = { summary, bodyLengths: bodies.close(), pieceLengths: pieces.close() }
  const path = join(dir, 'load.json')
  writeFileSync(`${path}.part`, JSON.stringify(file))
  renameSync(`${path}.part`, path)
  return readLoad(dir, file)
}

/** Opens the load that an earlier run left in `dir`. Returns undefined if there is none. */
export function openLoad(dir: string): Load | undefined {
  try {
    return readLoad(dir, JSON.parse(readFileSync(join(dir, 'load.json'), 'utf8')) as LoadFile)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function readLoad(dir: string, { summary, bodyLengths, pieceLengths }: LoadFile): Load {
  const { seed, isTraced } = summary.options
  return {
    ...summary,
    streams: createStreams(new Random(seed), isTraced ? tracedCluster : undefined),
    bodies: new RecordFile(join(dir, 'bodies.bin'), bodyLengths),
    pieces: new RecordFile(join(dir, 'pieces.bin'), pieceLengths),
  }
}

/** Closes the files of a load. */
export function closeLoad({ bodies, pieces }: Load): void {
  bodies.close()
  pieces.close()
}
