// Finds rows that occur in more than one block of a stream. An agent that got no answer sends a
// batch again. The row that arrived first counts.

import { minBigint } from '@skald/go-dialect'
import { digestFrom, digestRow, metadataKeys } from '../segment/row-identity.ts'
import type { StoredBlock } from '../segment/stored-block.ts'
import { sharedTimes } from './shared-times.ts'

/** Sets `skip` in the blocks so that each row counts once. Pass the blocks in order of arrival. */
export function skipDuplicates(blocks: readonly StoredBlock[]): void {
  const baseNs = blocks.map(({ minNs }) => minNs).reduce(minBigint)
  const starts = blocks.map(({ minNs }) => Number(minNs - baseNs))
  const shared = sharedTimes(
    blocks.map((block, i) => ({ times: block.timestamps(), from: starts[i]! })),
  )
  if (shared.length === 0) return
  const comparison = new Comparison(blocks)
  const seen = new Map<number, Moment>()
  for (const [index, block] of blocks.entries()) {
    const times = block.timestamps()
    let next = 0
    for (let row = 0; row < times.length; row++) {
      const time = times[row]! + starts[index]!
      while (next < shared.length && shared[next]! < time) next++
      if (next === shared.length) break
      if (shared[next] !== time) continue
      const moment = seen.get(time)
      if (!moment) seen.set(time, { rows: [index, row], digests: undefined })
      else if (comparison.isKnown(moment, index, row)) {
        block.skip ??= new Uint8Array(block.rowCount)
        block.skip[row] = 1
      } else comparison.add(moment, index, row)
    }
  }
}

/** The distinct rows of one time. */
interface Moment {
  /** Pairs of block and row. */
  readonly rows: number[]
  /** Digests of the rows, once there are many. */
  digests: Set<string> | undefined
}

/** Compares rows of blocks. */
class Comparison {
  readonly #blocks: readonly StoredBlock[]
  /** Block → keys of its metadata sets. */
  readonly #keys: (readonly string[] | undefined)[] = []

  constructor(blocks: readonly StoredBlock[]) {
    this.#blocks = blocks
  }

  /** Returns true if a row equals one that the moment already has. */
  isKnown({ rows, digests }: Moment, index: number, row: number): boolean {
    if (digests) return digests.has(this.#digest(index, row))
    for (let i = 0; i < rows.length; i += 2) {
      // Rows within one block are distinct.
      if (rows[i] !== index && this.#areSame(rows[i]!, rows[i + 1]!, index, row)) return true
    }
    return false
  }

  /** Adds a row to a moment. */
  add(moment: Moment, index: number, row: number): void {
    const { rows } = moment
    rows.push(index, row)
    if (moment.digests) moment.digests.add(this.#digest(index, row))
    else if (rows.length >= 2 * digestFrom) {
      moment.digests = new Set()
      for (let i = 0; i < rows.length; i += 2) {
        moment.digests.add(this.#digest(rows[i]!, rows[i + 1]!))
      }
    }
  }

  #digest(index: number, row: number): string {
    const block = this.#blocks[index]!
    const { bytes, offsets } = block.lines()
    const start = offsets[row]!
    const line = bytes.subarray(start, start + block.lineLengths()[row]!)
    return digestRow(line, this.#metadataKey(index, row))
  }

  #areSame(a: number, rowA: number, b: number, rowB: number): boolean {
    const one = this.#blocks[a]!
    const other = this.#blocks[b]!
    const length = one.lineLengths()[rowA]!
    if (other.lineLengths()[rowB] !== length) return false
    const lines = one.lines()
    const otherLines = other.lines()
    const start = lines.offsets[rowA]!
    const otherStart = otherLines.offsets[rowB]!
    const order = lines.bytes.compare(
      otherLines.bytes,
      otherStart,
      otherStart + length,
      start,
      start + length,
    )
    return order === 0 && this.#metadataKey(a, rowA) === this.#metadataKey(b, rowB)
  }

  #metadataKey(index: number, row: number): string {
    const { sets, rowSets } = this.#blocks[index]!.storedMetadata()
    this.#keys[index] ??= metadataKeys(sets)
    return this.#keys[index][rowSets[row]!] ?? ''
  }
}
