// Finds the metadata sets of a block that have what a query needs.

import type { MetadataTable } from '../blocks/block-view.ts'
import type { LabelMap } from '../pipeline/labels.ts'
import type { Need } from '../pipeline/need.ts'

/** Returns 1 for each set that may meet a need, and 0 for the others; `undefined` if any set may. */
export function setsThatMeet(
  need: Need,
  table: MetadataTable,
  stream: LabelMap,
): Uint8Array | undefined {
  switch (need.kind) {
    case 'metadata':
      return table.setsWith(need.name, need.value)
    case 'metadata-name':
      return table.hasName(need.name) ? undefined : new Uint8Array(table.setCount)
    case 'stream-label':
      return stream.has(need.name) ? undefined : new Uint8Array(table.setCount)
    case 'all': {
      let found: Uint8Array | undefined
      for (const inner of need.of) {
        const marks = setsThatMeet(inner, table, stream)
        if (marks) found = found ? found.map((mark, i) => mark & marks[i]!) : marks
      }
      return found
    }
    case 'any': {
      const found = new Uint8Array(table.setCount)
      for (const inner of need.of) {
        const marks = setsThatMeet(inner, table, stream)
        if (!marks) return undefined
        for (let i = 0; i < found.length; i++) found[i]! |= marks[i]!
      }
      return found
    }
    case 'text':
    case 'escape':
      // What is needed of lines says nothing about metadata.
      return undefined
  }
}
