// A block of a segment as queries and compactions use it. Columns are decoded on demand and kept
// while the block is in use. Adds `detected_level` if it is still pending.

import type { BlockView, LinesColumn, MetadataColumn } from '@skald/query'
import type { LabelSet } from '@skald/wire'
import { type Allocate, releaseBuffer } from '../buffers.ts'
import { addDetectedLevels } from '../levels/detected-level.ts'
import type { LevelFields } from '../levels/line-level.ts'
import { BlockReader, type ReadBytes } from './block.ts'
import { lineOffsets } from './columns.ts'
import { type BlockRecord, flagLevelsPending } from './format.ts'

/** Identifies a block: its segment, its record and its stream's labels. */
export interface BlockPlace {
  /** Name of the segment. */
  readonly segment: string
  readonly record: BlockRecord
  readonly labels: LabelSet
}

/** BlockView describes the columns. */
export class StoredBlock implements BlockView {
  readonly labels: LabelSet
  /** Rows to skip, set by code that compares the block with others or applies delete rules. */
  skip: Uint8Array | undefined
  readonly #reader: BlockReader
  readonly #levelFields: LevelFields
  #timestamps: Float64Array | undefined
  #lengths: Uint32Array | undefined
  #offsets: Uint32Array | undefined
  #lines: LinesColumn | undefined
  #stored: MetadataColumn | undefined
  #metadata: MetadataColumn | undefined

  /** @param allocateLines As in BlockReader. */
  constructor(
    place: BlockPlace,
    read: ReadBytes,
    levelFields: LevelFields,
    allocateLines?: Allocate | undefined,
  ) {
    this.labels = place.labels
    this.#reader = new BlockReader(place.segment, place.record, read, allocateLines)
    this.#levelFields = levelFields
  }

  get record(): BlockRecord {
    return this.#reader.record
  }

  get sequence(): number {
    return this.record.sequence
  }

  get rowCount(): number {
    return this.record.rowCount
  }

  get baseNs(): bigint {
    return this.record.minNs
  }

  get minNs(): bigint {
    return this.record.minNs
  }

  get maxNs(): bigint {
    return this.record.maxNs
  }

  timestamps(): Float64Array {
    this.#timestamps ??= this.#reader.timestamps()
    return this.#timestamps
  }

  lineLengths(): Uint32Array {
    this.#lengths ??= this.#reader.lengths()
    return this.#lengths
  }

  lines(): LinesColumn {
    this.#lines ??= this.#lazyLines()
    return this.#lines
  }

  /** Decodes on demand: a scan that finds nothing needs no offsets, and often no bytes. */
  #lazyLines(): LinesColumn {
    const reader = this.#reader
    const offsets = () => this.#lineOffsets()
    let bytes: Buffer | undefined
    return {
      byteLength: this.record.lineBytes + this.record.rowCount,
      get bytes() {
        bytes ??= reader.lines()
        return bytes
      },
      get offsets() {
        return offsets()
      },
      rowsWith: text => reader.rowsWith(text),
    }
  }

  #lineOffsets(): Uint32Array {
    this.#offsets ??= lineOffsets(this.lineLengths())
    return this.#offsets
  }

  metadata(): MetadataColumn {
    this.#metadata ??= this.#leveledMetadata()
    return this.#metadata
  }

  /** Returns metadata without pending levels. */
  storedMetadata(): MetadataColumn {
    this.#stored ??= this.#reader.metadata()
    return this.#stored
  }

  metadataPairs(): Uint32Array {
    const pairs = this.#reader.metadataPairs() ?? new Uint32Array(this.rowCount)
    return (this.record.flags & flagLevelsPending) === 0 ? pairs : addOne(pairs)
  }

  /** Frees the memory of its columns. Do not use them, or the block, afterwards. */
  release(): void {
    this.#reader.release()
    if (this.#offsets) releaseBuffer(this.#offsets)
    this.#timestamps = undefined
    this.#lengths = undefined
    this.#offsets = undefined
    this.#lines = undefined
    this.#stored = undefined
    this.#metadata = undefined
  }

  #leveledMetadata(): MetadataColumn {
    const stored = this.storedMetadata()
    if ((this.record.flags & flagLevelsPending) === 0) return stored
    const readLines = () => ({
      bytes: this.lines().bytes,
      offsets: this.lines().offsets,
      lengths: this.lineLengths(),
    })
    return addDetectedLevels(this.labels, stored, readLines, this.#levelFields)
  }
}

function addOne(values: Uint32Array): Uint32Array {
  for (let row = 0; row < values.length; row++) values[row]!++
  return values
}
