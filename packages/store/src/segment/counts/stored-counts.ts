// Reads the counts of single blocks from a segment, for compactions that take over the blocks.

import type { RowCounts } from '@skald/query'
import { CountGroupReader, type CountRecord } from './count-group.ts'

/** Reads `length` bytes at `offsetBytes` of the segment. */
export type ReadCountBytes = (offsetBytes: number, length: number) => Buffer

/** The counts of one part of a segment. Keeps one group in memory: ask for blocks in order. */
export class StoredCounts {
  readonly #counts: readonly CountRecord[]
  readonly #read: ReadCountBytes
  #opened:
    | { readonly record: CountRecord; readonly group: CountGroupReader | undefined }
    | undefined

  constructor(counts: readonly CountRecord[], read: ReadCountBytes) {
    this.#counts = counts
    this.#read = read
  }

  /** Returns the counts of a block by its index in the part; `undefined` if there are none, or damaged ones. */
  of(block: number): RowCounts | undefined {
    const record = this.#counts.find(
      ({ firstBlock, blockCount }) => block >= firstBlock && block < firstBlock + blockCount,
    )
    if (!record) return undefined
    if (this.#opened?.record !== record) this.#opened = { record, group: this.#open(record) }
    return this.#opened.group?.countsOf(block - record.firstBlock)
  }

  #open(record: CountRecord): CountGroupReader | undefined {
    try {
      return new CountGroupReader(record, this.#read(record.offsetBytes, record.storedBytes))
    } catch (error) {
      // Damage: the caller counts the rows again.
      if (error instanceof RangeError) return undefined
      throw error
    }
  }
}
