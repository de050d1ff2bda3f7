// Metadata sets in memory, with what a table of them answers.

import type { LabelSet } from '@skald/wire'
import type { MetadataColumn, MetadataTable } from './block-view.ts'

/** Returns the sets of a column as a table. */
export function tableOf(column: MetadataColumn): MetadataTable {
  // Reading `sets` of a column with a table would decode all of them.
  return column.table ?? new SetList(column.sets)
}

/** A table of sets that are already decoded. */
class SetList implements MetadataTable {
  readonly #sets: readonly LabelSet[]

  constructor(sets: readonly LabelSet[]) {
    this.#sets = sets
  }

  get setCount(): number {
    return this.#sets.length
  }

  setAt(index: number): LabelSet {
    return this.#sets[index]!
  }

  sizesBytes(): Uint32Array {
    return Uint32Array.from(this.#sets, set => {
      let size = 0
      for (const { name, value } of set) size += Buffer.byteLength(name) + Buffer.byteLength(value)
      return size
    })
  }

  hasName(name: string): boolean {
    return this.#sets.some(set => set.some(label => label.name === name))
  }

  setsWith(name: string, value: string): Uint8Array {
    return Uint8Array.from(this.#sets, set =>
      set.some(label => label.name === name && label.value === value) ? 1 : 0,
    )
  }
}
