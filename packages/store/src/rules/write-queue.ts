// The samples that wait for one server, and the ones that wait on the disk of a single store.

import type { WriteFiles } from './write-files.ts'
import type { SamplesOfTenant } from './write-request.ts'

/** A piece of what waits. */
export interface WaitingPiece {
  readonly records: readonly SamplesOfTenant[]
  /** Whether the server may have it already: it was sent by a process that ended before it noted the answer. */
  readonly isAgain: boolean
  /** Says that the server has it. @throws the system's error; CatalogUnavailableError; ChangeRefusedError. */
  settle(): Promise<void>
}

/** Samples in the order in which they came. */
export interface WriteQueue {
  /** Whether this process sends them. */
  readonly isMine: boolean
  /** Bytes that the server does not have yet. */
  readonly waitingBytes: number
  /**
   * Adds samples. Resolves once they are stored. Absent if they are stored with the states of groups.
   * @throws the system's error.
   */
  readonly append?: (record: SamplesOfTenant) => Promise<void>
  /** Returns what comes next, at least one record and about `samplesMax` samples; `undefined` if nothing waits. */
  read(samplesMax: number): Promise<WaitingPiece | undefined>
  close(): Promise<void>
}

/** Returns the queue in the files of a directory. */
export function queueOfFiles(files: WriteFiles): WriteQueue {
  return {
    isMine: true,
    get waitingBytes() {
      return files.waitingBytes
    },
    append: record => files.append(record),
    read: async samplesMax => {
      const isAgain = files.hasBegun
      const piece = await files.read(samplesMax)
      if (!piece) return undefined
      if (!isAgain) await files.begin(piece)
      const { records, next } = piece
      return { records, isAgain, settle: () => files.settle(next) }
    },
    close: () => files.close(),
  }
}
