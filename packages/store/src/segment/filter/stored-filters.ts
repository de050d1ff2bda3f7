// Reads the filters of single blocks from a segment, for compactions that take over the blocks.

import type { BlockFilter } from './block-filter.ts'
import {
  FilterGroupReader,
  type FilterRecord,
  type FilterTable,
  type ReadFilterBytes,
} from './filter-group.ts'

interface OpenGroup {
  readonly reader: FilterGroupReader
  readonly tables: readonly FilterTable[]
}

/** The filters of one part of a segment. Keeps one group in memory: ask for blocks in order. */
export class StoredFilters {
  readonly #filters: readonly FilterRecord[]
  readonly #read: ReadFilterBytes
  #opened: { readonly record: FilterRecord; readonly group: OpenGroup | undefined } | undefined

  constructor(filters: readonly FilterRecord[], read: ReadFilterBytes) {
    this.#filters = filters
    this.#read = read
  }

  /**
   * Returns the filter of a block by its index in the part; `undefined` if there is none, or if it is damaged or
   * lacks keys that filters have now.
   */
  of(block: number): BlockFilter | undefined {
    const record = this.#filters.find(
      ({ firstBlock, blockCount }) => block >= firstBlock && block < firstBlock + blockCount,
    )
    if (!record?.hasNames) return undefined
    if (this.#opened?.record !== record) this.#opened = { record, group: this.#open(record) }
    const { group } = this.#opened
    try {
      for (const table of group?.tables ?? []) {
        const column = table.blocks.indexOf(block - record.firstBlock)
        if (column >= 0) return group!.reader.filterOf(table, column)
      }
    } catch (error) {
      // Damage: the caller makes a new filter from the lines.
      if (!(error instanceof RangeError)) throw error
    }
    return undefined
  }

  #open(record: FilterRecord): OpenGroup | undefined {
    try {
      const reader = new FilterGroupReader(record, this.#read)
      return { reader, tables: reader.tables() }
    } catch (error) {
      if (error instanceof RangeError) return undefined
      throw error
    }
  }
}
