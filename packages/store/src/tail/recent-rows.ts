// Remembers the rows that tails have seen lately. An agent that got no answer sends a batch again,
// and tails must not show its rows twice. The memory is limited, so a row that returns much later
// is shown again.

import type { BlockView, MetadataColumn } from '@skald/query'
import { digestRow, metadataKeys } from '../segment/row-identity.ts'

/** A block whose rows can be identified. */
export interface IdentifiedBlock extends BlockView {
  /** Returns metadata without pending levels. */
  storedMetadata(): MetadataColumn
}

/** Remembers rows in two generations. When the newer one is full, the older one is dropped. */
export class RecentRows {
  readonly #rowsMax: number
  #newer = new Set<string>()
  #older = new Set<string>()
  /** Stream → a short number for it. */
  #streams = new Map<string, number>()
  #nextStream = 0

  /**
   * @param rowsMax Rows per generation. At least this many rows are remembered, at most twice as
   * many.
   */
  constructor(rowsMax: number) {
    this.#rowsMax = rowsMax
  }

  /**
   * Returns which rows of a stream's block are known, in the form of `BlockView.skip`, and
   * remembers all rows.
   */
  skipKnown(streamKey: string, block: IdentifiedBlock): Uint8Array | undefined {
    const stream = this.#nameOf(streamKey)
    const times = block.timestamps()
    const lengths = block.lineLengths()
    const { bytes, offsets } = block.lines()
    const { sets, rowSets } = block.storedMetadata()
    const metadata = metadataKeys(sets)
    let skip: Uint8Array | undefined
    for (let row = 0; row < block.rowCount; row++) {
      const start = offsets[row]!
      const line = bytes.subarray(start, start + lengths[row]!)
      const digest = digestRow(line, metadata[rowSets[row]!] ?? '')
      const key = `${stream} ${block.baseNs + BigInt(times[row]!)} ${digest}`
      if (this.#newer.has(key)) {
        skip ??= new Uint8Array(block.rowCount)
        skip[row] = 1
        continue
      }
      if (this.#older.has(key)) {
        skip ??= new Uint8Array(block.rowCount)
        skip[row] = 1
      }
      if (this.#newer.size >= this.#rowsMax) {
        this.#older = this.#newer
        this.#newer = new Set()
      }
      this.#newer.add(key)
    }
    return skip
  }

  #nameOf(streamKey: string): number {
    let name = this.#streams.get(streamKey)
    if (name === undefined) {
      if (this.#streams.size >= this.#rowsMax) this.#streams = new Map()
      name = this.#nextStream++
      this.#streams.set(streamKey, name)
    }
    return name
  }
}
