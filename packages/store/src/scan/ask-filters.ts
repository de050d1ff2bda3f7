// Asks the filters of a segment which of its blocks cannot have what a query needs.

import {
  FilterGroupReader,
  type FilterRecord,
  type ReadFilterBytes,
} from '../segment/filter/filter-group.ts'
import { columnsWith, type NeededKeys } from '../segment/filter/need-keys.ts'
import { type FilterAnswer, filterVerdicts } from './messages.ts'

/** A filter that cannot be read costs time, never an answer: its blocks are read instead. */
export function askFilters(
  filters: readonly FilterRecord[],
  keys: readonly NeededKeys[],
  read: ReadFilterBytes,
): FilterAnswer {
  const blockCount = filters.reduce((end, one) => Math.max(end, one.firstBlock + one.blockCount), 0)
  const verdicts = keys.map(() => new Uint8Array(blockCount))
  let damage: string | undefined
  let bytesRead = 0
  const readCounted: ReadFilterBytes = (offsetBytes, length) => {
    bytesRead += length
    return read(offsetBytes, length)
  }
  for (const record of filters) {
    try {
      const group = new FilterGroupReader(record, readCounted)
      for (const table of group.tables()) {
        for (const [i, needed] of keys.entries()) {
          const columns = columnsWith(needed, group, table)
          for (let column = 0; column < columns.length; column++) {
            verdicts[i]![record.firstBlock + table.blocks[column]!] =
              columns[column] === 1 ? filterVerdicts.passed : filterVerdicts.without
          }
        }
      }
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      damage ??= `${error.message} (group at byte ${record.offsetBytes})`
    }
  }
  return { verdicts, damage, bytesRead }
}
