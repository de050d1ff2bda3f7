// Counts of the rows of consecutive blocks, a group of blocks together. docs/segment-format.md specifies the
// bytes. Texts are kept once for a group: names of metadata are mostly the same in all blocks.
//
//   group  = varint n, n texts
//            varint n, n sets of names: varint n, n indexes of texts
//            for each block: varint bytes, then its counts; 0 bytes if it has none
//   counts = varint cell length in seconds, varint set of names, varint n, n levels
//   level  = varint 0, or 1 + index of its text; varint cells with rows; varint number of the first cell
//            for each cell: varint rows; a 0 and a varint say how many cells without rows follow
//            for each cell with rows: varint bytes of lines

import { crc32 } from 'node:zlib'
import type { LevelCounts, RowCounts } from '@skald/query'
import { countGroupBytes } from '../../limits.ts'
import { ByteReader, ByteWriter } from '../bytes.ts'

const nsPerSecond = 1_000_000_000

/** Place of the counts of some blocks in a segment. */
export interface CountRecord {
  /** Index, in the part, of the first block. */
  readonly firstBlock: number
  /** Number of blocks, including those without counts. */
  readonly blockCount: number
  readonly offsetBytes: number
  readonly storedBytes: number
  /** CRC-32 (IEEE) of the stored bytes. */
  readonly crc: number
}

/** Texts, each once, with their indexes. */
class Texts {
  readonly #indexes = new Map<string, number>()

  indexOf(text: string): number {
    let index = this.#indexes.get(text)
    if (index === undefined) {
      index = this.#indexes.size
      this.#indexes.set(text, index)
    }
    return index
  }

  get all(): readonly string[] {
    return [...this.#indexes.keys()]
  }
}

/** Returns the bytes that the counts of a block take, without their texts. */
export function countsBytes(counts: RowCounts): number {
  const writer = new ByteWriter(256)
  writeCounts(writer, counts, { set: 0, texts: new Texts() })
  return writer.length
}

/** Collects the counts of consecutive blocks until there are enough for a group. */
export class CountGroupWriter {
  readonly #firstBlock: number
  readonly #texts = new Texts()
  /** Sets of names as texts. */
  readonly #sets = new Texts()
  readonly #blocks = new ByteWriter()
  readonly #one = new ByteWriter(256)
  #blockCount = 0
  #hasCounts = false

  constructor(firstBlock: number) {
    this.#firstBlock = firstBlock
  }

  get isFull(): boolean {
    return this.#blocks.length >= countGroupBytes
  }

  /** Adds the next block. Without counts, queries read it. */
  add(counts: RowCounts | undefined): void {
    this.#blockCount++
    this.#one.advance(0)
    if (counts) {
      const names = counts.names.map(name => this.#texts.indexOf(name))
      const set = this.#sets.indexOf(JSON.stringify(names))
      writeCounts(this.#one, counts, { set, texts: this.#texts })
      this.#hasCounts = true
    }
    this.#blocks.varint(this.#one.length)
    this.#blocks.bytes(this.#one.finish())
  }

  /** Returns the group's bytes, and its record for a group at `offsetBytes`; nothing if it is empty. */
  finish(offsetBytes: number): { record: CountRecord; bytes: Buffer } | undefined {
    if (!this.#hasCounts) return undefined
    const writer = new ByteWriter()
    const texts = this.#texts.all
    writer.varint(texts.length)
    for (const text of texts) writer.text(text)
    const sets = this.#sets.all.map(text => JSON.parse(text) as number[])
    writer.varint(sets.length)
    for (const set of sets) {
      writer.varint(set.length)
      for (const index of set) writer.varint(index)
    }
    writer.bytes(this.#blocks.finish())
    const bytes = Buffer.from(writer.finish())
    const blocks = { firstBlock: this.#firstBlock, blockCount: this.#blockCount }
    const record = { ...blocks, offsetBytes, storedBytes: bytes.length, crc: crc32(bytes) }
    return { record, bytes }
  }
}

function writeCounts(
  writer: ByteWriter,
  { cellNs, levels }: RowCounts,
  { set, texts }: { readonly set: number; readonly texts: Texts },
): void {
  writer.varint(cellNs / nsPerSecond)
  writer.varint(set)
  writer.varint(levels.length)
  for (const { level, cells, rows, bytes } of levels) {
    writer.varint(level === undefined ? 0 : 1 + texts.indexOf(level))
    writer.varint(cells.length)
    let next = cells[0] ?? 0
    writer.varint(next)
    for (const [i, cell] of cells.entries()) {
      if (cell > next) {
        writer.varint(0)
        writer.varint(cell - next)
      }
      writer.varint(rows[i]!)
      next = cell + 1
    }
    for (const count of bytes) writer.varint(count)
  }
}

/** Reads the counts of single blocks from a group. */
export class CountGroupReader {
  readonly #bytes: Buffer
  readonly #texts: string[] = []
  readonly #sets: string[][] = []
  /** Block in the group → where its counts begin, and the end of the last. */
  readonly #starts: Uint32Array
  readonly #lengths: Uint32Array

  /** @param bytes Its stored bytes. @throws RangeError when they are damaged. */
  constructor({ blockCount, storedBytes, crc }: CountRecord, bytes: Buffer) {
    if (bytes.length !== storedBytes || crc32(bytes) !== crc) {
      throw new RangeError('counts are damaged')
    }
    this.#bytes = bytes
    const reader = new ByteReader(bytes)
    for (let left = reader.varint(); left > 0; left--) this.#texts.push(reader.text())
    for (let left = reader.varint(); left > 0; left--) {
      const set: string[] = []
      for (let names = reader.varint(); names > 0; names--) set.push(this.#textAt(reader.varint()))
      this.#sets.push(set)
    }
    this.#starts = new Uint32Array(blockCount)
    this.#lengths = new Uint32Array(blockCount)
    for (let block = 0; block < blockCount; block++) {
      const length = reader.varint()
      this.#starts[block] = bytes.length - reader.remaining
      this.#lengths[block] = length
      reader.skip(length)
    }
    if (reader.remaining > 0) throw new RangeError('bytes follow the last counts')
  }

  /** Returns the counts of a block by its index in the group; `undefined` if it has none. @throws RangeError */
  countsOf(block: number): RowCounts | undefined {
    const length = this.#lengths[block]
    if (!length) return undefined
    const start = this.#starts[block]!
    const reader = new ByteReader(this.#bytes.subarray(start, start + length))
    const cellNs = reader.varint() * nsPerSecond
    const names = this.#sets[reader.varint()]
    if (!names) throw new RangeError('no such set of names')
    const levels: LevelCounts[] = []
    for (let left = reader.varint(); left > 0; left--) levels.push(this.#readLevel(reader))
    if (reader.remaining > 0) throw new RangeError('bytes follow the last level')
    return { names, cellNs, levels }
  }

  #readLevel(reader: ByteReader): LevelCounts {
    const text = reader.varint()
    const level = text === 0 ? undefined : this.#textAt(text - 1)
    const cells: number[] = []
    const rows: number[] = []
    const bytes: number[] = []
    const count = reader.varint()
    let cell = reader.varint()
    while (cells.length < count) {
      const found = reader.varint()
      if (found === 0) {
        cell += reader.varint()
        continue
      }
      cells.push(cell++)
      rows.push(found)
    }
    for (let i = 0; i < count; i++) bytes.push(reader.varint())
    return { level, cells, rows, bytes }
  }

  #textAt(index: number): string {
    const text = this.#texts[index]
    if (text === undefined) throw new RangeError('no such text')
    return text
  }
}
