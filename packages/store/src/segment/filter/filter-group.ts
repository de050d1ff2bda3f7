// The filters of the blocks of a segment, a group of blocks together. A group has one table for each
// size of filter: a column for each block, a row for each bit of their filters. The bits of a row
// are side by side, so a search reads a few bytes for all blocks, wherever a key is.
//
//   group   = pages of 4 KiB, each with its checksum at the end
//   content = varint number of tables
//             each: varint rows, varint columns, for each column a varint: blocks skipped before it
//             the bits of each table, row after row, from a whole byte on

import { crc32 } from 'node:zlib'
import { filterGroupBits, filterRowsMax } from '../../limits.ts'
import { ByteReader, ByteWriter } from '../bytes.ts'
import type { BlockFilter } from './block-filter.ts'

/** Bytes of a page, and of the content in it. A checksum follows the content. */
export const pageBytes = 4096
export const pageContentBytes = pageBytes - 4

/** Place of the filters of some blocks in a segment. */
export interface FilterRecord {
  readonly offsetBytes: number
  readonly storedBytes: number
  /** Bytes of the content before the bits. */
  readonly headBytes: number
  /** Index, in the part, of the first block. Indexes in the group count from it. */
  readonly firstBlock: number
  /** Number of blocks, including those without a filter. */
  readonly blockCount: number
  /** Whether the filters have keys for names of metadata. Older ones do not. */
  readonly hasNames: boolean
}

/** A group that has no place in a segment yet. */
export interface FinishedFilterGroup {
  readonly record: Omit<FilterRecord, 'offsetBytes'>
  readonly bytes: Buffer
}

/** Collects the filters of consecutive blocks until there are enough for a group. */
export class FilterGroupWriter {
  readonly #firstBlock: number
  /** Row count → the blocks with filters of that size. */
  readonly #tables = new Map<number, { block: number; bits: Uint32Array }[]>()
  #blockCount = 0
  #bitCount = 0

  constructor(firstBlock: number) {
    this.#firstBlock = firstBlock
  }

  get isFull(): boolean {
    return this.#bitCount >= filterGroupBits
  }

  /** Adds the next block. Without a filter, searches always read it. */
  add(filter: BlockFilter | undefined): void {
    const block = this.#blockCount++
    if (!filter) return
    const { rowCount, bits } = filter
    this.#bitCount += rowCount
    const table = this.#tables.get(rowCount)
    if (table) table.push({ block, bits })
    else this.#tables.set(rowCount, [{ block, bits }])
  }

  /** Returns the group's bytes, and its record without a place; nothing if it is empty. */
  finish(): FinishedFilterGroup | undefined {
    if (this.#tables.size === 0) return undefined
    const tables = [...this.#tables].sort(([a], [b]) => b - a)
    const writer = new ByteWriter(1024)
    writer.varint(tables.length)
    for (const [rowCount, columns] of tables) {
      writer.varint(rowCount)
      writer.varint(columns.length)
      let next = 0
      for (const { block } of columns) {
        writer.varint(block - next)
        next = block + 1
      }
    }
    const headBytes = writer.length
    const sizes = tables.map(([rowCount, columns]) => tableBytes(rowCount, columns.length))
    const content = Buffer.alloc(sizes.reduce((sum, size) => sum + size, headBytes))
    writer.finish().copy(content)
    let at = headBytes
    for (const [i, [, columns]] of tables.entries()) {
      transpose(columns, content.subarray(at, at + sizes[i]!))
      at += sizes[i]!
    }
    const bytes = paged(content)
    const { length: storedBytes } = bytes
    const blocks = { firstBlock: this.#firstBlock, blockCount: this.#blockCount }
    return { record: { storedBytes, headBytes, ...blocks, hasNames: true }, bytes }
  }
}

/** Bytes of the bits of a table. */
function tableBytes(rowCount: number, columnCount: number): number {
  return Math.ceil((rowCount * columnCount) / 8)
}

/** Puts columns side by side. A group has fewer than 2^31 bits. Bit `row * columns + column` of the table is that of the block. */
function transpose(columns: readonly { readonly bits: Uint32Array }[], table: Buffer): void {
  const width = columns.length
  for (let column = 0; column < width; column++) {
    const { bits } = columns[column]!
    for (let word = 0; word < bits.length; word++) {
      for (let left = bits[word]!; left !== 0; left &= left - 1) {
        const at = (32 * word + 31 - Math.clz32(left & -left)) * width + column
        table[at >>> 3]! |= 1 << (at & 7)
      }
    }
  }
}

function paged(content: Buffer): Buffer {
  const pages = Math.ceil(content.length / pageContentBytes)
  const bytes = Buffer.allocUnsafe(content.length + 4 * pages)
  for (let page = 0; page < pages; page++) {
    const from = page * pageContentBytes
    const piece = content.subarray(from, from + pageContentBytes)
    const at = page * pageBytes
    piece.copy(bytes, at)
    bytes.writeUInt32LE(crc32(piece), at + piece.length)
  }
  return bytes
}

/** One table of a group. */
export interface FilterTable {
  readonly rowCount: number
  /** Column → index of its block in the group. */
  readonly blocks: Uint32Array
  /** Offset of its bits in the content. */
  readonly at: number
}

/** Reads `length` bytes at `offsetBytes` of the segment. */
export type ReadFilterBytes = (offsetBytes: number, length: number) => Buffer

/** Reads parts of a group, and checks the pages they are in. */
export class FilterGroupReader {
  readonly record: FilterRecord
  readonly #read: ReadFilterBytes
  /** Pages read so far, without their checksums. */
  readonly #pages = new Map<number, Buffer>()

  constructor(record: FilterRecord, read: ReadFilterBytes) {
    this.record = record
    this.#read = read
  }

  /** This and `rows`: @throws RangeError when a page is damaged. */
  tables(): FilterTable[] {
    const { headBytes, storedBytes, blockCount } = this.record
    const reader = new ByteReader(this.#content(0, headBytes))
    const count = reader.varint()
    if (count > reader.remaining) throw new RangeError('too many tables')
    const tables: FilterTable[] = []
    let at = headBytes
    for (let i = 0; i < count; i++) {
      const rowCount = reader.varint()
      const width = reader.varint()
      if (width > blockCount || rowCount > filterRowsMax) throw new RangeError('table too large')
      let block = -1
      const blocks = Uint32Array.from({ length: width }, () => {
        block += 1 + reader.varint()
        return block
      })
      if (block >= blockCount) throw new RangeError('filter of an unknown block')
      tables.push({ rowCount, blocks, at })
      at += tableBytes(rowCount, width)
    }
    if (at + 4 * Math.ceil(at / pageContentBytes) !== storedBytes) {
      throw new RangeError('tables do not fill the group')
    }
    return tables
  }

  /** Removes from `left` (column → 1 or 0) the columns whose bit in a row is not set. */
  narrow({ at, blocks }: FilterTable, row: number, left: Uint8Array): void {
    const width = blocks.length
    const first = row * width
    const from = Math.floor(first / 8)
    const to = Math.floor((first + width - 1) / 8) + 1
    const bytes = this.#content(at + from, to - from)
    for (let column = 0; column < width; column++) {
      const bit = first + column - 8 * from
      left[column]! &= bytes[bit >>> 3]! >>> (bit & 7)
    }
  }

  /** Returns the filter of a column, for a segment that takes over its block. */
  filterOf({ at, rowCount, blocks }: FilterTable, column: number): BlockFilter {
    const width = blocks.length
    const table = this.#content(at, tableBytes(rowCount, width))
    const bits = new Uint32Array(Math.ceil(rowCount / 32))
    for (let row = 0, bit = column; row < rowCount; row++, bit += width) {
      const isSet = (table[Math.floor(bit / 8)]! >>> (bit % 8)) & 1
      bits[row >>> 5]! |= isSet << (row & 31)
    }
    return { rowCount, bits }
  }

  #content(at: number, length: number): Buffer {
    const first = Math.floor(at / pageContentBytes)
    const last = Math.floor((at + length - 1) / pageContentBytes)
    if (first === last) {
      const from = at - first * pageContentBytes
      return this.#page(first).subarray(from, from + length)
    }
    const content = Buffer.allocUnsafe(length)
    for (let page = first, filled = 0; page <= last; page++) {
      const from = page === first ? at - first * pageContentBytes : 0
      filled += this.#page(page).copy(content, filled, from, from + length - filled)
    }
    return content
  }

  #page(number: number): Buffer {
    const known = this.#pages.get(number)
    if (known) return known
    const { offsetBytes, storedBytes } = this.record
    const length = Math.min(pageBytes, storedBytes - number * pageBytes)
    if (length <= 4) throw new RangeError('filter ends early')
    const page = this.#read(offsetBytes + number * pageBytes, length)
    const content = page.subarray(0, length - 4)
    if (page.length !== length || crc32(content) !== page.readUInt32LE(length - 4)) {
      throw new RangeError(`filter page ${number} is damaged`)
    }
    this.#pages.set(number, content)
    return content
  }
}
