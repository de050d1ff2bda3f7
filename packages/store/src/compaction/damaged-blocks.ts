// The damaged blocks that a merge comes across. Once one is found, all blocks of its segment are
// checked, so that a merge begins again at most once for each damaged segment.

import { CorruptionError } from '../errors.ts'
import { type BlockRecord, storedBytes } from '../segment/format.ts'
import type { MergeContext, MergeInput } from './merge.ts'
import { verifyStored } from './verify-stored.ts'

/** A segment, and what is wrong with it. */
export interface SegmentDamageText {
  readonly segment: string
  readonly damage: string
}

/** The damaged blocks of the inputs of one merge. */
export class DamagedBlocks {
  readonly #inputs: readonly MergeInput[]
  readonly #read: MergeContext['read']
  /** Segment → offsets of its damaged blocks. */
  readonly #offsets = new Map<string, Set<number>>()
  readonly #damage = new Map<string, string>()

  constructor(inputs: readonly MergeInput[], read: MergeContext['read']) {
    this.#inputs = inputs
    this.#read = read
  }

  get isEmpty(): boolean {
    return this.#offsets.size === 0
  }

  has(segment: string, { offsetBytes }: BlockRecord): boolean {
    return this.#offsets.get(segment)?.has(offsetBytes) ?? false
  }

  list(): SegmentDamageText[] {
    return [...this.#damage].map(([segment, damage]) => ({ segment, damage }))
  }

  /** Adds the block that an error is about. Returns false if that is none, or one known already. */
  add(error: unknown): boolean {
    if (!(error instanceof CorruptionError)) return false
    const { segment, offsetBytes } = error
    const input = this.#inputs.find(({ name }) => name === segment)
    const block = blocksOf(input).find(
      record =>
        record.offsetBytes <= offsetBytes && offsetBytes < record.offsetBytes + storedBytes(record),
    )
    if (!block || this.has(segment, block)) return false
    const offsets = this.#offsets.get(segment) ?? new Set()
    offsets.add(block.offsetBytes)
    if (!this.#offsets.has(segment)) {
      this.#damage.set(segment, error.message)
      for (const record of blocksOf(input)) {
        if (!this.#isWhole(segment, record)) offsets.add(record.offsetBytes)
      }
    }
    this.#offsets.set(segment, offsets)
    return true
  }

  #isWhole(segment: string, record: BlockRecord): boolean {
    const { offsetBytes } = record
    const bytes = this.#read(segment, { offsetBytes, length: storedBytes(record) }, allocate)
    try {
      verifyStored(segment, record, bytes)
      return true
    } catch (error) {
      if (!(error instanceof CorruptionError)) throw error
      return false
    }
  }
}

const allocate = Buffer.allocUnsafe

function* blocksOf(input: MergeInput | undefined): Generator<BlockRecord> {
  for (const part of input?.parts ?? []) yield* part.allRecords()
}
